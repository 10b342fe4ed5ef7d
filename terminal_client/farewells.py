"""What a terminal does about the relay's last word on a stream; the rows are those of Goodbye.Kind in terminal.proto."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ctprelay.v1.terminal_pb2 import Goodbye


class NextStep(Enum):
    """What follows a goodbye."""

    RESUME = "resume"
    """the session is still there"""
    LOG_IN = "log in"
    """the session is over, and a new login is welcome"""
    STOP = "stop"
    """a person has to decide"""


class Farewell(Enum):
    """A kind of goodbye: its value on the wire, what follows, and what its user can do, in Chinese and English."""

    UNKNOWN = Goodbye.KIND_UNSPECIFIED, NextStep.STOP, "", ""
    LOGGED_OUT = Goodbye.KIND_LOGGED_OUT, NextStep.STOP, "", ""
    RELAY_STOPPING = Goodbye.KIND_RELAY_STOPPING, NextStep.LOG_IN, "请稍后重新登录", "log in again later"
    SLOW_READER = Goodbye.KIND_SLOW_READER, NextStep.RESUME, "", ""
    STREAM_FAULT = Goodbye.KIND_STREAM_FAULT, NextStep.RESUME, "", ""
    TAKEN_OVER = (
        Goodbye.KIND_TAKEN_OVER,
        NextStep.STOP,
        "会话在另一程序中继续",
        "the session goes on in another program",
    )
    COUNTER_ENDED = (
        Goodbye.KIND_COUNTER_ENDED,
        NextStep.STOP,
        "请查明原因后再登录",
        "find out why before you log in again",
    )
    RELAY_FAULT = Goodbye.KIND_RELAY_FAULT, NextStep.LOG_IN, "请重新登录", "log in again"
    DISABLED = Goodbye.KIND_DISABLED, NextStep.STOP, "请联系期货公司", "ask your futures firm"
    KICKED = Goodbye.KIND_KICKED, NextStep.STOP, "请联系期货公司", "ask your futures firm"
    PROTOCOL_ERROR = Goodbye.KIND_PROTOCOL_ERROR, NextStep.STOP, "请升级终端软件", "update this terminal"
    LINGER_OVER = Goodbye.KIND_LINGER_OVER, NextStep.LOG_IN, "请重新登录", "log in again"
    REPLACED = Goodbye.KIND_REPLACED, NextStep.STOP, "同一终端已重新登录", "this terminal has logged in again elsewhere"

    def __init__(self, wire: Goodbye.Kind, next_step: NextStep, chinese: str, english: str) -> None:
        self.wire = wire
        self.next_step = next_step
        self.advice = f"{chinese} {english}".strip()

    @property
    def word(self) -> str:
        """For programs that read JSON: relay_stopping, taken_over …"""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class LastWord:
    """How a stream ended."""

    kind: Farewell
    reason: str
    """the relay's words, for people"""


_KINDS = {int(kind.wire): kind for kind in Farewell}


def last_word(goodbye: Goodbye) -> LastWord:
    """A goodbye of the relay; a kind that this version does not know is UNKNOWN."""
    kind = _KINDS.get(goodbye.kind, Farewell.UNKNOWN)
    return LastWord(kind, goodbye.reason or kind.word)
