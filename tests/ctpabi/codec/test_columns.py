"""The quick way from a message to its struct gives the careful way's bytes, or nothing."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.catalog import Catalog
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout, messages
from ctpabi.codec.columns import MessageColumns
from ctprelay.ctp.v1 import structs_pb2
from ctprelay.wire_format import varint
from tests.ctpabi.codec.test_messages import full
from tests.ctpabi.strategies import structs, values


def test_every_struct_that_fits_takes_the_quick_way(catalog: Catalog) -> None:
    """Empty, and with all fields filled, text of Chinese characters among them."""
    for struct in catalog.structs.values():
        columns = MessageColumns(struct)
        for written in ({}, full(struct)):
            data = layout.pack(struct, written)
            message = messages.message_from_struct(struct, data)

            assert columns.struct_bytes(message, absent_is_no_value=False) == data, struct.name


@given(st.data())
def test_an_event_is_the_counters_struct_again(data: st.DataObject) -> None:
    """With DBL_MAX where the counter had no value, and the doubles that are zero left zero."""
    struct = data.draw(structs(load_catalog()))
    body = layout.pack(struct, data.draw(values(struct)))
    message = messages.message_from_struct(struct, body)

    assert messages.struct_from_event(message) == body
    assert MessageColumns(struct).struct_bytes(message, absent_is_no_value=True) == body


def _with_enum(number: int) -> Message:
    order = structs_pb2.InputOrder()
    order.MergeFromString(bytes.fromhex("38") + varint(number))
    return order


@pytest.mark.parametrize(
    "message",
    [
        structs_pb2.InputOrder(investor_id="1234567890123"),
        structs_pb2.InputOrder(investor_id="单" * 7),
        structs_pb2.InputOrder(investor_id="1\x002"),
        structs_pb2.InputOrder(investor_id="单\x002"),
        _with_enum(256),
        _with_enum(-1),
        structs_pb2.Notice(content=b"1" * 502),
        structs_pb2.Bulletin(news_urgency="12"),
        structs_pb2.Dissemination(sequence_series=1 << 15),
    ],
)
def test_what_does_not_fit_is_left_to_the_careful_way(message: Message) -> None:
    """It names the field, or cuts the text of an event; nothing is cut here unseen."""
    struct = load_catalog().structs[message.DESCRIPTOR.name]

    assert MessageColumns(struct).struct_bytes(message, absent_is_no_value=True) is None
