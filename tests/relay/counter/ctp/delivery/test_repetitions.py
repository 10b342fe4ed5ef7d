"""Each notice of a day once, whatever the counter repeats; two that only look alike are two."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.delivery.repetitions import Repetitions
from tests.relay.counter.ctp.ctp_bodies import NAMES, callback, event

TRADE: dict[str, Any] = {
    "ExchangeID": "CZCE",
    "OrderSysID": "   100",
    "TradeID": "   7",
    "Direction": "0",
    "InstrumentID": "SR701C5000",
}


def notice(name: str, error_id: int = 0, **fields: Any) -> Notice:
    return Notice(callback(name), event(name, **fields), error_id)


def test_a_day_that_is_sent_again_brings_only_what_is_new() -> None:
    """RESTART sends the day from its beginning after every break."""
    day = [notice("OnRtnOrder", OrderRef="1", VolumeTraded=n) for n in range(4)]
    came = Repetitions(NAMES)

    first = [n for n in day[:2] if came.first_time(n)]
    again = [n for n in day if came.first_time(n)]

    assert (first, again) == (day[:2], day[2:])


@pytest.mark.parametrize(
    "other",
    [
        {"Direction": "1", "OrderSysID": "   101"},
        {"ExchangeID": "DCE"},
        {"InstrumentID": "SR705", "Direction": "1"},
        {"InstrumentID": "SR701P5000"},
        {"OrderSysID": "   102"},
    ],
    ids=["self-trade", "other exchange", "spread", "straddle", "other order"],
)
def test_trades_that_share_a_trade_id_are_each_a_trade(other: dict[str, str]) -> None:
    """Exchanges give both sides and both legs one TradeID; a lost one is a wrong position."""
    came = Repetitions(NAMES)

    assert came.first_time(notice("OnRtnTrade", **TRADE))
    assert came.first_time(notice("OnRtnTrade", **{**TRADE, **other}))


def test_a_trade_repeated_with_another_sequence_is_the_same_trade() -> None:
    """Nothing is booked twice."""
    came = Repetitions(NAMES)
    came.first_time(notice("OnRtnTrade", **TRADE, SequenceNo=1))

    assert not came.first_time(notice("OnRtnTrade", **TRADE, SequenceNo=2))


NAMED: dict[str, Any] = {"ExchangeID": "SHFE", "TraderID": "t1", "OrderLocalID": "   9", "OrderStatus": "3"}
BEFORE: dict[str, Any] = {
    "FrontID": 1,
    "SessionID": 77,
    "OrderRef": "5",
    "RequestID": 12,
    "RelativeOrderSysID": "TJBD_1",
}
AFTER: dict[str, Any] = {"FrontID": 2, "SessionID": 9, "OrderRef": "1", "RequestID": 0, "RelativeOrderSysID": ""}


@pytest.mark.parametrize("numbers", [{**NAMED, "OrderSysID": "   321"}, NAMED], ids=["OrderSysID", "OrderLocalID"])
def test_our_order_that_comes_again_under_another_name_is_the_same(numbers: dict[str, Any]) -> None:
    """After a clearing of the flow within the day; another state of it is news."""
    came = Repetitions(NAMES)
    assert came.first_time(notice("OnRtnOrder", **numbers, **BEFORE), ours=True)

    assert not came.first_time(notice("OnRtnOrder", **numbers, **AFTER), ours=True)
    assert came.first_time(notice("OnRtnOrder", **{**numbers, "OrderStatus": "0"}, **AFTER), ours=True)


def test_another_programs_order_has_no_other_name() -> None:
    """Terminals that cancel it by its name must hear the new one."""
    came = Repetitions(NAMES)
    assert came.first_time(notice("OnRtnOrder", **NAMED, OrderSysID="   321", **BEFORE))

    assert came.first_time(notice("OnRtnOrder", **NAMED, OrderSysID="   321", **AFTER))


@pytest.mark.parametrize("missing", ["ExchangeID", "OrderLocalID"])
def test_an_order_that_no_exchange_names_is_known_by_the_counters_name(missing: str) -> None:
    """Two orders that only look alike are two."""
    came = Repetitions(NAMES)
    unnamed = {**NAMED, missing: ""}
    assert came.first_time(notice("OnRtnOrder", **unnamed, **BEFORE), ours=True)

    assert came.first_time(notice("OnRtnOrder", **unnamed, **AFTER), ours=True)


def test_the_same_order_refused_for_another_reason_is_another_notice() -> None:
    """The error is part of it."""
    came = Repetitions(NAMES)

    heard = [came.first_time(notice("OnErrRtnOrderInsert", error, OrderRef="1")) for error in (31, 31, 50)]

    assert heard == [True, False, True]


def test_a_token_asked_for_again_is_given_again() -> None:
    """OnRtnCFMMCTradingAccountToken answers a request, so the same answer is wanted twice."""
    came = Repetitions(NAMES)
    token = notice("OnRtnCFMMCTradingAccountToken", AccountID="1")

    assert came.first_time(token)
    assert came.first_time(token)


def test_a_new_trading_day_remembers_nothing() -> None:
    """TradeIDs and OrderSysIDs start anew."""
    came = Repetitions(NAMES)
    came.first_time(notice("OnRtnTrade", **TRADE))
    came.start_day()

    assert came.first_time(notice("OnRtnTrade", **TRADE))


@given(st.integers(2, 20), st.integers(1, 60))
def test_what_is_remembered_is_bounded_and_never_the_latest_half_forgotten(remembered: int, came_so_far: int) -> None:
    """A replay after a very long day may repeat its beginning, never its end."""
    came = Repetitions(NAMES, remembered)
    day = [notice("OnRtnOrder", SequenceNo=n) for n in range(came_so_far)]
    for one in day:
        came.first_time(one)

    latest = day[-(remembered // 2) :]

    assert len(came) <= remembered
    assert not any(came.first_time(n) for n in latest)
