"""Struct bytes <-> protobuf messages of ctprelay.ctp.v1, by the catalog.

Text is GB18030 on CTP's side and Unicode on ours; an enum's number is the character CTP sends; a double CTP has no
value for (DBL_MAX, CTP fact 76) is absent. An absent double of a request is 0.0, as in a zeroed struct.

The messages are the same for every binding; structs, sizes and what there is at all are those of one catalog. So
`Messages` belongs to a catalog, and what has a binding makes its own. The functions below it are for terminals, which
speak to a relay and have no binding: they go by the catalog that the messages were made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from google.protobuf.message import Message

from ctpabi.catalog import Callback, Catalog, Kind, Method, Struct
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout, text, wire
from ctpabi.codec.columns import MessageColumns
from ctpabi.native.events import NativeEvents
from ctprelay.ctp.v1 import events_pb2, requests_pb2, structs_pb2
from ctprelay.wire_format import LENGTH, VARINT, delimited, tag, unsigned, varint


class EmptyRequest(ValueError):
    """The request's oneof is not set, or holds what this version does not know."""


class NotOffered(ValueError):
    """The binding's interface has no such request, or no such field of it; `name` is CTP's."""

    def __init__(self, name: str, *, is_field: bool) -> None:
        super().__init__(f"this counter's interface has no {name}")
        self.name = name
        self.is_field = is_field


class Messages:
    """What the messages mean in the structs of one catalog."""

    def __init__(self, catalog: Catalog, native: NativeEvents | None = None) -> None:
        """`native` encodes the events, and makes the same bytes."""
        self.catalog = catalog
        self._native = native.event if native is not None else None
        self._methods = {method.proto_name: method for method in catalog.requests}
        self._decodings: dict[str, _Decoding] = {}
        self._events: dict[str, _EventPlan] = {}

    def struct_from_message(self, message: Message) -> bytes:
        """The bytes of the struct the message stands for.

        Raises layout.LayoutError naming struct and field, and NotOffered for a field that the struct lacks.
        """
        plan = self._decoding(message.DESCRIPTOR.name)
        if plan.columns is not None:
            whole = plan.columns.struct_bytes(message, absent_is_no_value=False)
            if whole is not None:
                return whole
        raw = list(plan.layout.zeros)
        for descriptor, value in message.ListFields():
            index, is_enum = plan.place(descriptor)
            raw[index] = plan.layout.raw(index, _enum_character(value) if is_enum else value)
        return plan.layout.codec.pack(*raw)

    def struct_from_event(self, message: Message) -> bytes:
        """The bytes of the struct that an event's message was made from: an absent double is CTP's DBL_MAX again.

        Text that does not fit, as a relay of another version may send it, is cut at a character.
        """
        plan = self._decoding(message.DESCRIPTOR.name)
        if plan.columns is not None:
            whole = plan.columns.struct_bytes(message, absent_is_no_value=True)
            if whole is not None:
                return whole
        raw = list(plan.no_values)
        for descriptor, value in message.ListFields():
            index, is_enum = plan.place(descriptor)
            try:
                raw[index] = plan.layout.raw(index, _enum_character(value) if is_enum else value)
            except layout.FieldTooLong:
                raw[index] = text.cut(value, plan.layout.struct.fields[index].size - 1)
        return plan.layout.codec.pack(*raw)

    def event_bytes(
        self,
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
        if self._native is not None:
            said = _rsp_info(error_id, error_msg) if error_id or error_msg else b""
            try:  # not suppress(), which costs more than the call
                encoded: bytes = self._native(callback.slot, body, request_id, is_last, said)
            except (ValueError, OverflowError):  # what does not fit is named below
                pass
            else:
                return encoded
        plan = self._events.get(callback.name) or self._event_plan(callback)
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

    def request_body(self, request: requests_pb2.Request) -> tuple[Method, bytes]:
        """The method the request calls and its struct's bytes. Raises EmptyRequest, NotOffered, layout.LayoutError."""
        member = request.WhichOneof("body")
        if member is None:
            raise EmptyRequest("the request names no method this relay knows")
        method = self._methods.get(member)
        if method is None:
            raise NotOffered(member, is_field=False)
        return method, self.struct_from_message(getattr(request, member))

    def _decoding(self, name: str) -> _Decoding:
        found = self._decodings.get(name)
        if found is None:
            found = self._decodings[name] = _decoding(self.catalog.structs[name])
        return found

    def _event_plan(self, callback: Callback) -> _EventPlan:
        struct = self.catalog.structs[callback.struct] if callback.struct else None
        found = self._events[callback.name] = _event_plan(callback, struct)
        return found


@cache
def _terminals() -> Messages:
    return Messages(load_catalog())


def struct_from_message(message: Message) -> bytes:
    """For terminals: `Messages.struct_from_message`."""
    return _terminals().struct_from_message(message)


def struct_from_event(message: Message) -> bytes:
    """For terminals: `Messages.struct_from_event`."""
    return _terminals().struct_from_event(message)


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
    """For terminals: `Messages.event_bytes`."""
    return _terminals().event_bytes(
        callback, body, error_id=error_id, error_msg=error_msg, request_id=request_id, is_last=is_last
    )


def request_body(request: requests_pb2.Request) -> tuple[Method, bytes]:
    """For what stands in a relay's place: `Messages.request_body`."""
    return _terminals().request_body(request)


@dataclass(frozen=True, slots=True)
class _Decoding:
    layout: layout.Layout
    fields: dict[int, tuple[int, bool]]
    """by field number: index in the struct, whether it is an enum"""
    no_values: tuple[Any, ...]
    """the raw values of a struct of which nothing is known: as zeroed, each double DBL_MAX"""
    columns: MessageColumns | None
    """the quick way; None where the message has a field that the struct lacks, which must be named when it is used"""

    def place(self, descriptor: Any) -> tuple[int, bool]:
        """Of a message's field. Raises NotOffered where the struct has none."""
        found = self.fields.get(descriptor.number)
        if found is None:
            raise NotOffered(f"{self.layout.struct.name}.{descriptor.name}", is_field=True)
        return found


@dataclass(frozen=True, slots=True)
class _EventPlan:
    tag: bytes
    encode: wire.Encoder
    has_struct: bool


def _decoding(struct: Struct) -> _Decoding:
    numbers = _numbers(_message_class(struct.name).DESCRIPTOR)
    fields = {numbers[f.proto_name]: (index, bool(f.enum)) for index, f in enumerate(struct.fields)}
    plan = layout.layout_of(struct)
    kinds = zip(struct.fields, plan.zeros, strict=True)
    no_values = tuple(layout.DBL_MAX if field.kind is Kind.DOUBLE else zero for field, zero in kinds)
    is_whole = len(fields) == len(numbers)
    return _Decoding(plan, fields, no_values, MessageColumns(struct) if is_whole else None)


def _enum_character(number: int) -> str:
    # Beyond one byte, layout refuses it and names the field.
    return chr(number) if 0 < number <= 0x10FFFF else "" if number == 0 else chr(0x10FFFF)


def _event_plan(callback: Callback, struct: Struct | None) -> _EventPlan:
    if not callback.proto_name:
        raise ValueError(f"{callback.name} tells of the connection and is no event")
    key = tag(_EVENT_NUMBERS[callback.proto_name], LENGTH)
    if struct is None:
        return _EventPlan(key, bytes, has_struct=False)
    return _EventPlan(key, _encoder(struct), has_struct=True)


@cache
def _encoder(struct: Struct) -> wire.Encoder:
    return wire.encoder(struct, _numbers(_message_class(struct.name).DESCRIPTOR))


def _message_class(name: str) -> type[Message]:
    found: type[Message] = getattr(structs_pb2, name)
    return found


def _numbers(descriptor: Any) -> dict[str, int]:
    return {field.name: field.number for field in descriptor.fields}


_EVENT_NUMBERS: Final = _numbers(events_pb2.Event.DESCRIPTOR)
_RSP_INFO_NUMBERS: Final = _numbers(structs_pb2.RspInfo.DESCRIPTOR)
_REQUEST_ID: Final = tag(_EVENT_NUMBERS["request_id"], VARINT)
_IS_LAST: Final = unsigned(_EVENT_NUMBERS["is_last"], value=True)
_EMPTY: Final = unsigned(_EVENT_NUMBERS["empty"], value=True)


def _rsp_info(error_id: int, error_msg: bytes) -> bytes:
    words = wire.utf8(error_msg.split(b"\0", 1)[0])
    content = unsigned(_RSP_INFO_NUMBERS["error_id"], error_id)
    if words:
        content += delimited(_RSP_INFO_NUMBERS["error_msg"], words)
    return delimited(_EVENT_NUMBERS["rsp_info"], content)
