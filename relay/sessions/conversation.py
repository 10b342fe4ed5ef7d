"""The conversation with one terminal stream: what may be said when, and what the relay does about it.

    OPENED --Hello--> CHALLENGED --Login--> ADMITTING --Admitted--> ONLINE --Logout--> CLOSED
                                 --Resume-> ADMITTING
    any refusal, and anything said out of turn, leads to CLOSED with one Rejected

A message that has no rule in the present state is the terminal's mistake: it is refused by name, and nothing
reaches the counter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from relay.domain.challenge import VALID_SECONDS
from relay.refusals import login_reasons, stream_reasons
from relay.refusals.refusal import Refusal

PROTOCOL = 1


class State(Enum):
    OPENED = auto()
    CHALLENGED = auto()
    ADMITTING = auto()
    ONLINE = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class HelloReceived:
    protocol: int
    at: float
    """monotonic seconds"""


@dataclass(frozen=True, slots=True)
class LoginReceived:
    at: float


@dataclass(frozen=True, slots=True)
class ResumeReceived:
    at: float


@dataclass(frozen=True, slots=True)
class CallReceived:
    pass


@dataclass(frozen=True, slots=True)
class LogoutReceived:
    pass


@dataclass(frozen=True, slots=True)
class Admitted:
    pass


@dataclass(frozen=True, slots=True)
class Turned:
    """The login or the resume was refused."""

    refusal: Refusal


Event = HelloReceived | LoginReceived | ResumeReceived | CallReceived | LogoutReceived | Admitted | Turned


@dataclass(frozen=True, slots=True)
class SendChallenge:
    pass


@dataclass(frozen=True, slots=True)
class Admit:
    pass


@dataclass(frozen=True, slots=True)
class AttachAgain:
    pass


@dataclass(frozen=True, slots=True)
class Welcome:
    pass


@dataclass(frozen=True, slots=True)
class Forward:
    """Hand the call down to the counter."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Say why and end the stream."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class SayGoodbye:
    """The terminal logged out: end session and stream."""


Command = SendChallenge | Admit | AttachAgain | Welcome | Forward | Reject | SayGoodbye


class Conversation:
    """The machine of one stream; `on` returns the one thing to do."""

    def __init__(self) -> None:
        self.state = State.OPENED
        self._challenged_at = 0.0
        self._rules: dict[tuple[State, type], Callable[..., Command]] = {
            (State.OPENED, HelloReceived): self._hello,
            (State.CHALLENGED, LoginReceived): self._login,
            (State.CHALLENGED, ResumeReceived): self._resume,
            (State.ADMITTING, Admitted): self._admitted,
            (State.ADMITTING, Turned): self._turned,
            (State.ONLINE, CallReceived): self._call,
            (State.ONLINE, LogoutReceived): self._logout,
        }

    def on(self, event: Event) -> Command:
        """Decide what to do about one event."""
        rule = self._rules.get((self.state, type(event)))
        if rule is None:
            return self._out_of_turn(event)
        return rule(event)

    def _hello(self, event: HelloReceived) -> Command:
        if event.protocol != PROTOCOL:
            return self._close(stream_reasons.protocol_unsupported(given=event.protocol))
        self.state, self._challenged_at = State.CHALLENGED, event.at
        return SendChallenge()

    def _login(self, event: LoginReceived) -> Command:
        return self._in_time(event.at, Admit())

    def _resume(self, event: ResumeReceived) -> Command:
        return self._in_time(event.at, AttachAgain())

    def _in_time(self, at: float, command: Command) -> Command:
        if at - self._challenged_at > VALID_SECONDS:
            return self._close(login_reasons.challenge_expired())
        self.state = State.ADMITTING
        return command

    def _admitted(self, _: Admitted) -> Command:
        self.state = State.ONLINE
        return Welcome()

    def _turned(self, event: Turned) -> Command:
        self.state = State.CLOSED
        return Reject(event.refusal)

    def _call(self, _: CallReceived) -> Command:
        return Forward()

    def _logout(self, _: LogoutReceived) -> Command:
        self.state = State.CLOSED
        return SayGoodbye()

    def _out_of_turn(self, event: Event) -> Command:
        if isinstance(event, CallReceived):
            return self._close(stream_reasons.not_logged_in())
        name = type(event).__name__.removesuffix("Received")
        return self._close(stream_reasons.unexpected_message(what=name, while_doing=self.state.name.lower()))

    def _close(self, refusal: Refusal) -> Command:
        self.state = State.CLOSED
        return Reject(refusal)
