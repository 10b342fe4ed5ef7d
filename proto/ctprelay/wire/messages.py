"""Messages of gRPC in the bytes of a stream: one byte that says whether it is compressed, four of its size, the message."""

from __future__ import annotations

import struct
from typing import Final

from ctprelay.wire.frames import FrameKind

PREFIX: Final = 5
_PLAIN: Final = 0
_DATA: Final = int(FrameKind.DATA)
_BOTH_HEADS: Final = struct.Struct(">HBBBLBL")
"""a frame's (`frames.HEAD`), then a message's"""


class MessageWrong(Exception):
    """The stream cannot go on after this one."""


class MessageTooLarge(MessageWrong):
    """It says that it has more bytes than are taken."""


class MessageCompressed(MessageWrong):
    """It is compressed, which nobody here offered."""


def framed(message: bytes) -> bytes:
    """A message as it is sent."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def alone_in_frame(stream: int, message: bytes) -> bytes:
    """The DATA frame of HTTP/2 that holds one message; it must not be too large for one."""
    size = PREFIX + len(message)
    return _BOTH_HEADS.pack(size >> 8, size & 0xFF, _DATA, 0, stream, _PLAIN, len(message)) + message


class MessagePieces:
    """Puts together what came in pieces; holds at most one message that is not complete."""

    __slots__ = ("_begun", "_most")

    def __init__(self, most: int) -> None:
        """`most` bytes may one message have."""
        self._most = most
        self._begun: bytearray | None = None

    @property
    def is_between(self) -> bool:
        """Whether no message has begun and is not complete."""
        return not self._begun

    def take(self, data: bytes) -> list[bytes]:
        """The messages that are complete with these bytes; raises MessageWrong."""
        if not self._begun:
            if len(data) >= PREFIX and self._size(data, 0) == len(data) - PREFIX:
                return [data[PREFIX:]]  # nearly always
            self._begun = bytearray()
        self._begun += data
        return self._complete(self._begun)

    def _complete(self, begun: bytearray) -> list[bytes]:
        found: list[bytes] = []
        at = 0
        while len(begun) - at >= PREFIX:
            after = at + PREFIX + self._size(begun, at)
            if after > len(begun):
                break
            found.append(bytes(begun[at + PREFIX : after]))
            at = after
        if at == len(begun):
            self._begun = None
        else:
            del begun[:at]
        return found

    def _size(self, data: bytes | bytearray, at: int) -> int:
        size = int.from_bytes(data[at + 1 : at + PREFIX], "big")
        if data[at] != _PLAIN:
            raise MessageCompressed
        if size > self._most:
            raise MessageTooLarge
        return size
