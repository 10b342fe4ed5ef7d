"""Struct bytes -> protobuf wire bytes, without building a message in between.

The relay does this for every event. A plan per struct holds the tags already encoded; what is zero or empty is
left out, as protobuf does. Integers and doubles are little-endian in both formats, so a double is copied as it is.
Fields are written in the order that is quickest, which every protobuf parser accepts.
"""

from __future__ import annotations

import struct as machine
from collections.abc import Callable
from dataclasses import dataclass

from ctpabi.catalog import Field, Kind, Struct
from ctpabi.codec.layout import DBL_MAX, binary_content, codec_of, layout_of
from ctpabi.codec.text import ENCODING
from ctprelay.wire_format import FIXED64, LENGTH, VARINT, tag, varint

_NO_VALUE = machine.pack("<d", DBL_MAX)
_ABSENT = b""

Encoder = Callable[[bytes], bytes]
_TextPlan = tuple[bytes, tuple[bytes, ...]]
"""tag, and tag with length for every length an ASCII text can have"""


def utf8(raw: bytes) -> bytes:
    """GB18030 as UTF-8; bytes that are no GB18030 become U+FFFD."""
    return raw if raw.isascii() else raw.decode(ENCODING, "replace").encode()


@dataclass(frozen=True, slots=True)
class _Plan:
    texts: tuple[_TextPlan, ...]
    chars: tuple[tuple[int, tuple[bytes, ...]], ...]
    """offset, and the whole encoded field for each of the 256 characters"""
    doubles: tuple[tuple[slice, bytes], ...]
    integers: machine.Struct
    integer_tags: tuple[bytes, ...]
    binaries: tuple[tuple[slice, bytes, slice | None], ...]
    """slice, tag, slice of the length field"""


def encoder(struct: Struct, numbers: dict[str, int]) -> Encoder:
    """The function that turns the struct's bytes into its message's; `numbers` by protobuf field name.

    The function raises WrongSize for bytes that are not the struct's.
    """
    layout = layout_of(struct)
    plan = _plan(struct, numbers)
    size, read_texts = struct.size, codec_of(struct, Kind.TEXT).unpack

    def encode(data: bytes) -> bytes:
        if len(data) != size:
            layout.unpack(data)
        out: list[bytes] = []
        _write_texts(out, read_texts(data), plan.texts)
        _write_numbers(out, data, plan)
        for binary in plan.binaries:
            _write_binary(out, data, *binary)
        return b"".join(out)

    return encode


_ONE_BYTE = 128
_SMALL = tuple(bytes((value,)) for value in range(_ONE_BYTE))


def _write_texts(out: list[bytes], values: tuple[bytes, ...], texts: tuple[_TextPlan, ...]) -> None:
    write = out.append
    for value, (key, heads) in zip(values, texts, strict=True):
        if not value[0]:
            continue
        raw = value.partition(b"\0")[0]
        if raw.isascii():
            write(heads[len(raw)])
            write(raw)
        else:
            encoded = utf8(raw)
            out += (key, varint(len(encoded)), encoded)


def _write_numbers(out: list[bytes], data: bytes, plan: _Plan) -> None:
    for offset, encoded in plan.chars:
        code = data[offset]
        if code:
            out.append(encoded[code])
    for where, key in plan.doubles:
        raw = data[where]
        if raw != _NO_VALUE:
            out += (key, raw)
    for key, value in zip(plan.integer_tags, plan.integers.unpack(data), strict=True):
        if value:
            out += (key, _SMALL[value] if 0 < value < _ONE_BYTE else varint(value))


def _write_binary(out: list[bytes], data: bytes, where: slice, key: bytes, length: slice | None) -> None:
    stated = int.from_bytes(data[length], "little", signed=True) if length else None
    content = binary_content(data[where], stated)
    if any(content):
        out += (key, varint(len(content)), content)


def _plan(struct: Struct, numbers: dict[str, int]) -> _Plan:
    of_kind: dict[Kind, list[Field]] = {kind: [] for kind in Kind}
    for field in struct.fields:
        of_kind[field.kind].append(field)
    number = {field.name: numbers[field.proto_name] for field in struct.fields}
    integers = [f for f in struct.fields if f.kind in {Kind.INT, Kind.SHORT}]
    return _Plan(
        texts=tuple(_text_plan(f, tag(number[f.name], LENGTH)) for f in of_kind[Kind.TEXT]),
        chars=tuple((f.offset, _char_table(f, number[f.name])) for f in of_kind[Kind.CHAR]),
        doubles=tuple((_where(f), tag(number[f.name], FIXED64)) for f in of_kind[Kind.DOUBLE]),
        integers=codec_of(struct, Kind.INT, Kind.SHORT),
        integer_tags=tuple(tag(number[f.name], VARINT) for f in integers),
        binaries=tuple(_binary_plan(struct, f, tag(number[f.name], LENGTH)) for f in of_kind[Kind.BYTES]),
    )


def _where(field: Field) -> slice:
    return slice(field.offset, field.offset + field.size)


def _text_plan(field: Field, key: bytes) -> _TextPlan:
    return key, tuple(key + varint(length) for length in range(field.size + 1))


def _char_table(field: Field, number: int) -> tuple[bytes, ...]:
    if field.enum:
        key = tag(number, VARINT)
        return (_ABSENT, *(key + varint(code) for code in range(1, 256)))
    key = tag(number, LENGTH)
    letters = (chr(code).encode() for code in range(1, 256))
    return (_ABSENT, *(key + varint(len(letter)) + letter for letter in letters))


def _binary_plan(struct: Struct, field: Field, key: bytes) -> tuple[slice, bytes, slice | None]:
    length = _where(struct.field(field.length_field)) if field.length_field else None
    return _where(field), key, length
