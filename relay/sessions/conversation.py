"""The conversation with one terminal stream: which message may come when.

    OPENED --hello--> CHALLENGED --login, resume--> ADMITTING --admitted--> ONLINE --logout--> CLOSED

The guard is asked before a message is looked at. A refusal of any kind leads to CLOSED, and the stream ends with it;
nothing of a refused message reaches the counter. `TerminalStream` does what the messages ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from relay.admission.challenge import VALID_SECONDS
from relay.refusals import login_reasons, stream_reasons
from relay.refusals.refusal import Refusal

PROTOCOL = 1


class Phase(Enum):
    OPENED = auto()
    CHALLENGED = auto()
    ADMITTING = auto()
    ONLINE = auto()
    CLOSED = auto()


NEXT: dict[tuple[Phase, str], Phase] = {
    (Phase.OPENED, "hello"): Phase.CHALLENGED,
    (Phase.CHALLENGED, "login"): Phase.ADMITTING,
    (Phase.CHALLENGED, "resume"): Phase.ADMITTING,
    (Phase.ONLINE, "call"): Phase.ONLINE,
    (Phase.ONLINE, "logout"): Phase.CLOSED,
}
"""where a message leads; one that is not here cannot come in that state"""


class Conversation:
    def __init__(self, following: Mapping[tuple[Phase, str], Phase] = NEXT) -> None:
        """`following` is the table; that of a terminal's session where none is given."""
        self.state = Phase.OPENED
        self._following = following
        self._challenged_at = 0.0

    def expect(self, kind: str, now: float) -> Refusal | None:
        """Whether a message may come now, and go on to the next state where it may.

        `kind` is the name of the message in TerminalMessage.body: hello, login, resume, call, logout. `now` is in
        monotonic seconds.
        """
        following = self._following.get((self.state, kind))
        if following is None:
            return self._out_of_turn(kind)
        if self.state is Phase.CHALLENGED and now - self._challenged_at > VALID_SECONDS:
            return login_reasons.challenge_expired()
        if following is Phase.CHALLENGED:
            self._challenged_at = now
        self.state = following
        return None

    def _out_of_turn(self, kind: str) -> Refusal:
        if kind == "call":
            return stream_reasons.not_logged_in()
        return stream_reasons.unexpected_message(what=kind.capitalize(), while_doing=self.state.name.lower())

    def admitted(self) -> None:
        """The login or the resume succeeded; a conversation that was closed meanwhile stays closed."""
        if self.state is Phase.ADMITTING:
            self.state = Phase.ONLINE

    def challenged_ago(self, now: float) -> float:
        """Seconds since the challenge, for the worker that takes the conversation over."""
        return now - self._challenged_at

    def take_over(self, now: float, challenged_ago: float) -> None:
        """The challenge was sent, so long ago, by another worker of the machine."""
        self.state, self._challenged_at = Phase.CHALLENGED, now - challenged_ago

    def close(self) -> None:
        """Something was refused: no message may come any more."""
        self.state = Phase.CLOSED
