"""Frames of the T2 wire: four bytes and a body. Bytes 1 to 3 are the body's length, byte 0 is their exclusive or."""

from __future__ import annotations

HEAD = 4
MAX_BODY = 0xFFFFFF
"""what three bytes can say"""


class FrameError(ValueError):
    """What came is no frame; the connection can only be ended."""


def encode_frame(body: bytes) -> bytes:
    """Raises FrameError for a body that is too long."""
    if len(body) > MAX_BODY:
        raise FrameError(f"a body of {len(body)} bytes is too long for a frame")
    length = len(body).to_bytes(3, "big")
    return bytes([_check_byte(length)]) + length + body


def _check_byte(length: bytes) -> int:
    return length[0] ^ length[1] ^ length[2]


class T2Reader:
    """Bodies out of a stream of bytes."""

    def __init__(self, limit: int = MAX_BODY) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are whole now. Raises FrameError."""
        self._buffer += data
        bodies: list[bytes] = []
        while len(self._buffer) >= HEAD:
            length = bytes(self._buffer[1:HEAD])
            if self._buffer[0] != _check_byte(length):
                raise FrameError("the first byte does not check the length")
            end = HEAD + int.from_bytes(length, "big")
            if end == HEAD or end - HEAD > self._limit:
                raise FrameError("a length of 0, or beyond the limit")
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[HEAD:end]))
            del self._buffer[:end]
        return bodies
