"""When no login is tried: the counter refused the relay itself, and every further login would make it worse."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ctpabi.facts.errors import LoginVerdict, verdict_of
from relay.refusals import relay_reasons
from relay.refusals.refusal import Refusal

_UNANSWERED_SECONDS = 10.0


class BreakerState(StrEnum):
    CLOSED = "closed"
    """logins go on"""
    OPEN = "open"
    """no login is tried"""
    HALF_OPEN = "half_open"
    """one login is tried; it decides"""


@dataclass(frozen=True, slots=True)
class BreakerAlarm:
    """What operations must know at once."""

    error_id: int
    text: str
    at: float


class Breaker:
    """Stops all new logins of the process after an error that concerns the whole relay."""

    def __init__(self, *, pause_seconds: float = 300.0) -> None:
        self.pause_seconds = pause_seconds
        self._state = BreakerState.CLOSED
        self._since = 0.0
        self._probe: object = None
        """who was let through to try for all"""
        self._asked = False
        """whether the counter has been asked since"""
        self.alarm: BreakerAlarm | None = None
        """the latest reason the breaker opened; None while it is closed"""

    def state(self, now: float) -> BreakerState:
        if self._state is BreakerState.OPEN and now - self._since >= self.pause_seconds:
            return BreakerState.HALF_OPEN
        return self._state

    def refusal(self, now: float) -> Refusal | None:
        """Why no login would be tried now; uses nothing up."""
        waiting = self._state is BreakerState.HALF_OPEN and now - self._since < self.pause_seconds
        return self._refusal() if waiting or self.state(now) is BreakerState.OPEN else None

    def seconds_left(self, now: float) -> float:
        """How long until a login is tried; 0 where one would be."""
        return max(0.0, self._since + self.pause_seconds - now) if self.alarm is not None else 0.0

    def admit(self, now: float, holder: object = None) -> Refusal | None:
        """May a login be tried now? In half-open the first caller is let through and the next have to wait.

        `holder` gives the try back where it was not used (`give_back`).
        """
        match self.state(now):
            case BreakerState.CLOSED:
                return None
            case BreakerState.HALF_OPEN if self._state is BreakerState.OPEN or now - self._since >= self.pause_seconds:
                # No login tries, or the one that was let through never reported its result.
                self._state, self._since, self._probe, self._asked = BreakerState.HALF_OPEN, now, holder, False
                return None
            case _:
                return self._refusal()

    def asked(self) -> None:
        """The counter is being asked: who was let through has used the try."""
        self._asked = True

    def give_back(self, now: float, holder: object) -> None:
        """`holder` has ended. Where its try decided nothing, another login gets it: at once where the counter was not asked.

        Where it was asked and no answer was waited for, not before `_UNANSWERED_SECONDS`: each such login may have made it worse.
        """
        if self._state is BreakerState.HALF_OPEN and self._probe is holder:
            wait = min(self.pause_seconds, _UNANSWERED_SECONDS) if self._asked else 0.0
            self._state, self._since, self._probe = BreakerState.OPEN, now - self.pause_seconds + wait, None

    def _refusal(self) -> Refusal:
        return relay_reasons.counter_unavailable(why=f"(CTP {self.alarm.error_id})" if self.alarm else "")

    def refused(self, error_id: int, text: str, now: float) -> BreakerAlarm | None:
        """The counter refused a login or an authentication; returns the alarm to raise.

        None where it is one user's, and where logins are stopped already.
        """
        if verdict_of(error_id) is not LoginVerdict.STOP_RELAY:
            if self._state is BreakerState.HALF_OPEN:
                self.reset()  # the counter answers about a user again, so it admits the relay
            return None
        was, self._state, self._since = self._state, BreakerState.OPEN, now
        self.alarm = BreakerAlarm(error_id, text, now)
        return None if was is BreakerState.OPEN else self.alarm

    def reset(self) -> None:
        """Closed again: a login went through, or an operator mended the cause."""
        self._state, self.alarm = BreakerState.CLOSED, None
