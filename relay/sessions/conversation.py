"""The conversation with one terminal stream: which message may come when.

    OPENED --hello--> CHALLENGED --login, resume--> ADMITTING --admitted--> ONLINE --logout--> CLOSED

The guard is asked before a message is looked at. A refusal of any kind leads to CLOSED, and the stream ends with it;
nothing of a refused message reaches the counter. `TerminalStream` does what the messages ask for.
"""

from __future__ import annotations

from enum import Enum, auto

from relay.domain.challenge import VALID_SECONDS
from relay.refusals import login_reasons, stream_reasons
from relay.refusals.refusal import Refusal

PROTOCOL = 1


class Stage(Enum):
    OPENED = auto()
    CHALLENGED = auto()
    ADMITTING = auto()
    ONLINE = auto()
    CLOSED = auto()


NEXT: dict[tuple[Stage, str], Stage] = {
    (Stage.OPENED, "hello"): Stage.CHALLENGED,
    (Stage.CHALLENGED, "login"): Stage.ADMITTING,
    (Stage.CHALLENGED, "resume"): Stage.ADMITTING,
    (Stage.ONLINE, "call"): Stage.ONLINE,
    (Stage.ONLINE, "logout"): Stage.CLOSED,
}
"""where a message leads; one that is not here cannot come in that state"""


class Conversation:
    """The guard of one stream."""

    def __init__(self) -> None:
        self.state = Stage.OPENED
        self._challenged_at = 0.0

    def expect(self, kind: str, now: float) -> Refusal | None:
        """Whether a message may come now, and go on to the next state where it may.

        `kind` is the name of the message in TerminalMessage.body: hello, login, resume, call, logout. `now` is in
        monotonic seconds.
        """
        following = NEXT.get((self.state, kind))
        if following is None:
            return self._out_of_turn(kind)
        if self.state is Stage.CHALLENGED and now - self._challenged_at > VALID_SECONDS:
            return login_reasons.challenge_expired()
        if following is Stage.CHALLENGED:
            self._challenged_at = now
        self.state = following
        return None

    def _out_of_turn(self, kind: str) -> Refusal:
        if kind == "call":
            return stream_reasons.not_logged_in()
        return stream_reasons.unexpected_message(what=kind.capitalize(), while_doing=self.state.name.lower())

    def admitted(self) -> None:
        """The login or the resume succeeded; a conversation that was closed meanwhile stays closed."""
        if self.state is Stage.ADMITTING:
            self.state = Stage.ONLINE

    def close(self) -> None:
        """Something was refused: no message may come any more."""
        self.state = Stage.CLOSED
