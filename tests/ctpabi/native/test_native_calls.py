"""A call that is read natively says what its message says; what it leaves is for the message, which judges."""

from __future__ import annotations

from functools import cache

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.catalog import Distribution, Interface, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.codec.messages import Messages, message_from_struct
from ctpabi.native.events import NativeEvents
from ctprelay.ctp.v1 import requests_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from tests.ctpabi.native_library import native_events
from tests.ctpabi.strategies import values

CATALOG = load_catalog()
MESSAGES = Messages(CATALOG)
KEYS = st.text(st.characters(codec="utf-8"), max_size=5) | st.just("") | st.just("order-1")


@cache
def native() -> NativeEvents:
    return native_events(CATALOG)


def message(method: Method, body: Message, **more: object) -> bytes:
    """As a terminal writes it."""
    asked = requests_pb2.Request()
    getattr(asked, method.proto_name).CopyFrom(body)
    return pb.TerminalMessage(call=pb.Call(request=asked, **{"request_id": 1, **more})).SerializeToString()  # type: ignore[arg-type]


def check_is_the_same(data: bytes) -> bool:
    """Whether it was read; then as its message says."""
    read = native().call(data)
    if read is None:
        return False
    request_id, milliseconds, key, fresh, place, body = read
    said = pb.TerminalMessage.FromString(data).call
    method, expected = MESSAGES.request_body(said.request)
    assert (request_id, milliseconds, key, fresh) == (
        said.request_id,
        said.valid_for_milliseconds,
        said.client_order_key,
        said.fresh,
    )
    assert native().requests[place] is method
    assert bytes(body) == expected
    return True


@given(
    data=st.data(), request_id=st.integers(1, 2**31 - 1), valid=st.integers(0, 2**32 - 1), key=KEYS, fresh=st.booleans()
)
def test_any_request_is_the_same(data: st.DataObject, request_id: int, valid: int, key: str, fresh: bool) -> None:
    """Of every method, whatever fits its struct: Chinese text, letters of one byte, any number."""
    method = data.draw(st.sampled_from(native().requests))
    struct = CATALOG.structs[method.struct]
    body = message_from_struct(struct, layout.pack(struct, data.draw(values(struct))))

    check_is_the_same(
        message(method, body, request_id=request_id, valid_for_milliseconds=valid, client_order_key=key, fresh=fresh)
    )


@given(st.data())
def test_any_bytes_are_the_same_or_left(data: st.DataObject) -> None:
    """A message that is changed anywhere: nothing is read that its message does not say."""
    method = data.draw(st.sampled_from(native().requests))
    struct = CATALOG.structs[method.struct]
    body = message_from_struct(struct, layout.pack(struct, data.draw(values(struct))))
    written = bytearray(message(method, body))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(written) - 1), st.integers(0, 255)), max_size=3)):
        written[at] = byte
    cut = data.draw(st.integers(0, len(written)) | st.just(len(written)))

    check_is_the_same(bytes(written[:cut]) + data.draw(st.binary(max_size=4)))


@pytest.mark.parametrize("distribution", Distribution)
def test_an_order_of_every_catalog_is_read(distribution: Distribution) -> None:
    """Its struct has other places there."""
    catalog = load_catalog(Interface.TRADER, distribution)
    order = structs_pb2.InputOrder(instrument_id="rb2701", limit_price=3500.5, volume_total_original=3, order_ref="12")

    read = native_events(catalog).call(message(CATALOG.methods["ReqOrderInsert"], order))

    assert read is not None
    assert bytes(read[5]) == Messages(catalog).request_body(requests_pb2.Request(order_insert=order))[1]


@pytest.mark.parametrize(
    "order",
    [
        structs_pb2.InputOrder(instrument_id="螺纹"),
        structs_pb2.InputOrder(instrument_id="rb\0"),
        structs_pb2.InputOrder(order_ref="1234567890123"),
        structs_pb2.InputOrder(limit_price=float("nan")),
        structs_pb2.InputOrder(stop_price=float("inf")),
        structs_pb2.InputOrder(direction=256),  # type: ignore[arg-type]
        structs_pb2.InputOrder(direction=-1),  # type: ignore[arg-type]
    ],
    ids=["Chinese", "NUL", "too long", "NaN", "infinite", "beyond a byte", "negative"],
)
def test_what_must_be_judged_is_left(order: structs_pb2.InputOrder) -> None:
    """The message names what is wrong."""
    assert native().call(message(CATALOG.methods["ReqOrderInsert"], order)) is None


def test_what_is_no_call_is_left() -> None:
    """Another message, no request, no number, a number below zero, a field that comes twice, one that is unknown."""
    order = message(CATALOG.methods["ReqOrderInsert"], structs_pb2.InputOrder(instrument_id="rb2701"))
    others = (
        pb.TerminalMessage(logout=pb.Logout()).SerializeToString(),
        pb.TerminalMessage(call=pb.Call(request_id=1)).SerializeToString(),
        message(CATALOG.methods["ReqOrderInsert"], structs_pb2.InputOrder(), request_id=0),
        message(CATALOG.methods["ReqOrderInsert"], structs_pb2.InputOrder(), request_id=-1),
        order + order,
        order + b"\xf8\x07\x01",
        order[:-1],
        b"",
    )

    assert [native().call(one) for one in others] == [None] * len(others)
    assert check_is_the_same(order)
