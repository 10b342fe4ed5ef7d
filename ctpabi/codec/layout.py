"""Struct bytes <-> Python values, by the catalog's layout.

Values are read and written as the catalog's kinds say: TEXT as str, BYTES as bytes, CHAR as a str of one character or
empty, INT and SHORT as int, DOUBLE as float (CTP's "no value", DBL_MAX, included). Padding is always zero.
Errors name struct and field, never the value: it may be a password.
"""

from __future__ import annotations

import struct as machine
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ctpabi.catalog import Field, Kind, Struct
from ctpabi.codec import text

DBL_MAX = 1.7976931348623157e308
"""what CTP sends for a double that has no value"""

_FORMATS = {Kind.CHAR: "c", Kind.SHORT: "h", Kind.INT: "i", Kind.DOUBLE: "d"}


class LayoutError(ValueError):
    """The values do not fit the struct, or the bytes are not the struct's."""


class UnknownField(LayoutError):
    """The struct has no field of that name."""


class FieldTooLong(LayoutError):
    """Encoded, the value needs more bytes than the field has; CTP would cut it."""


class BadValue(LayoutError):
    """The value is not of the field's kind or not in its range."""


class WrongSize(LayoutError):
    """The bytes are not as many as the struct has."""


def pack(struct: Struct, values: Mapping[str, Any]) -> bytes:
    """The struct's bytes; fields not in `values` are zero. Raises LayoutError."""
    plan = layout_of(struct)
    raw = list(plan.zeros)
    for name, value in values.items():
        index = plan.index(name)
        raw[index] = plan.raw(index, value)
    return plan.codec.pack(*raw)


def unpack(struct: Struct, data: bytes) -> dict[str, Any]:
    """All fields of the struct by CTP's names. Raises WrongSize."""
    plan = layout_of(struct)
    values: list[Any] = list(plan.unpack(data))
    for index, length_index in plan.binaries:
        values[index] = binary_content(values[index], None if length_index is None else values[length_index])
    for index in plan.texts:
        values[index] = text.decode(values[index])
    for index in plan.chars:
        values[index] = _char(values[index])
    return dict(zip(plan.indexes, values, strict=True))


def get(struct: Struct, data: bytes | bytearray | memoryview, name: str) -> Any:
    """One field's value, without unpacking the others. Raises UnknownField."""
    field = struct.fields[layout_of(struct).index(name)]
    raw = bytes(data[field.offset : field.offset + field.size])
    match field.kind:
        case Kind.TEXT:
            return text.decode(raw)
        case Kind.BYTES:
            length = get(struct, data, field.length_field) if field.length_field else None
            return binary_content(raw, length)
        case Kind.CHAR:
            return _char(raw)
        case Kind.SHORT | Kind.INT | Kind.DOUBLE:
            return machine.unpack("<" + _FORMATS[field.kind], raw)[0]


def put(struct: Struct, data: bytearray, name: str, value: Any) -> None:
    """Write one field in place, the rest of its bytes zero. Raises LayoutError."""
    plan = layout_of(struct)
    index = plan.index(name)
    field = struct.fields[index]
    machine.pack_into(f"<{_format(field)}", data, field.offset, plan.raw(index, value))


@dataclass(frozen=True, slots=True)
class Layout:
    """What is worked out once for a struct."""

    struct: Struct
    codec: machine.Struct
    zeros: tuple[Any, ...]
    """the raw values of a zeroed struct"""
    indexes: dict[str, int]
    """by CTP's name, in field order"""
    converters: tuple[Callable[[Field, Any], Any], ...]
    texts: tuple[int, ...]
    chars: tuple[int, ...]
    binaries: tuple[tuple[int, int | None], ...]
    """index of the field, index of its length field"""

    def index(self, name: str) -> int:
        try:
            return self.indexes[name]
        except KeyError:
            raise UnknownField(f"{self.struct.name} has no field {name}") from None

    def raw(self, index: int, value: Any) -> Any:
        """What the codec packs for a value of the field at `index`. Raises FieldTooLong, BadValue."""
        field = self.struct.fields[index]
        try:
            return self.converters[index](field, value)
        except FieldTooLong as error:
            raise FieldTooLong(f"{self.struct.name}.{field.name}: {error}") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise BadValue(f"{self.struct.name}.{field.name}: {error}") from None

    def unpack(self, data: bytes) -> tuple[Any, ...]:
        """Raw values in field order. Raises WrongSize."""
        if len(data) != self.codec.size:
            raise WrongSize(f"{self.struct.name} has {self.codec.size} bytes, not {len(data)}")
        return self.codec.unpack(data)


@cache
def layout_of(struct: Struct) -> Layout:
    """The struct's layout; the same object for the same struct."""
    codec = machine.Struct(_struct_format(struct, tuple(Kind)))
    indexes = {field.name: index for index, field in enumerate(struct.fields)}
    of_kind = {kind: tuple(i for i, field in enumerate(struct.fields) if field.kind is kind) for kind in Kind}
    return Layout(
        struct=struct,
        codec=codec,
        zeros=codec.unpack(bytes(struct.size)),
        indexes=indexes,
        converters=tuple(_RAW[field.kind] for field in struct.fields),
        texts=of_kind[Kind.TEXT],
        chars=of_kind[Kind.CHAR],
        binaries=tuple((i, indexes.get(struct.fields[i].length_field)) for i in of_kind[Kind.BYTES]),
    )


def codec_of(struct: Struct, *kinds: Kind) -> machine.Struct:
    """Reads the struct's fields of these kinds, in field order, and skips the others."""
    return machine.Struct(_struct_format(struct, kinds))


def _struct_format(struct: Struct, kinds: tuple[Kind, ...]) -> str:
    parts, end = ["<"], 0
    for field in struct.fields:
        if field.kind in kinds:
            parts.append(f"{field.offset - end}x{_format(field)}")
            end = field.offset + field.size
    return "".join([*parts, f"{struct.size - end}x"])


def binary_content(raw: bytes, length: int | None) -> bytes:
    """The part of a BYTES field that is content: as long as its length field says, or up to the first NUL.

    A length that makes no sense for the field gives all of its bytes, so that they can be judged.
    """
    if length is None:
        return raw.split(b"\0", 1)[0]
    return raw[:length] if 0 < length <= len(raw) else raw


def _char(raw: bytes) -> str:
    return "" if raw == b"\0" else raw.decode("latin-1")


def _format(field: Field) -> str:
    return _FORMATS.get(field.kind) or f"{field.size}s"


def _raw_text(field: Field, value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"takes text, not {type(value).__name__}")
    encoded = text.encode(value)
    if len(encoded) >= field.size:
        raise FieldTooLong(f"takes {field.size - 1} bytes of GB18030, not {len(encoded)}")
    return encoded


def _raw_bytes(field: Field, value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"takes bytes, not {type(value).__name__}")
    if len(value) > field.size:
        raise FieldTooLong(f"takes {field.size} bytes, not {len(value)}")
    return bytes(value)


def _raw_char(_field: Field, value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > 1:
        raise TypeError("takes text of one character or none")
    if not value.isascii():
        return _one_byte(ord(value))
    return value.encode() or b"\0"


def _one_byte(code: int) -> bytes:
    if not 0 <= code <= 0xFF:
        raise ValueError("takes a character of one byte")
    return bytes((code,))


def _raw_integer(field: Field, value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"takes a whole number, not {type(value).__name__}")
    limit = 1 << (8 * field.size - 1)
    if not -limit <= value < limit:
        raise ValueError(f"takes a whole number of {8 * field.size} bits")
    return value


def _raw_double(_field: Field, value: Any) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError(f"takes a number, not {type(value).__name__}")
    return float(value)


_RAW: dict[Kind, Callable[[Field, Any], Any]] = {
    Kind.TEXT: _raw_text,
    Kind.BYTES: _raw_bytes,
    Kind.CHAR: _raw_char,
    Kind.SHORT: _raw_integer,
    Kind.INT: _raw_integer,
    Kind.DOUBLE: _raw_double,
}
