"""Writes fields of one struct in place, quickly: for the returns, where `ctpabi.codec.layout.put` would be the hot spot.

It trusts its caller: values are the counter's own, of the field's kind; text that is too long is cut.
"""

from __future__ import annotations

import struct as machine
from collections.abc import Callable
from typing import Any

from ctpabi.catalog import Field, Kind, Struct
from ctpabi.codec import text

Write = Callable[[bytearray, Any], None]


class Pen:
    def __init__(self, struct: Struct) -> None:
        self.struct = struct
        self._writes = {field.name: _write_of(field) for field in struct.fields}

    def write_fields(self, body: bytearray, **fields: Any) -> None:
        """KeyError for a field the struct does not have."""
        writes = self._writes
        for name, value in fields.items():
            writes[name](body, value)


def _write_of(field: Field) -> Write:
    start, end, size = field.offset, field.offset + field.size, field.size
    if field.kind is Kind.TEXT:

        def write_text(body: bytearray, value: Any) -> None:
            encoded = value.encode() if value.isascii() else text.encode(value)
            body[start:end] = encoded[: size - 1].ljust(size, b"\0")

        return write_text
    if field.kind is Kind.CHAR:

        def write_char(body: bytearray, value: Any) -> None:
            body[start] = ord(value) if value else 0

        return write_char
    pack_into = machine.Struct({Kind.INT: "<i", Kind.SHORT: "<h", Kind.DOUBLE: "<d"}[field.kind]).pack_into
    return lambda body, value: pack_into(body, start, value)
