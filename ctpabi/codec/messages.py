"""Struct bytes <-> protobuf messages of ctprelay.ctp.v1, by the catalog.

Text is GB18030 on CTP's side and Unicode on ours; an enum's number is the character CTP sends; a double CTP has no
value for (DBL_MAX, CTP fact 76) is absent. An absent double of a request is 0.0, as in a zeroed struct.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.message import Message

from ctpabi.catalog import Callback, Kind, Method, Struct
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout, text, wire
from ctprelay.ctp.v1 import events_pb2, requests_pb2, structs_pb2
from ctprelay.wire_format import LENGTH, VARINT, delimited, tag, unsigned, varint


class EmptyRequest(ValueError):
    """The request's oneof is not set, or holds what this version does not know."""


def struct_from_message(message: Message) -> bytes:
    """The bytes of the struct the message stands for. Raises layout.LayoutError naming struct and field."""
    plan = _decoding(message.DESCRIPTOR.name)
    raw = list(plan.layout.zeros)
    for descriptor, value in message.ListFields():
        index, is_enum = plan.fields[descriptor.number]
        raw[index] = plan.layout.raw(index, _enum_character(value) if is_enum else value)
    return plan.layout.codec.pack(*raw)


def struct_from_event(message: Message) -> bytes:
    """The bytes of the struct that an event's message was made from: an absent double is CTP's DBL_MAX again.

    Text that does not fit, as a relay of another version may send it, is cut at a character.
    """
    plan = _decoding(message.DESCRIPTOR.name)
    raw = list(plan.no_values)
    for descriptor, value in message.ListFields():
        index, is_enum = plan.fields[descriptor.number]
        try:
            raw[index] = plan.layout.raw(index, _enum_character(value) if is_enum else value)
        except layout.FieldTooLong:
            raw[index] = text.cut(value, plan.layout.struct.fields[index].size - 1)
    return plan.layout.codec.pack(*raw)


def message_from_struct(struct: Struct, data: bytes) -> Message:
    """The message for the struct's bytes. Raises layout.WrongSize."""
    message: Message = _message_class(struct.name)()
    message.ParseFromString(_encoder(struct)(data))
    return message


def message_encoder(struct: Struct) -> wire.Encoder:
    """What turns the struct's bytes into its serialized message; it raises layout.WrongSize."""
    return _encoder(struct)


def event_bytes(
    callback: Callback,
    body: bytes | None,
    *,
    error_id: int = 0,
    error_msg: bytes = b"",
    request_id: int = 0,
    is_last: bool = True,
) -> bytes:
    """A serialized Event. `body` is the struct's bytes, None where CTP passed NULL; `error_msg` is GB18030.

    Raises layout.WrongSize, and ValueError for a callback that is no event (OnFrontConnected …).
    """
    plan = _event_plan(callback)
    content = b"" if body is None else plan.encode(body)
    parts = [plan.tag, varint(len(content)), content]
    if request_id:
        parts += (_REQUEST_ID, varint(request_id))
    if is_last:
        parts.append(_IS_LAST)
    if error_id or error_msg:
        parts.append(_rsp_info(error_id, error_msg))
    if body is None and plan.has_struct:
        parts.append(_EMPTY)
    return b"".join(parts)


def request_body(request: requests_pb2.Request) -> tuple[Method, bytes]:
    """The method the request calls and its struct's bytes. Raises EmptyRequest, layout.LayoutError."""
    member = request.WhichOneof("body")
    if member is None:
        raise EmptyRequest("the request names no method this relay knows")
    return _methods()[member], struct_from_message(getattr(request, member))


@dataclass(frozen=True, slots=True)
class _Decoding:
    layout: layout.Layout
    fields: dict[int, tuple[int, bool]]
    """by field number: index in the struct, whether it is an enum"""
    no_values: tuple[Any, ...]
    """the raw values of a struct of which nothing is known: as zeroed, each double DBL_MAX"""


@dataclass(frozen=True, slots=True)
class _EventPlan:
    tag: bytes
    encode: wire.Encoder
    has_struct: bool


@cache
def _decoding(name: str) -> _Decoding:
    struct = load_catalog().structs[name]
    numbers = _numbers(_message_class(name).DESCRIPTOR)
    fields = {numbers[f.proto_name]: (index, bool(f.enum)) for index, f in enumerate(struct.fields)}
    plan = layout.layout_of(struct)
    kinds = zip(struct.fields, plan.zeros, strict=True)
    no_values = tuple(layout.DBL_MAX if field.kind is Kind.DOUBLE else zero for field, zero in kinds)
    return _Decoding(plan, fields, no_values)


def _enum_character(number: int) -> str:
    # Beyond one byte, layout refuses it and names the field.
    return chr(number) if 0 < number <= 0x10FFFF else "" if number == 0 else chr(0x10FFFF)


@cache
def _event_plan(callback: Callback) -> _EventPlan:
    if not callback.proto_name:
        raise ValueError(f"{callback.name} tells of the connection and is no event")
    key = tag(_EVENT_NUMBERS[callback.proto_name], LENGTH)
    if not callback.struct:
        return _EventPlan(key, bytes, has_struct=False)
    return _EventPlan(key, _encoder(load_catalog().structs[callback.struct]), has_struct=True)


@cache
def _encoder(struct: Struct) -> wire.Encoder:
    return wire.encoder(struct, _numbers(_message_class(struct.name).DESCRIPTOR))


@cache
def _methods() -> dict[str, Method]:
    return {method.proto_name: method for method in load_catalog().requests}


def _message_class(name: str) -> type[Message]:
    found: type[Message] = getattr(structs_pb2, name)
    return found


def _numbers(descriptor: Any) -> dict[str, int]:
    return {field.name: field.number for field in descriptor.fields}


_EVENT_NUMBERS = _numbers(events_pb2.Event.DESCRIPTOR)
_RSP_INFO_NUMBERS = _numbers(structs_pb2.RspInfo.DESCRIPTOR)
_REQUEST_ID = tag(_EVENT_NUMBERS["request_id"], VARINT)
_IS_LAST = unsigned(_EVENT_NUMBERS["is_last"], value=True)
_EMPTY = unsigned(_EVENT_NUMBERS["empty"], value=True)


def _rsp_info(error_id: int, error_msg: bytes) -> bytes:
    words = wire.utf8(error_msg.split(b"\0", 1)[0])
    content = unsigned(_RSP_INFO_NUMBERS["error_id"], error_id)
    if words:
        content += delimited(_RSP_INFO_NUMBERS["error_msg"], words)
    return delimited(_EVENT_NUMBERS["rsp_info"], content)
