"""Struct bytes by name: an event's struct, an echo of a request, and the answers that are made in the terminal itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Callback, Method, Struct
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout, text
from ctpabi.codec.messages import message_encoder, struct_from_event
from ctprelay.ctp.v1 import events_pb2, requests_pb2
from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.wire_format import delimited
from terminal_client.session import SessionInfo
from terminal_client.trader_front.error_ids import fitting

CORRECT = "CTP:正确"
_EXCHANGE_TIMES = ("SHFETime", "DCETime", "CZCETime", "FFEXTime", "INETime", "GFEXTime")


@cache
def _events() -> dict[str, Callback]:
    return {callback.proto_name: callback for callback in load_catalog().callbacks.values() if callback.proto_name}


def callback_named(name: str) -> Callback:
    """The callback of the Spi called `name`."""
    return load_catalog().callbacks[name]


def all_callbacks() -> Mapping[str, Callback]:
    """Every callback of the Spi by its name."""
    return load_catalog().callbacks


def request_named(name: str) -> Method:
    """The request of the API called `name`."""
    return load_catalog().methods[name]


def struct_named(name: str) -> Struct:
    return load_catalog().structs[name]


def values_of(struct: str, body: bytes | bytearray) -> dict[str, Any]:
    """All fields of the struct's bytes. Raises layout.LayoutError."""
    return layout.unpack(struct_named(struct), bytes(body))


def rsp_info(error_id: int, words: str) -> bytes:
    """A RspInfo's bytes."""
    return layout.pack(struct_named("RspInfo"), {"ErrorID": error_id, "ErrorMsg": fitting(words)})


def call_message(method: Method, body: bytes) -> pb.TerminalMessage:
    """The Call of a request, without an id, from the struct's bytes in one step. Raises layout.WrongSize."""
    encode, member = _call_plan(method.name)
    request = delimited(member, encode(body))
    return pb.TerminalMessage.FromString(delimited(_CALL, delimited(_REQUEST, request)))


_CALL = pb.TerminalMessage.DESCRIPTOR.fields_by_name["call"].number
_REQUEST = pb.Call.DESCRIPTOR.fields_by_name["request"].number


@cache
def _call_plan(name: str) -> tuple[Callable[[bytes], bytes], int]:
    method = request_named(name)
    number: int = requests_pb2.Request.DESCRIPTOR.fields_by_name[method.proto_name].number
    return message_encoder(struct_named(method.struct)), number


def event_of(event: events_pb2.Event, request_id: int) -> RawEvent | None:
    """The callback of an event of the relay's; None for one that this version's API does not have."""
    kind = event.WhichOneof("body")
    callback = _events().get(kind or "")
    if kind is None or callback is None:
        return None
    body = struct_from_event(getattr(event, kind)) if callback.struct and not event.empty else None
    info = struct_from_event(event.rsp_info) if event.HasField("rsp_info") else None
    return RawEvent(callback, body, info, request_id, event.is_last)


def echo(method: Method, body: bytes | bytearray, callback: Callback) -> bytes | None:
    """What `callback` shows of a request: the fields that both structs have. None where it shows none."""
    if callback.struct == method.struct or not callback.struct:
        return bytes(body) if callback.struct else None
    target = struct_named(callback.struct)
    fields = struct_named(method.struct).fields
    shared = {field.name: field for field in fields if target.has(field.name)}
    shown = bytearray(target.size)
    for field in target.fields:
        there = shared.get(field.name)
        if there is not None and there.size == field.size:
            shown[field.offset : field.offset + field.size] = body[there.offset : there.offset + there.size]
    return bytes(shown)


def made(callback: str, values: Mapping[str, Any], request_id: int, error: tuple[int, str] = (0, CORRECT)) -> RawEvent:
    """An answer that is made in the terminal, with the fields of `values` that its struct has."""
    found = callback_named(callback)
    struct = struct_named(found.struct)
    known = {name: _cut(struct, name, value) for name, value in values.items() if struct.has(name)}
    return RawEvent(found, layout.pack(struct, known), rsp_info(*error), request_id)


def _cut(struct: Struct, name: str, value: Any) -> Any:
    return text.decode(text.cut(value, struct.field(name).size - 1)) if isinstance(value, str) else value


def login_values(info: SessionInfo, user_id: str) -> dict[str, Any]:
    """The fields of OnRspUserLogin. The relay does not say the exchanges' times: each is the counter's at the login."""
    return {
        "TradingDay": info.trading_day,
        "LoginTime": info.login_time,
        "BrokerID": info.broker_id,
        "UserID": user_id,
        "SystemName": info.system_name,
        "FrontID": info.front_id,
        "SessionID": info.session_id,
        "MaxOrderRef": str(info.max_order_ref),
        **dict.fromkeys(_EXCHANGE_TIMES, info.login_time),
    }
