"""Messages from text and back: `field=value` words, JSON, and rows for tables.

Fields may be named as in the message (broker_id) or as CTP does (BrokerID); enum values by name (DIRECTION_BUY),
by its last part (buy) or by CTP's character ('0').
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ctpabi.catalog import Method
from ctpabi.catalog.data import load_catalog
from ctprelay.ctp.v1 import events_pb2


class TextInvalid(ValueError):
    """The text does not make a message; says what would."""


def find_request(name: str, *, query: bool = False) -> Method:
    """The request called `name`: order_insert, ReqOrderInsert, or with `query` also trading_account."""
    methods = {method.proto_name: method for method in load_catalog().requests}
    by_ctp_name = {method.name.lower(): method for method in methods.values()}
    plain = name.strip().replace("-", "_").lower()
    for candidate in (f"qry_{plain}", plain) if query else (plain,):
        if candidate in methods:
            return methods[candidate]
    for candidate in (plain, f"req{plain}", f"reqqry{plain}"):
        if candidate in by_ctp_name:
            return by_ctp_name[candidate]
    near = difflib.get_close_matches(f"qry_{plain}" if query else plain, methods, n=3, cutoff=0.5)
    raise TextInvalid(f"no request {name}" + (f"; did you mean {', '.join(near)}?" if near else ""))


def fill(message: Message, words: Iterable[str]) -> None:
    """Set fields from `field=value` words. TextInvalid names the field and what it takes."""
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise TextInvalid(f"{word}: write field=value")
        field = _field(message, name)
        setattr(message, field.name, _value(field, value))


def _field(message: Message, name: str) -> Any:
    descriptor = message.DESCRIPTOR
    struct = load_catalog().structs[descriptor.name]
    names = {field.name.lower(): field.proto_name for field in struct.fields}
    wanted = names.get(name.lower(), name)
    if wanted not in descriptor.fields_by_name:
        raise TextInvalid(f"{descriptor.name} has no field {name}; it has {', '.join(descriptor.fields_by_name)}")
    return descriptor.fields_by_name[wanted]


def _value(field: Any, text: str) -> Any:
    try:
        match field.type:
            case FieldDescriptor.TYPE_ENUM:
                return _enum_number(field.enum_type, text)
            case FieldDescriptor.TYPE_INT32:
                return int(text)
            case FieldDescriptor.TYPE_DOUBLE:
                return float(text)
            case FieldDescriptor.TYPE_BYTES:
                return bytes.fromhex(text)
            case _:
                return text
    except ValueError as error:
        raise TextInvalid(f"{field.name}: {error}") from None


def _enum_number(enum: Any, text: str) -> int:
    wanted = text.upper()
    for value in enum.values:
        number: int = value.number
        if value.name in (wanted, f"{snake_upper(enum)}_{wanted}") or (len(text) == 1 and number == ord(text)):
            return number
    raise ValueError(f"{text} is none of {', '.join(short_name(enum, value.number) for value in enum.values[1:])}")


def snake_upper(enum: Any) -> str:
    """The prefix of an enum's values: DIRECTION."""
    return str(enum.values[0].name).removesuffix("_UNSPECIFIED")


def short_name(enum: Any, number: int) -> str:
    """`buy` for DIRECTION_BUY; the number itself where this version does not know it."""
    value = enum.values_by_number.get(number)
    return str(number) if value is None else str(value.name).removeprefix(snake_upper(enum) + "_").lower()


def from_json(message: Message, text: str) -> None:
    """Fill the message from a JSON object. TextInvalid says where it does not fit."""
    try:
        json_format.Parse(text, message)
    except json_format.ParseError as error:
        raise TextInvalid(str(error)) from None


def to_dict(message: Message) -> dict[str, Any]:
    """The message's fields, all of them, for JSON."""
    fields: dict[str, Any] = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return fields


def event_to_dict(event: events_pb2.Event) -> dict[str, Any]:
    kind = event.WhichOneof("body") or "unknown"
    line: dict[str, Any] = {"kind": kind}
    if event.request_id:
        line["request_id"] = event.request_id
    if event.rsp_info.error_id:
        line |= {"error_id": event.rsp_info.error_id, "error_msg": event.rsp_info.error_msg}
    if not event.empty and kind != "unknown":
        line["body"] = to_dict(getattr(event, kind))
    return line


def cell(message: Message, name: str) -> str:
    """One field for a table: enums by their short name, absent numbers empty."""
    field: Any = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return short_name(field.enum_type, value) if value else ""
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return f"{value:,.10g}" if message.HasField(name) else ""
    return value.hex() if isinstance(value, bytes) else str(value)
