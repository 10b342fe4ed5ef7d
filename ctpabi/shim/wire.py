"""The wire between shim and whoever is behind it: a 16-byte little-endian header and a body, on a socket of this machine.

    u32 body length | u8 type | u8 flags | u16 slot | i32 request id | u32 aux

A slot is a position in the C++ vtable: of the API for calls and reports, of the Spi for events.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import Any

HEADER = struct.Struct("<IBBHiI")
MAX_BODY = 1 << 20
"""bytes; the largest CTP struct is below 10 KB, so anything near this is not our shim"""


class FrameType(StrEnum):
    HELLO = "H"
    CALL = "C"
    EVENT = "E"
    REPORT = "R"
    STATE = "S"


class EventFlag(IntFlag):
    STRUCT = 1
    """the body starts with the callback's struct, `aux` bytes long"""
    RSP_INFO = 2
    """the body ends with a RspInfo struct"""
    LAST = 4
    """bIsLast"""


# As plain numbers: an IntFlag's operators cost more than the rest of an event's frame.
_STRUCT, _RSP_INFO, _LAST = (int(flag) for flag in EventFlag)


class WireError(ValueError):
    """The peer sent something that is not this protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    type: FrameType
    slot: int = 0
    flags: int = 0
    request_id: int = 0
    aux: int = 0
    body: bytes = b""

    def encode(self) -> bytes:
        header = HEADER.pack(len(self.body), ord(self.type), self.flags, self.slot, self.request_id, self.aux)
        return header + self.body


def json_frame(frame_type: FrameType, content: dict[str, Any]) -> Frame:
    """A hello or a state: its body is JSON in UTF-8."""
    return Frame(frame_type, body=json.dumps(content, ensure_ascii=False).encode())


def json_body(frame: Frame) -> dict[str, Any]:
    """The content of a hello or a state; WireError when it is not a JSON object."""
    try:
        content = json.loads(frame.body)
    except ValueError as error:
        raise WireError(f"{frame.type.name} is not JSON") from error
    if not isinstance(content, dict):
        raise WireError(f"{frame.type.name} is not a JSON object")
    return content


def event_frame(slot: int, body: bytes | None, rsp_info: bytes | None, request_id: int, *, is_last: bool) -> Frame:
    """A callback with a struct: `body` None is the NULL pointer of an empty answer."""
    flags = (
        (_STRUCT if body is not None else 0) | (_RSP_INFO if rsp_info is not None else 0) | (_LAST if is_last else 0)
    )
    return Frame(FrameType.EVENT, slot, flags, request_id, len(body or b""), (body or b"") + (rsp_info or b""))


class FrameReader:
    """Cuts a byte stream into frames; knows nothing of sockets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by `data`; WireError for an unknown type or an oversize body."""
        self._buffer += data
        frames: list[Frame] = []
        position = 0
        while len(self._buffer) - position >= HEADER.size:
            length, kind, flags, slot, request_id, aux = HEADER.unpack_from(self._buffer, position)
            if length > MAX_BODY:
                raise WireError(f"frame of {length} bytes, at most {MAX_BODY} are allowed")
            end = position + HEADER.size + length
            if len(self._buffer) < end:
                break
            body = bytes(self._buffer[position + HEADER.size : end])
            frames.append(Frame(_frame_type(kind), slot, flags, request_id, aux, body))
            position = end
        del self._buffer[:position]
        return frames


def _frame_type(kind: int) -> FrameType:
    try:
        return FrameType(chr(kind))
    except ValueError as error:
        raise WireError(f"unknown frame type {kind}") from error
