"""What is news of orders and trades: each trade once, no order back, nothing before the contracts."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from vnpy_relay.blotter import NEVER_SENT, Blotter
from vnpy_relay.names import OrderName

DAY = "20261126"
NAME = OrderName(1_000_000_001, 1, 7)
RESTING, PARTLY = enums.ORDER_STATUS_NO_TRADE_QUEUEING, enums.ORDER_STATUS_PART_TRADED_QUEUEING
FILLED, CANCELED = enums.ORDER_STATUS_ALL_TRADED, enums.ORDER_STATUS_CANCELED


@dataclass
class Shown:
    """Everything that was passed on."""

    orders: list[tuple[str, int, int]] = field(default_factory=list)
    trades: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def show_order(self, name: OrderName, order: ctp.Order) -> None:
        self.orders.append((name.orderid, order.order_status, order.volume_traded))

    def show_trade(self, name: OrderName, trade: ctp.Trade) -> None:
        self.trades.append((name.orderid, trade.trade_id))

    def refuse_order(self, name: OrderName, why: str) -> None:
        self.refused.append((name.orderid, why))


def order(
    status: enums.OrderStatus = RESTING,
    traded: int = 0,
    number: str = "       1",
    name: OrderName = NAME,
    day: str = DAY,
) -> ctp.Order:
    return ctp.Order(
        front_id=name.front,
        session_id=name.session,
        order_ref=str(name.ref),
        exchange_id="SHFE",
        order_sys_id=number,
        order_status=status,
        volume_traded=traded,
        trading_day=day,
    )


def trade(number: str = "1", trade_id: str = "100", day: str = DAY) -> ctp.Trade:
    return ctp.Trade(
        exchange_id="SHFE", order_sys_id=number, trade_id=trade_id, trading_day=day, direction=enums.DIRECTION_BUY
    )


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def blotter(shown: Shown) -> Blotter:
    opened = Blotter(shown)
    opened.open()
    return opened


def test_until_the_contracts_are_known_everything_waits(shown: Shown) -> None:
    """vn.py counts no position of a trade whose contract it does not know."""
    blotter = Blotter(shown)
    blotter.take_order(order(FILLED, 1))
    blotter.take_trade(trade())
    blotter.refuse(OrderName(1, 1, 1), "refused")
    assert shown == Shown()

    blotter.open()

    assert (len(shown.orders), len(shown.trades), len(shown.refused)) == (1, 1, 1)


def test_a_replayed_day_is_no_news(blotter: Blotter, shown: Shown) -> None:
    """Neither a trade again nor a state that an order has left behind."""
    for _ in range(2):
        for notice in (order(RESTING), order(PARTLY, 1), order(PARTLY, 2), order(CANCELED, 2)):
            blotter.take_order(notice)
        blotter.take_trade(trade(trade_id="100"))
        blotter.take_trade(trade(trade_id="101"))

    assert [(status, traded) for _, status, traded in shown.orders] == [
        (RESTING, 0),
        (PARTLY, 1),
        (PARTLY, 2),
        (CANCELED, 2),
    ]
    assert [one for _, one in shown.trades] == ["100", "101"]


def test_a_trade_before_its_order_waits_for_it(blotter: Blotter, shown: Shown) -> None:
    """And the day's orders are asked for, should the order not come."""
    blotter.take_trade(trade())
    assert (shown.trades, blotter.wants_day) == ([], True)

    blotter.take_order(order(FILLED, 1))

    assert shown.trades == [(NAME.orderid, "100")]


def test_no_trade_is_lost(blotter: Blotter, shown: Shown) -> None:
    """One whose order even the day's orders do not have is shown all the same."""
    blotter.take_trade(trade(number="99"))
    blotter.take_day([order()], [trade(number="99")], blotter.doubtful())

    assert [one for _, one in shown.trades] == ["100"]
    assert not blotter.wants_day


def test_an_order_in_doubt_that_the_counter_has_is_not_refused(blotter: Blotter, shown: Shown) -> None:
    """The day's orders show it."""
    blotter.doubt(NAME)
    assert blotter.wants_day
    blotter.take_day([order()], [], blotter.doubtful())

    assert (shown.refused, [name for name, *_ in shown.orders]) == ([], [NAME.orderid])
    assert not blotter.wants_day


def test_an_order_in_doubt_that_the_counter_has_not_is_refused(blotter: Blotter, shown: Shown) -> None:
    """And should its notice come all the same, the notice is right."""
    blotter.doubt(NAME)
    blotter.take_day([], [], blotter.doubtful())
    blotter.take_order(order(FILLED, 1))

    assert shown.refused == [(NAME.orderid, NEVER_SENT)]
    assert [status for _, status, _ in shown.orders] == [FILLED]


def test_a_doubt_that_is_younger_than_the_question_is_kept(blotter: Blotter, shown: Shown) -> None:
    """The answer says nothing of an order that was sent after it was asked for."""
    asked = blotter.doubtful()
    blotter.doubt(NAME)
    blotter.take_day([], [], asked)

    assert (shown.refused, blotter.wants_day) == ([], True)


def test_a_refusal_is_shown_once(blotter: Blotter, shown: Shown) -> None:
    """It comes as an answer, as a notice and as a state; and never for an order that is in the market."""
    blotter.refuse(NAME, "first")
    blotter.refuse(NAME, "second")
    blotter.take_order(order(name=OrderName(1_000_000_001, 1, 8)))
    blotter.refuse(OrderName(1_000_000_001, 1, 8), "third")

    assert shown.refused == [(NAME.orderid, "first")]


def test_another_day_has_other_trades_of_the_same_number(blotter: Blotter, shown: Shown) -> None:
    """Yesterday's are forgotten, what came of the new day already is kept."""
    blotter.take_order(order(FILLED, 1))
    blotter.take_trade(trade())
    tomorrow = OrderName(1_000_000_001, 1, 8)
    blotter.take_order(order(FILLED, 1, name=tomorrow, day="20261127"))
    blotter.start_day("20261127")
    blotter.take_trade(trade(day="20261127"))

    assert shown.trades == [(NAME.orderid, "100"), (tomorrow.orderid, "100")]
