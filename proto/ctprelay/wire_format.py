"""The primitives of protobuf's wire format, for code that writes messages without building them."""

from __future__ import annotations

from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
"""wire types"""
_LAST: Final = tuple(bytes((n,)) for n in range(1 << 7))
_MORE: Final = tuple(bytes((n | 0x80,)) for n in range(1 << 7))
"""seven bits of a varint, as its last byte and as one that others follow"""


def varint(value: int) -> bytes:
    """A base-128 varint; negative int32 take ten bytes, as protobuf has it."""
    if 0 <= value < 1 << 7:
        return _LAST[value]
    if 0 <= value < 1 << 14:
        return _MORE[value & 0x7F] + _LAST[value >> 7]
    if 0 <= value < 1 << 21:
        return _MORE[value & 0x7F] + _MORE[value >> 7 & 0x7F] + _LAST[value >> 14]
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number: int, wire_type: int) -> bytes:
    """What stands before a field's value."""
    return varint(number << 3 | wire_type)


def delimited(number: int, content: bytes) -> bytes:
    """A field holding text, bytes or a message."""
    return tag(number, LENGTH) + varint(len(content)) + content


def unsigned(number: int, value: int) -> bytes:
    """A field holding an integer or a bool; nothing for zero."""
    return tag(number, VARINT) + varint(int(value)) if value else b""
