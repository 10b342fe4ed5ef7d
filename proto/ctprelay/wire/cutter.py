"""Cuts what comes on a connection into frames, and says which of them are h2's. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ctprelay.wire.frames import HEAD, LARGEST_PAYLOAD, STREAM_BITS, ErrorCode, Flag, FrameKind, ProtocolBroken

_PREFACE_BYTES: Final = 24
RARE: Final = -1
"""the kind of what h2 is to work on: its payload is the whole frame, or the preface"""
_WINDOW_UPDATE_BYTES: Final = 4
_PING_BYTES: Final = 8


class Cutter:
    """Holds at most one frame that is not complete."""

    __slots__ = ("_has_begun", "_in_headers", "_rest")

    def __init__(self, *, begun: bool = False) -> None:
        """`begun` at an end that gets no preface."""
        self._rest = b""
        self._has_begun, self._in_headers = begun, False

    def only_data(self, data: bytes) -> tuple[int, int, bytes] | None:
        """Stream, flags and payload where these bytes are one DATA frame, as nearly always; None where `cut` is to read them."""
        if self._rest or not self._has_begun or self._in_headers or len(data) < HEAD.size:
            return None
        high, low, kind, flags, stream = HEAD.unpack_from(data)
        size = high << 8 | low
        if kind or size != len(data) - HEAD.size or size > LARGEST_PAYLOAD:
            return None
        return stream & STREAM_BITS, flags, data[HEAD.size :]

    def cut(self, data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """Kind, flags, stream and payload of each frame that is complete now. Raises ProtocolBroken."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        if not self._has_begun and end >= _PREFACE_BYTES:
            self._has_begun, at = True, _PREFACE_BYTES
            yield RARE, 0, 0, data[:at]
        while self._has_begun and end - at >= HEAD.size:
            high, low, kind, flags, stream = HEAD.unpack_from(data, at)
            size = high << 8 | low
            if size > LARGEST_PAYLOAD:
                raise ProtocolBroken(ErrorCode.FRAME_SIZE_ERROR, "a frame is too large")
            begin, at_next = at + HEAD.size, at + HEAD.size + size
            if at_next > end:
                break
            if self._is_rare(kind, flags, stream, size):
                yield RARE, flags, stream, data[at:at_next]
            else:
                yield kind, flags, stream & STREAM_BITS, data[begin:at_next]
            at = at_next
        self._rest = data[at:]

    def _is_rare(self, kind: int, flags: int, stream: int, size: int) -> bool:
        if self._in_headers:
            self._in_headers = kind != FrameKind.CONTINUATION or not flags & Flag.END_HEADERS
            return True
        match kind:
            case FrameKind.DATA | FrameKind.GOAWAY:
                return False
            case FrameKind.WINDOW_UPDATE:
                return size != _WINDOW_UPDATE_BYTES
            case FrameKind.PING:
                return size != _PING_BYTES or bool(stream & STREAM_BITS)
            case (
                FrameKind.HEADERS | FrameKind.PUSH_PROMISE
            ):  # which nobody may send here; h2 waits for its end all the same
                self._in_headers = not flags & Flag.END_HEADERS
            case _:
                pass
        return True
