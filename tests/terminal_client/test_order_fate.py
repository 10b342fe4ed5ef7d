"""What becomes of an order, read from its notices."""

from __future__ import annotations

from typing import Any

import pytest

from ctpabi.facts.errors import NEVER_ANSWERED
from ctprelay.ctp.v1 import enums_pb2, events_pb2, structs_pb2
from terminal_client.order_fate import OrderFate, OrderKey

KEY = OrderKey(front_id=-7, session_id=1, order_ref="101", request_id=5)
PLACED: dict[str, Any] = {"exchange_id": "SHFE", "order_sys_id": "           1"}


def order(status: int, traded: int = 0, **fields: Any) -> events_pb2.Event:
    heard: dict[str, Any] = {"front_id": -7, "session_id": 1, "order_ref": " 101", **PLACED, **fields}
    return events_pb2.Event(rtn_order=structs_pb2.Order(order_status=status, volume_traded=traded, **heard))  # type: ignore[arg-type]


def trade(volume: int, **fields: Any) -> events_pb2.Event:
    return events_pb2.Event(rtn_trade=structs_pb2.Trade(volume=volume, **{**PLACED, **fields}))


@pytest.fixture
def fate() -> OrderFate:
    return OrderFate(KEY)


def test_all_traded_waits_for_the_trades(fate: OrderFate) -> None:
    """The order notice says how much, the trades say that it is all there."""
    assert fate.take(order(enums_pb2.ORDER_STATUS_ALL_TRADED, 3))
    assert not fate.decided

    assert fate.take(trade(1))
    assert not fate.decided
    assert fate.take(trade(2))

    assert (fate.decided, fate.state, fate.traded) == (True, "all_traded", 3)


def test_a_canceled_rest_keeps_its_trades(fate: OrderFate) -> None:
    """Part traded, then canceled: decided with what was traded."""
    fate.take(order(enums_pb2.ORDER_STATUS_PART_TRADED_QUEUEING, 1))
    fate.take(trade(1))
    assert not fate.decided

    fate.take(order(enums_pb2.ORDER_STATUS_CANCELED, 1))

    assert (fate.decided, fate.state, fate.rejected) == (True, "canceled", False)


def test_a_queueing_order_is_not_decided(fate: OrderFate) -> None:
    """Resting in the book is no end."""
    fate.take(order(enums_pb2.ORDER_STATUS_NO_TRADE_QUEUEING))

    assert (fate.decided, fate.state) == (False, "no_trade_queueing")


def test_the_exchanges_rejection_is_a_canceled_order(fate: OrderFate) -> None:
    """Rejected by the exchange: an order notice says so in its submit status."""
    fate.take(order(enums_pb2.ORDER_STATUS_CANCELED, order_submit_status=enums_pb2.ORDER_SUBMIT_STATUS_INSERT_REJECTED))

    assert (fate.decided, fate.rejected) == (True, True)


@pytest.mark.parametrize(
    "event",
    [
        events_pb2.Event(request_id=5, rsp_info={"error_id": 31}, rsp_order_insert={"order_ref": "101"}),
        events_pb2.Event(rsp_info={"error_id": 31}, err_rtn_order_insert={"order_ref": "101"}),
        events_pb2.Event(request_id=5, rsp_info={"error_id": 90}, rsp_error={}),
    ],
    ids=["response", "error notice", "error"],
)
def test_the_counters_rejection_comes_in_three_ways(fate: OrderFate, event: events_pb2.Event) -> None:
    """By request id, or by order reference."""
    assert fate.take(event)

    assert (fate.decided, fate.rejected, fate.state) == (True, True, "rejected")


def test_an_answer_that_will_never_come_is_no_rejection(fate: OrderFate) -> None:
    """The relay says so with -1 when the counter's connection broke: the order may be at the exchange."""
    lost = events_pb2.Event(request_id=5, rsp_info={"error_id": NEVER_ANSWERED}, rsp_error={})
    assert fate.take(lost)
    assert (fate.decided, fate.rejected, fate.state) == (False, False, "unknown")

    fate.take(order(enums_pb2.ORDER_STATUS_ALL_TRADED, 3))
    fate.take(trade(3))

    assert (fate.decided, fate.state) == (True, "all_traded")


@pytest.mark.parametrize(
    "event",
    [
        order(enums_pb2.ORDER_STATUS_ALL_TRADED, 3, session_id=2),
        order(enums_pb2.ORDER_STATUS_ALL_TRADED, 3, front_id=1),
        order(enums_pb2.ORDER_STATUS_ALL_TRADED, 3, order_ref="102"),
        trade(3),
        events_pb2.Event(request_id=6, rsp_info={"error_id": 31}, rsp_order_insert={"order_ref": "101"}),
        events_pb2.Event(rsp_info={"error_id": 31}, err_rtn_order_insert={"order_ref": ""}),
        events_pb2.Event(rtn_instrument_status={}),
    ],
)
def test_other_orders_do_not_matter(fate: OrderFate, event: events_pb2.Event) -> None:
    """Another session's order of the same reference, another reference, another request: not this order."""
    assert not fate.take(event)
    assert not fate.decided


def test_another_exchanges_trade_of_the_same_number_does_not_count(fate: OrderFate) -> None:
    """Order numbers are unique for an exchange only."""
    fate.take(order(enums_pb2.ORDER_STATUS_ALL_TRADED, 3))

    assert not fate.take(trade(3, exchange_id="DCE"))
