"""The primitives of protobuf's wire format, for code that writes messages without building them."""

from __future__ import annotations

VARINT, FIXED64, LENGTH = 0, 1, 2
"""wire types"""


def varint(value: int) -> bytes:
    """A base-128 varint; negative int32 take ten bytes, as protobuf has it."""
    if 0 <= value < 1 << 7:
        return bytes((value,))
    if 0 <= value < 1 << 14:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if 0 <= value < 1 << 21:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
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
