"""What the native library is told of a catalog: where each field lies, and what stands before it in a message.

The library's `plan.h` reads it as it lies in memory. Fields are in the order in which `ctpabi.codec.wire` writes them, so that
both make the same bytes.
"""

from __future__ import annotations

import struct as machine
from collections.abc import Iterator, Mapping
from typing import Any

from ctpabi.catalog import Callback, Catalog, Field, Kind, Method, Shape, Struct
from ctprelay.ctp.v1 import events_pb2, requests_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2
from ctprelay.wire_format import FIXED64, LENGTH, VARINT, tag

_COUNT = machine.Struct("<I")
_TWO_COUNTS = machine.Struct("<II")
_FIELD = machine.Struct("<BBHIIIB7s")
_CALLBACK = machine.Struct("<B3xiB7s")
_REQUEST = machine.Struct("<II")
_CALL = machine.Struct("<6I")
_NO_STRUCT = -1
_SHAPES = (Shape.RESPONSE, Shape.RESPONSE_ERROR, Shape.ERROR_NOTICE, Shape.NOTICE, Shape.CONNECTION)
_TEXT, _ENUM, _LETTER, _DOUBLE, _INT, _SHORT, _BYTES = range(7)
_WIRE_TYPES = {
    _TEXT: LENGTH,
    _ENUM: VARINT,
    _LETTER: LENGTH,
    _DOUBLE: FIXED64,
    _INT: VARINT,
    _SHORT: VARINT,
    _BYTES: LENGTH,
}
_PLACES = {_TEXT: 0, _ENUM: 1, _LETTER: 1, _DOUBLE: 2, _INT: 3, _SHORT: 3, _BYTES: 4}
"""in which order `wire` writes the kinds"""
EVENT_TAGS = tuple(
    tag(events_pb2.Event.DESCRIPTOR.fields_by_name[name].number, VARINT) for name in ("request_id", "is_last", "empty")
)
"""what stands before them in an event"""


def by_slot(catalog: Catalog) -> tuple[Callback, ...]:
    """The callbacks of `catalog`, each at its slot. Raises ValueError where a slot has none, or two."""
    found = sorted(catalog.callbacks.values(), key=lambda callback: callback.slot)
    if [callback.slot for callback in found] != list(range(len(found))):
        raise ValueError(f"the slots of {catalog.distribution} {catalog.version} are not one after the other")
    return tuple(found)


def requests_of_messages(catalog: Catalog) -> tuple[Method, ...]:
    """The requests that a terminal may ask by a message, in the plan's order."""
    members = _numbers(requests_pb2.Request.DESCRIPTOR)
    return tuple(
        one for one in catalog.requests if one.proto_name in members and has_message(catalog.structs[one.struct])
    )


def struct_places(catalog: Catalog) -> Mapping[str, int]:
    """Where each struct is in the plan, by its name."""
    return {name: place for place, name in enumerate(catalog.structs)}


def plan_bytes(catalog: Catalog) -> bytes:
    """The plan of `catalog`. Raises ValueError as `by_slot`."""
    return b"".join(_parts(catalog))


def _parts(catalog: Catalog) -> Iterator[bytes]:
    places = struct_places(catalog)
    yield _TWO_COUNTS.pack(catalog.structs["RspInfo"].size, len(places))
    for struct in catalog.structs.values():
        fields = tuple(_fields(struct)) if has_message(struct) else ()
        yield _TWO_COUNTS.pack(struct.size, len(fields))
        yield from fields
    callbacks = by_slot(catalog)
    yield _COUNT.pack(len(callbacks))
    members = _numbers(events_pb2.Event.DESCRIPTOR)
    for callback in callbacks:
        is_event = callback.proto_name in members and (
            not callback.struct or has_message(catalog.structs[callback.struct])
        )
        key = tag(members[callback.proto_name], LENGTH) if is_event else b""
        place = places[callback.struct] if callback.struct else _NO_STRUCT
        yield _CALLBACK.pack(_SHAPES.index(callback.shape), place, len(key), key)
    yield _call_numbers()
    requests, members = requests_of_messages(catalog), _numbers(requests_pb2.Request.DESCRIPTOR)
    yield _COUNT.pack(len(requests))
    for request in requests:
        yield _REQUEST.pack(members[request.proto_name], places[request.struct])


def _call_numbers() -> bytes:
    """Of a terminal's message that carries a request, and of what stands in it."""
    of_call = _numbers(terminal_pb2.Call.DESCRIPTOR)
    names = "request_id", "request", "valid_for_milliseconds", "client_order_key", "fresh"
    return _CALL.pack(_numbers(terminal_pb2.TerminalMessage.DESCRIPTOR)["call"], *(of_call[name] for name in names))


def has_message(struct: Struct) -> bool:
    """Whether the struct has a message with all of its fields; of market data some have none."""
    message = getattr(structs_pb2, struct.name, None)
    return message is not None and {field.proto_name for field in struct.fields} <= _numbers(message.DESCRIPTOR).keys()


def _fields(struct: Struct) -> Iterator[bytes]:
    numbers = _numbers(getattr(structs_pb2, struct.name).DESCRIPTOR)
    kinds = [(_kind(field), field) for field in struct.fields]
    for kind, field in sorted(kinds, key=lambda pair: _PLACES[pair[0]]):
        key = tag(numbers[field.proto_name], _WIRE_TYPES[kind])
        length = struct.field(field.length_field) if kind == _BYTES and field.length_field else None
        length_size, length_offset = (length.size, length.offset) if length is not None else (0, 0)
        yield _FIELD.pack(kind, length_size, 0, field.offset, field.size, length_offset, len(key), key)


def _kind(field: Field) -> int:
    if field.kind is Kind.CHAR:
        return _ENUM if field.enum else _LETTER
    return {Kind.TEXT: _TEXT, Kind.BYTES: _BYTES, Kind.DOUBLE: _DOUBLE, Kind.INT: _INT, Kind.SHORT: _SHORT}[field.kind]


def _numbers(descriptor: Any) -> dict[str, int]:
    return {field.name: field.number for field in descriptor.fields}
