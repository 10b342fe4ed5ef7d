"""The same messages in the structs of two bindings: what one lacks is refused by name, and the two do not mix."""

from __future__ import annotations

import pytest

from ctpabi.catalog import Catalog, Distribution
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.codec.messages import Messages, NotOffered
from ctprelay.ctp.v1 import events_pb2, requests_pb2, structs_pb2


@pytest.fixture(scope="module")
def tts() -> Catalog:
    return load_catalog(distribution=Distribution.TTS)


def test_a_request_takes_each_bindings_own_layout(catalog: Catalog, tts: Catalog) -> None:
    """The order of one process is not packed in the struct of the other."""
    order = structs_pb2.InputOrder(instrument_id="rb2701", limit_price=3100.0, volume_total_original=2)
    request = requests_pb2.Request(order_insert=order)

    for one in (catalog, tts):
        method, body = Messages(one).request_body(request)

        assert method is one.methods["ReqOrderInsert"]
        assert len(body) == one.structs["InputOrder"].size
        assert layout.get(one.structs["InputOrder"], body, "LimitPrice") == 3100.0
    assert catalog.structs["InputOrder"].size != tts.structs["InputOrder"].size


def test_a_field_that_the_binding_lacks_is_refused_by_name(tts: Catalog) -> None:
    """It would be lost on the way."""
    request = requests_pb2.Request(order_insert=structs_pb2.InputOrder(instrument_id="rb2701", order_memo="mine"))

    with pytest.raises(NotOffered, match=r"has no InputOrder\.order_memo") as lacking:
        Messages(tts).request_body(request)

    assert lacking.value.is_field


def test_a_request_that_the_binding_lacks_is_refused_by_name(tts: Catalog) -> None:
    request = requests_pb2.Request(qry_comb_leg=structs_pb2.QryCombLeg())

    with pytest.raises(NotOffered, match="has no qry_comb_leg") as lacking:
        Messages(tts).request_body(request)

    assert not lacking.value.is_field


def test_an_event_is_read_in_each_bindings_own_layout(catalog: Catalog, tts: Catalog) -> None:
    """Two catalogs in one process, as a test has them: the later one is not read by the earlier one's plan."""
    for one in (catalog, tts, catalog):
        struct = one.structs["Order"]
        body = layout.pack(struct, {"InstrumentID": "rb2701", "OrderSysID": "77", "LimitPrice": 3100.0})

        event = events_pb2.Event.FromString(Messages(one).event_bytes(one.callbacks["OnRtnOrder"], body))

        order = event.rtn_order
        assert (order.instrument_id, order.order_sys_id, order.limit_price) == ("rb2701", "77", 3100.0)
