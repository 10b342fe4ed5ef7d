"""An order before its trades."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relay.counter.ctp.delivery.delivery import Delivery, DeliveryLimits, Notice
from tests.relay.counter.ctp.ctp_bodies import callback, event, keys_of, read


def delivery(**limits: Any) -> Delivery:
    return Delivery(DeliveryLimits(**limits))


def accept(terminal: Delivery, notice: Notice, now: float) -> list[Notice]:
    return terminal.accept(notice, keys_of(notice.callback, notice.body), now)


def order(system_id: str, status: str = "3", traded: int = 0) -> Notice:
    fields = {"ExchangeID": "SHFE", "OrderSysID": system_id, "OrderStatus": status, "VolumeTraded": traded}
    return Notice(callback("OnRtnOrder"), event("OnRtnOrder", **fields))


def trade(system_id: str, trade_id: str, direction: str = "0", exchange: str = "SHFE") -> Notice:
    fields = {"ExchangeID": exchange, "OrderSysID": system_id, "TradeID": trade_id, "Direction": direction}
    return Notice(callback("OnRtnTrade"), event("OnRtnTrade", **fields))


def test_a_trade_waits_for_its_order() -> None:
    """It comes right after the order that names the same exchange number."""
    terminal = delivery()

    assert accept(terminal, trade("8001", "t1"), 0.0) == []
    assert accept(terminal, order("8002"), 0.0) == [order("8002")]
    assert accept(terminal, order("8001"), 0.0) == [order("8001"), trade("8001", "t1")]
    assert accept(terminal, trade("8001", "t2"), 0.0) == [trade("8001", "t2")]
    assert terminal.held == 0


def test_an_order_without_exchange_number_lets_no_trade_go() -> None:
    """The first state of an order, before the exchange has it, is not the one a trade refers to."""
    terminal = delivery()
    accept(terminal, trade("8001", "t1"), 0.0)

    assert accept(terminal, order(""), 0.0) == [order("")]
    assert terminal.held == 1


def test_a_trade_that_names_no_exchange_waits_for_the_order_of_its_number() -> None:
    """It does not wait its time out though its order is there, before or after it."""
    terminal = delivery()

    assert accept(terminal, trade("8001", "t1", exchange=""), 0.0) == []
    assert accept(terminal, order("8001"), 0.0) == [order("8001"), trade("8001", "t1", exchange="")]
    assert accept(terminal, trade("8001", "t2", exchange=""), 0.0) == [trade("8001", "t2", exchange="")]
    assert terminal.held == 0


def test_a_trade_whose_order_never_comes_is_let_go_in_time() -> None:
    """The order may have been sent before this session began; the trade is worth more than the order of things."""
    terminal = delivery(hold_seconds=5.0)
    accept(terminal, trade("8001", "t1"), 100.0)

    assert terminal.due_at == 105.0
    assert terminal.release(104.9) == []
    assert terminal.release(105.0) == [trade("8001", "t1")]
    assert terminal.due_at is None


def test_waiting_trades_are_bounded() -> None:
    """At the limit the trade waiting longest is let go."""
    terminal = delivery(held=2)

    assert [accept(terminal, trade(f"{n}", f"t{n}"), float(n)) for n in range(3)] == [[], [], [trade("0", "t0")]]
    assert terminal.held == 2


def test_a_new_trading_day_remembers_nothing() -> None:
    """TradeIDs and OrderSysIDs start anew."""
    terminal = delivery()
    accept(terminal, order("8001"), 0.0)
    accept(terminal, trade("8002", "t1"), 0.0)
    terminal.start_day()

    assert accept(terminal, order("8001"), 0.0) == [order("8001")]
    assert terminal.held == 0


NOTICES = st.lists(
    st.builds(order, st.sampled_from(["", "1", "2", "3"]), st.sampled_from("013"), st.integers(0, 2))
    | st.builds(trade, st.sampled_from(["1", "2", "3"]), st.sampled_from(["a", "b"]), st.sampled_from("01")),
    max_size=30,
)


@given(NOTICES)
def test_nothing_is_lost_or_out_of_order(day: list[Notice]) -> None:
    """For any day: every notice as often as it came, no trade before its order."""
    terminal = delivery()
    seen = [n for notice in day for n in accept(terminal, notice, 0.0)]
    seen += terminal.release(5.0)

    assert sorted(map(content, seen)) == sorted(map(content, day))
    for place, notice in enumerate(seen):
        if notice.callback.name == "OnRtnTrade" and any(ordered(n, notice) for n in day):
            assert any(ordered(n, notice) for n in seen[:place])


def content(notice: Notice) -> tuple[str, bytes]:
    return notice.callback.name, notice.body


def ordered(notice: Notice, of: Notice) -> bool:
    if notice.callback.name != "OnRtnOrder":
        return False
    return bool(read("Order", notice.body, "OrderSysID") == read("Trade", of.body, "OrderSysID"))
