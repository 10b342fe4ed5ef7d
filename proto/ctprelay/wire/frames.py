"""The frames of HTTP/2 that come with every message, as bytes (RFC 9113, section 6). All others are the h2 library's."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

HEAD: Final = struct.Struct(">HBBBL")
"""size, high and low part; kind; flags; stream"""
STREAM_BITS: Final = 0x7FFF_FFFF
LARGEST_PAYLOAD: Final = 16_384
"""of a frame; nobody may send a larger one unless it was allowed to, and we allow none"""
LARGEST_WINDOW: Final = 0x7FFF_FFFF
USUAL_WINDOW: Final = 65_535
"""of a connection and of a stream, until somebody says something else"""


class FrameKind(IntEnum):
    DATA = 0
    HEADERS = 1
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag:
    """Plain numbers: `&` of an enum's flags is a Python function, and every frame has some."""

    ACK: Final = 0x1
    END_STREAM: Final = 0x1
    END_HEADERS: Final = 0x4
    PADDED: Final = 0x8


class ErrorCode(IntEnum):
    """Section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    ENHANCE_YOUR_CALM = 11


class ProtocolBroken(Exception):
    """A rule of HTTP/2 was broken; the connection cannot go on."""

    def __init__(self, code: ErrorCode, words: str) -> None:
        super().__init__(words)
        self.code = code


def head(kind: int, flags: int, stream: int, size: int) -> bytes:
    """What a frame begins with."""
    return HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream)


def end_of_stream(stream: int) -> bytes:
    """Trailers without a field, which say that nothing more comes."""
    return head(FrameKind.HEADERS, Flag.END_STREAM | Flag.END_HEADERS, stream, 0)


def window_update(stream: int, more: int) -> bytes:
    """So many bytes more may be sent on this stream; 0 is the connection."""
    return head(FrameKind.WINDOW_UPDATE, 0, stream, 4) + more.to_bytes(4, "big")


def ping(content: bytes, *, ack: bool = False) -> bytes:
    """A ping of eight bytes, or its answer."""
    return head(FrameKind.PING, Flag.ACK if ack else 0, 0, 8) + content


def go_away(last: int, code: ErrorCode) -> bytes:
    """Streams after `last` will not be served."""
    return head(FrameKind.GOAWAY, 0, 0, 8) + last.to_bytes(4, "big") + code.to_bytes(4, "big")


def unpadded(payload: bytes) -> bytes:
    """The payload of a DATA frame that is padded, without its padding. Raises ProtocolBroken."""
    if not payload or payload[0] >= len(payload):
        raise ProtocolBroken(ErrorCode.PROTOCOL_ERROR, "more padding than data")
    return payload[1 : len(payload) - payload[0]]
