"""What CTP says in structs, the terminal reads in messages, and the other way round; nothing is lost between."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.catalog import Callback, Catalog, Field, Kind, Shape, Struct
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout, messages, text
from ctpabi.native.events import NativeEvents
from ctprelay.ctp.v1 import enums_pb2, events_pb2, requests_pb2, structs_pb2
from ctprelay.wire_format import varint
from tests.ctpabi.strategies import INT32, struct_bytes, structs, values


def by_hand(struct: Struct, data: bytes) -> Message:
    """The struct's message, each field set through the protobuf library."""
    message: Message = getattr(structs_pb2, struct.name)()
    for field, value in zip(struct.fields, layout.unpack(struct, data).values(), strict=True):
        if field.kind is Kind.DOUBLE and value == layout.DBL_MAX:
            continue
        setattr(message, field.proto_name, _message_value(field, value, layout.get(struct, data, field.name)))
    return message


def _message_value(field: Field, value: Any, again: Any) -> Any:
    assert repr(value) == repr(again)
    if field.enum:
        return ord(value) if value else 0
    if field.kind is Kind.BYTES and not any(value):
        return b""
    return value


def wire(message: Message) -> bytes:
    """Comparable also where a double is NaN."""
    return message.SerializeToString(deterministic=True)


def full(struct: Struct) -> dict[str, Any]:
    """A value other than zero for every field."""
    samples: dict[Kind, Any] = {Kind.CHAR: "1", Kind.INT: -7, Kind.SHORT: 300, Kind.DOUBLE: 0.25}
    of_size = {
        Kind.TEXT: lambda n: ("单" * n).encode("gb18030")[: (n - 1) // 2 * 2].decode("gb18030"),
        Kind.BYTES: bytes,
    }
    return {f.name: samples[f.kind] if f.kind in samples else of_size[f.kind](f.size) for f in struct.fields}


def test_every_struct_goes_round(catalog: Catalog) -> None:
    """Each struct of the catalog, all fields filled, comes back byte for byte from its message."""
    for struct in catalog.structs.values():
        data = layout.pack(struct, full(struct))
        message = messages.message_from_struct(struct, data)

        assert wire(message) == wire(by_hand(struct, data)), struct.name
        assert messages.struct_from_message(message) == data, struct.name


@given(st.data())
def test_the_fast_path_writes_what_the_library_would(data: st.DataObject) -> None:
    """Whatever is in a struct's memory, the message is the one built field by field."""
    struct = data.draw(structs(load_catalog()))
    memory = data.draw(struct_bytes(struct) | values(struct).map(lambda written: layout.pack(struct, written)))

    assert wire(messages.message_from_struct(struct, memory)) == wire(by_hand(struct, memory))


@given(st.data())
def test_values_survive_the_round_trip(data: st.DataObject) -> None:
    """Struct to message to struct loses nothing but the marker of a double without value, which becomes 0.0."""
    struct = data.draw(structs(load_catalog()))
    written = data.draw(values(struct))
    kept = {name: 0.0 if value == layout.DBL_MAX else value for name, value in written.items()}

    message = messages.message_from_struct(struct, layout.pack(struct, written))

    assert messages.struct_from_message(message) == layout.pack(struct, kept)


@given(st.data(), INT32, st.text(max_size=20), INT32, st.booleans())
def test_an_event_reads_as_it_was_called(
    data: st.DataObject, error_id: int, error_text: str, request_id: int, is_last: bool
) -> None:
    """Every callback, with and without struct and RspInfo, parses to the event built by hand."""
    catalog = load_catalog()
    callback = data.draw(st.sampled_from([c for c in catalog.callbacks.values() if c.proto_name]))
    body = _body(data, catalog, callback)
    error_msg = error_text.replace("\0", "").encode("gb18030")

    event = events_pb2.Event.FromString(
        messages.event_bytes(
            callback, body, error_id=error_id, error_msg=error_msg, request_id=request_id, is_last=is_last
        )
    )

    assert event.WhichOneof("body") == callback.proto_name
    assert (event.request_id, event.is_last) == (request_id, is_last)
    assert (event.rsp_info.error_id, event.rsp_info.error_msg) == (error_id, error_msg.decode("gb18030"))
    assert event.HasField("rsp_info") == bool(error_id or error_msg)
    assert event.empty == (body is None and callback.shape is not Shape.RESPONSE_ERROR)
    if body is not None:
        assert wire(getattr(event, callback.proto_name)) == wire(by_hand(catalog.structs[callback.struct], body))


def test_a_null_struct_is_an_empty_event(catalog: Catalog) -> None:
    """An answer without rows still says which callback it is; OnRspError has no struct, so it lacks none."""
    for callback in catalog.callbacks.values():
        if callback.proto_name:
            event = events_pb2.Event.FromString(messages.event_bytes(callback, None))
            assert event.WhichOneof("body") == callback.proto_name
            assert event.empty == (callback.name != "OnRspError"), callback.name


def _native(_slot: int, _body: bytes | None, _request_id: int, _is_last: bool, said: bytes) -> bytes:
    """As the native library: what follows is put at the end."""
    return said


@pytest.mark.parametrize("native", [None, _native], ids=["python", "native"])
@pytest.mark.parametrize(("error_id", "error_msg"), [(0, b""), (0, b"\xd5\xfd\xc8\xb7"), (3, b""), (-1, b"no\0behind")])
def test_rsp_info_is_there_when_it_says_something(
    catalog: Catalog, error_id: int, error_msg: bytes, native: Callable[..., bytes] | None
) -> None:
    """Number or text alone are enough; neither is no RspInfo."""
    callback = catalog.callbacks["OnRspUserLogin"]
    library = None if native is None else cast("NativeEvents", SimpleNamespace(event=native))

    encoded = messages.Messages(catalog, library).event_bytes(callback, None, error_id=error_id, error_msg=error_msg)
    event = events_pb2.Event.FromString(encoded)

    assert event.HasField("rsp_info") == bool(error_id or error_msg)
    assert (event.rsp_info.error_id, event.rsp_info.error_msg) == (error_id, text.decode(error_msg))


def test_integers_of_every_length_are_written(catalog: Catalog) -> None:
    """One byte up to 127, ten for what is negative."""
    struct = catalog.structs["RspInfo"]
    for number in (1, 127, 128, 16383, 16384, 2**31 - 1, -1, -(2**31)):
        message = messages.message_from_struct(struct, layout.pack(struct, {"ErrorID": number}))
        assert message == structs_pb2.RspInfo(error_id=number)


def _body(data: st.DataObject, catalog: Catalog, callback: Callback) -> bytes | None:
    if not callback.struct or data.draw(st.booleans()):
        return None
    struct = catalog.structs[callback.struct]
    return layout.pack(struct, data.draw(values(struct)))


@given(st.data())
def test_a_request_names_its_method(data: st.DataObject) -> None:
    """Every request of the catalog arrives as its method and its struct's bytes."""
    catalog = load_catalog()
    method = data.draw(st.sampled_from(catalog.requests))
    struct = catalog.structs[method.struct]
    body = layout.pack(struct, data.draw(values(struct)))
    request = requests_pb2.Request()
    getattr(request, method.proto_name).CopyFrom(messages.message_from_struct(struct, body))

    called, bytes_sent = messages.request_body(request)

    assert called is method
    assert bytes_sent == messages.struct_from_message(messages.message_from_struct(struct, body))


def test_the_protos_have_every_request_and_event(catalog: Catalog) -> None:
    """Each of the 118 requests and 161 events has its member; the three that tell of the connection have none."""
    requests = requests_pb2.Request.DESCRIPTOR.oneofs_by_name["body"].fields
    events = events_pb2.Event.DESCRIPTOR.oneofs_by_name["body"].fields

    assert [f.name for f in requests] == [m.proto_name for m in catalog.requests]
    assert [f.name for f in events] == [c.proto_name for c in catalog.callbacks.values() if c.proto_name]
    assert (len(requests), len(events)) == (118, 161)


def test_the_protos_have_every_field_and_enum_value(catalog: Catalog) -> None:
    """Each struct has its message with all fields, each enum its values, numbered by CTP's characters."""
    for struct in catalog.structs.values():
        descriptor = structs_pb2.DESCRIPTOR.message_types_by_name[struct.name]
        assert set(descriptor.fields_by_name) == {f.proto_name for f in struct.fields}, struct.name
    for enum in catalog.enums.values():
        for value in enum.values:
            assert getattr(enums_pb2, value.proto_name) == ord(value.char), value.proto_name


def test_secrets_are_marked() -> None:
    """Passwords and auth codes carry debug_redact for the tools that honor it; Python's printing does not."""
    for message, name in (("ReqUserLogin", "password"), ("ReqAuthenticate", "auth_code"), ("ReqTransfer", "password")):
        field = structs_pb2.DESCRIPTOR.message_types_by_name[message].fields_by_name[name]
        assert field.GetOptions().debug_redact, f"{message}.{name}"


def test_a_price_without_value_is_absent(catalog: Catalog) -> None:
    """DBL_MAX means there is no price; zero is a price."""
    struct = catalog.structs["DepthMarketData"]
    data = layout.pack(struct, {"LastPrice": 0.0, "SettlementPrice": layout.DBL_MAX})

    message = messages.message_from_struct(struct, data)

    assert message.HasField("last_price")
    assert not message.HasField("settlement_price")


def test_an_unknown_enum_character_arrives() -> None:
    """A character a newer counter sends is passed on with its number; the terminal may know it."""
    struct = load_catalog().structs["Order"]

    order = messages.message_from_struct(struct, layout.pack(struct, {"OrderStatus": "Z"}))

    assert isinstance(order, structs_pb2.Order)
    assert order.order_status == ord("Z")
    assert layout.get(struct, messages.struct_from_message(order), "OrderStatus") == "Z"


@pytest.mark.parametrize("number", [256, -1, 0x110000])
def test_an_impossible_enum_number_is_refused(number: int) -> None:
    """What is no character of one byte is refused with struct and field, not cut to one."""
    order = structs_pb2.InputOrder()
    order.MergeFromString(bytes.fromhex("38") + varint(number))
    assert order.direction == number

    with pytest.raises(layout.BadValue, match=r"^InputOrder\.Direction: takes a character of one byte$"):
        messages.struct_from_message(order)


def test_a_text_too_long_is_refused() -> None:
    """CTP would cut it, perhaps to another account's number."""
    with pytest.raises(layout.FieldTooLong, match=r"^InputOrder\.InvestorID: takes 12 bytes"):
        messages.struct_from_message(structs_pb2.InputOrder(investor_id="1234567890123"))


def test_an_empty_request_is_refused() -> None:
    """A request of a newer client, or none at all, is not guessed about."""
    with pytest.raises(messages.EmptyRequest):
        messages.request_body(requests_pb2.Request())


def test_connection_callbacks_are_no_events(catalog: Catalog) -> None:
    """The relay turns them into session states instead."""
    with pytest.raises(ValueError, match="OnFrontConnected tells of the connection"):
        messages.event_bytes(catalog.callbacks["OnFrontConnected"], None)


def test_a_body_of_another_struct_is_refused(catalog: Catalog) -> None:
    """The wrong struct's bytes never become an event."""
    with pytest.raises(layout.WrongSize, match="Order has 872 bytes, not 408"):
        messages.event_bytes(catalog.callbacks["OnRtnOrder"], bytes(408))
