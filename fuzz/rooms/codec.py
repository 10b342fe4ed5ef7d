"""Structs of the counter and messages of terminals, turned into one another."""

from __future__ import annotations

import asyncio
from random import Random

from google.protobuf.message import DecodeError, Message

from ctpabi.catalog import Kind, Struct
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.codec.layout import LayoutError
from ctpabi.codec.messages import (
    EmptyRequest,
    event_bytes,
    message_from_struct,
    request_body,
    struct_from_message,
)
from ctprelay.ctp.v1 import events_pb2, requests_pb2, structs_pb2
from fuzz.mutations import after, any_bytes, message_of
from fuzz.targets import Play, promise
from terminal_client.dispatch import Dispatch
from terminal_client.session import Deadlines

_CATALOG = load_catalog()
_STRUCTS = sorted(_CATALOG.structs.values(), key=lambda struct: struct.name)
_EVENTS = sorted((c for c in _CATALOG.callbacks.values() if c.proto_name), key=lambda callback: callback.name)
_HEAD = 2
"""bytes that choose a struct or a callback"""


def _chosen(data: bytes) -> tuple[Struct, bytes]:
    return _STRUCTS[int.from_bytes(data[:_HEAD], "big") % len(_STRUCTS)], data[_HEAD:]


def struct_bytes(data: bytes) -> None:
    """Both ways of reading a struct agree; a message made of one gives a struct that means the same."""
    struct, rest = _chosen(data)
    if len(rest) > struct.size:
        try:
            message_from_struct(struct, rest)
        except layout.WrongSize:
            rest = rest[: struct.size]
        else:
            promise(False, "bytes that are not a struct's are refused")
    body = rest.ljust(struct.size, b"\0")
    message = message_from_struct(struct, body)
    _compare(struct, message, layout.unpack(struct, body))
    try:
        again = struct_from_message(message)
    except LayoutError:
        return  # a text without its NUL, or with characters that are longer as U+FFFD
    promise(len(again) == struct.size, "a struct has its size")
    same = _wire(message_from_struct(struct, again)) == _wire(message)
    promise(same or _lacks_a_value(struct, body), "the message of a message's struct is the same")


def _lacks_a_value(struct: Struct, body: bytes) -> bool:
    """Whether a double is DBL_MAX, CTP's "no value": absent in the message, and 0.0 in the struct of a request."""
    values = layout.unpack(struct, body)
    return any(values[field.name] == layout.DBL_MAX for field in struct.fields if field.kind is Kind.DOUBLE)


def _wire(message: Message) -> bytes:
    """To compare messages by: NaN is not equal to itself."""
    return message.SerializeToString(deterministic=True)


def _compare(struct: Struct, message: Message, values: dict[str, object]) -> None:
    for field in struct.fields:
        value, sent = values[field.name], getattr(message, field.proto_name)
        match field.kind:
            case Kind.TEXT:
                promise(sent == value, f"{struct.name}.{field.name}: the text")
            case Kind.INT | Kind.SHORT:
                promise(sent == value, f"{struct.name}.{field.name}: the number")
            case Kind.CHAR if field.enum:
                promise(sent == (ord(str(value)) if value else 0), f"{struct.name}.{field.name}: the character")
            case Kind.CHAR:
                promise(sent == value, f"{struct.name}.{field.name}: the character")
            case Kind.DOUBLE | Kind.BYTES:
                pass


def struct_messages(data: bytes) -> None:
    """A message that fits its struct comes back as it was, but for what CTP cannot say."""
    struct, rest = _chosen(data)
    message: Message = getattr(structs_pb2, struct.name)()
    try:
        message.ParseFromString(rest)
        body = struct_from_message(message)
    except (DecodeError, LayoutError):
        return
    promise(len(body) == struct.size, "a struct has its size")
    back = message_from_struct(struct, body)
    try:
        again = struct_from_message(back)
    except layout.FieldTooLong:
        return  # binary content as long as its field
    # Not the structs: what lies behind the content that a length field states means nothing.
    same = _wire(message_from_struct(struct, again)) == _wire(back)
    promise(same or _lacks_a_value(struct, body), "the message of a message's struct is the same")


def requests(data: bytes) -> None:
    """A request becomes the struct of the method it names, or is refused by name."""
    try:
        request = requests_pb2.Request.FromString(data)
        method, body = request_body(request)
    except (DecodeError, EmptyRequest):
        return
    except LayoutError as error:
        promise(len(str(error)) < 500, "what is wrong is said shortly")
        return
    promise(method.proto_name == request.WhichOneof("body"), "the method is the one that is named")
    promise(len(body) == _CATALOG.structs[method.struct].size, "the struct has its size")


def direct_events(data: bytes) -> None:
    """Every callback, whatever its bytes, is an event that parses; direct mode takes it in."""
    callback = _EVENTS[int.from_bytes(data[:_HEAD], "big") % len(_EVENTS)]
    flags, request_id, rest = data[2:3], int.from_bytes(data[3:5], "big"), data[5:]
    flag = flags[0] if flags else 0
    error_id = int.from_bytes(rest[:4], "little", signed=True) if flag & 1 else 0
    error_msg = rest[4:85].partition(b"\0")[0] if flag & 1 else b""
    size = _CATALOG.structs[callback.struct].size if callback.struct else 0
    body = None if flag & 2 or not size else rest[:size].ljust(size, b"\0")
    wire = event_bytes(
        callback, body, error_id=error_id, error_msg=error_msg, request_id=request_id, is_last=not flag & 4
    )
    event = events_pb2.Event.FromString(wire)
    promise(event.WhichOneof("body") == callback.proto_name, "an event is its callback's")
    promise((event.request_id, event.is_last) == (request_id, not flag & 4), "an event keeps its request")
    promise(event.rsp_info.error_id == error_id, "an event keeps its error")
    _LOOP.run_until_complete(_dispatched(event))


_LOOP = asyncio.new_event_loop()
_ASKED = ("qry_trade", "order_insert", "user_login")


async def _dispatched(event: events_pb2.Event) -> None:
    dispatch = Dispatch(Deadlines(row_capacity=2))
    with dispatch.pending(_ASKED[event.request_id % len(_ASKED)]) as call:
        event.request_id = call.request_id if event.request_id else 0
        for _ in range(3):
            dispatch.event(event)
        promise(len(call.rows) <= 2, "an answer has a bound")
    dispatch.end("over")


def _head(names: list[str], name: str) -> bytes:
    return names.index(name).to_bytes(_HEAD, "big")


_NAMES = [struct.name for struct in _STRUCTS]
_ORDER = structs_pb2.InputOrder(
    broker_id="9999",
    investor_id="100001",
    instrument_id="rb2701",
    order_ref="1",
    limit_price=3500.5,
    volume_total_original=1,
    user_id="中继",
)
_SAMPLES: dict[str, Message] = {
    "InputOrder": _ORDER,
    "Trade": structs_pb2.Trade(broker_id="9999", trade_id=" 12", price=1.5, volume=2),
    "UserSystemInfo": structs_pb2.UserSystemInfo(client_system_info=bytes(range(1, 200)), client_system_info_len=199),
    "RspUserLogin": structs_pb2.RspUserLogin(trading_day="20261123", front_id=1, session_id=-7, max_order_ref="1"),
}


def _request_seeds() -> list[bytes]:
    seeds = []
    for method in _CATALOG.requests:
        request = requests_pb2.Request()
        inner = getattr(request, method.proto_name)
        inner.SetInParent()
        if method.struct == "InputOrder":
            inner.CopyFrom(_ORDER)
        seeds.append(request.SerializeToString())
    return seeds


def _any_struct_message(data: bytes, most: int, random: Random) -> bytes:
    struct, rest = _chosen(data)
    return data[:_HEAD].ljust(_HEAD, b"\0") + message_of(getattr(structs_pb2, struct.name))(rest, most - _HEAD, random)


_EVENT_NAMES = [callback.name for callback in _EVENTS]
PLAYS = {
    "struct_bytes": Play(
        struct_bytes,
        [_head(_NAMES, name) + struct_from_message(message) for name, message in _SAMPLES.items()]
        + [_head(_NAMES, name) for name in _NAMES],
        after(_HEAD, any_bytes),
        longest=3000,
    ),
    "struct_messages": Play(
        struct_messages,
        [_head(_NAMES, name) + message.SerializeToString() for name, message in _SAMPLES.items()],
        _any_struct_message,
    ),
    "requests": Play(requests, _request_seeds(), message_of(requests_pb2.Request)),
    "direct_events": Play(
        direct_events,
        [
            _head(_EVENT_NAMES, name) + flags + b"\0\1" + b"\x03\0\0\0" + "错误".encode("gb18030")
            for name in ("OnRtnOrder", "OnRtnTrade", "OnRspQryTrade", "OnRspError", "OnErrRtnOrderInsert")
            for flags in (b"\0", b"\1", b"\6")
        ],
        after(5, any_bytes),
        longest=3000,
    ),
}
"""by target"""
