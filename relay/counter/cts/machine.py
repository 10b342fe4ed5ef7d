"""What comes next on the way to a live session at CTS, and after a break. Pure: an event in, one command out.

    open -> connect -> greet -> (operator) -> accounts -> stay
                ^                                            |
                +------------------ pause <---- break -------+

* Before it was live once, a session of many-to-many ends with its first failure, and its terminal hears why. One that is kept
  (many-to-one) never ends by a failure: it pauses and begins again.
* After a break the greeting names the session that broke. Where the counter does not know it, a new one is asked for at
  once, on a new connection; then everything is done again, because what a session keeps is not known.
* A session that the counter ends unasked (10001), in whatever phase, does not come back by itself: a person decided that.
  Nor does one whose operator is refused: a further try with the same password may lock the account. `PersonAsks` begins anew.
* A greeting that names a session and gets no answer is not sent again: the next one asks for a new session.
* A pause is as long as the settings say; `PersonAsks` ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from relay.refusals.refusal import Refusal


class LinePhase(Enum):
    """Where a session is."""

    NEW = auto()
    CONNECTING = auto()
    GREETING = auto()
    OPERATOR = auto()
    ACCOUNTS = auto()
    LIVE = auto()
    PAUSED = auto()
    FORCED_OUT = auto()
    """waits for a person"""
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Begin:
    """Somebody needs the session."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was commanded is done."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be done, or what there was broke."""

    refusal: Refusal
    for_person: bool = False
    """whether a person must mend something before the next try"""


@dataclass(frozen=True, slots=True)
class ResumeRefused:
    """The counter does not know the session that broke."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """10001 came unasked."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class PauseOver:
    """Time to try again."""


@dataclass(frozen=True, slots=True)
class PersonAsks:
    """A person wants it to be tried now."""


LineEvent = Begin | Done | Failed | ResumeRefused | CutOff | PauseOver | PersonAsks


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a TCP connection."""


@dataclass(frozen=True, slots=True)
class Greet:
    """Send 10000."""

    resume: bool


@dataclass(frozen=True, slots=True)
class LogOperatorIn:
    """Send 10021."""


@dataclass(frozen=True, slots=True)
class LogAccountsIn:
    """Log every account in again that was logged in before."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Live: wait for what happens."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before the next try, or for a person alone where `for_person`."""

    for_person: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """It is over."""

    refusal: Refusal


LineCommand = Connect | Greet | LogOperatorIn | LogAccountsIn | Stay | Pause | End


_STEPS = frozenset({LinePhase.CONNECTING, LinePhase.GREETING, LinePhase.OPERATOR, LinePhase.ACCOUNTS})
_CAN_FAIL = _STEPS | {LinePhase.LIVE, LinePhase.PAUSED}
_BEGINNINGS = frozenset(
    {
        (LinePhase.NEW, Begin),
        (LinePhase.PAUSED, PauseOver),
        (LinePhase.PAUSED, PersonAsks),
        (LinePhase.FORCED_OUT, PersonAsks),
    }
)


class LineMachine:
    """Of one session."""

    def __init__(self, *, has_operator: bool, is_kept: bool) -> None:
        self.phase = LinePhase.NEW
        self.was_live = False
        self._has_operator = has_operator
        self._is_kept = is_kept
        self._knows_session = False
        """whether there is a session that could be resumed"""

    def feed(self, event: LineEvent) -> LineCommand:
        """What to do now. Raises AssertionError where the event cannot be in this phase."""
        match event:
            case CutOff():
                return self._forced(event)
            case Failed() if self.phase in _CAN_FAIL:
                return self._failed(event)
            case Done() if self.phase in _STEPS:
                return self._next()
            case ResumeRefused() if self.phase is LinePhase.GREETING:
                self._knows_session = False
                return self._connect()
        if (self.phase, type(event)) in _BEGINNINGS:
            return self._connect()
        raise AssertionError(f"{type(event).__name__} in {self.phase.name}")

    def _next(self) -> LineCommand:
        """The step after the one that is done."""
        if self.phase is LinePhase.CONNECTING:
            self.phase = LinePhase.GREETING
            return Greet(self._knows_session)
        if self.phase is LinePhase.GREETING:
            self._knows_session = True
        if self.phase is LinePhase.GREETING and self._has_operator:
            self.phase = LinePhase.OPERATOR
            return LogOperatorIn()
        if self.phase is not LinePhase.ACCOUNTS:
            self.phase = LinePhase.ACCOUNTS
            return LogAccountsIn()
        self.phase, self.was_live = LinePhase.LIVE, True
        return Stay()

    def _connect(self) -> LineCommand:
        self.phase = LinePhase.CONNECTING
        return Connect()

    def _failed(self, event: Failed) -> LineCommand:
        if self.phase is LinePhase.GREETING:
            self._knows_session = False
        if event.for_person and self._is_kept:
            self.phase = LinePhase.FORCED_OUT
            return Pause(for_person=True)
        if self.was_live or self._is_kept:
            self.phase = LinePhase.PAUSED
            return Pause()
        self.phase = LinePhase.ENDED
        return End(event.refusal)

    def _forced(self, event: CutOff) -> LineCommand:
        self._knows_session = False
        if self._is_kept:
            self.phase = LinePhase.FORCED_OUT
            return Pause(for_person=True)
        self.phase = LinePhase.ENDED
        return End(event.refusal)
