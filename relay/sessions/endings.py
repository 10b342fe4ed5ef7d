"""How a terminal session, or its stream, can end: one row for each way, with its word and its texts.

Goodbye.Kind in terminal.proto has the same rows and says what a terminal does about each. The relay chooses by
row; the texts are for people and for the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ctprelay.v1.terminal_pb2 import Goodbye


class EndKind(Enum):
    """A way to end: its value in Goodbye, Chinese, English."""

    LOGGED_OUT = Goodbye.KIND_LOGGED_OUT, "终端退出登录", "the terminal logged out"
    RELAY_STOPPING = Goodbye.KIND_RELAY_STOPPING, "中继停机", "the relay is about to stop"
    SLOW_READER = (
        Goodbye.KIND_SLOW_READER,
        "读取过慢",
        "the terminal does not read fast enough; resume to get what it missed",
    )
    STREAM_FAULT = Goodbye.KIND_STREAM_FAULT, "中继内部错误", "the relay could not go on with this stream"
    TAKEN_OVER = Goodbye.KIND_TAKEN_OVER, "会话已在别处恢复", "the session was resumed on another stream"
    COUNTER_ENDED = Goodbye.KIND_COUNTER_ENDED, "柜台会话已结束", "the counter session ended"
    RELAY_FAULT = Goodbye.KIND_RELAY_FAULT, "中继内部错误", "the relay could not go on with this session"
    DISABLED = Goodbye.KIND_DISABLED, "已被期货公司停用", "disabled by the futures firm"
    KICKED = Goodbye.KIND_KICKED, "被期货公司运维人员断开", "an operator of the futures firm ended the session"
    PROTOCOL_ERROR = (
        Goodbye.KIND_PROTOCOL_ERROR,
        "终端违反协议",
        "the terminal sent what the conversation does not allow",
    )
    LINGER_OVER = Goodbye.KIND_LINGER_OVER, "断线保留时间已过", "the terminal did not come back in time"
    REPLACED = (
        Goodbye.KIND_REPLACED,
        "同一终端重新登录",
        "a new login of the same investor, terminal and address took the place",
    )
    NOT_ADMITTED = Goodbye.KIND_UNSPECIFIED, "登录未完成", "the login was refused after all"

    def __init__(self, wire: Goodbye.Kind, chinese: str, english: str) -> None:
        self.wire = wire
        self.chinese = chinese
        self.english = english

    @property
    def word(self) -> str:
        """What the ledger calls it, and what its text begins with."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Ending:
    kind: EndKind
    detail: str = ""
    """in the place of the row's own texts, e.g. a refusal's reason and message"""

    @property
    def text(self) -> str:
        """For people: a word, then what happened."""
        return self.detail or f"{self.kind.word}: {self.kind.english} {self.kind.chinese}"
