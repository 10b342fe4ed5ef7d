"""What production does and no test counter shows: half-open breaks, foreign rows, errors of no request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import OPERATOR_ID, OPERATOR_RELAY_APP_ID
from tests.simcounter.raw_shim import Event, RawShim, limit_order


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(CounterConfig(trading_day="20261123")) as running:
        yield running


# A connection whose break only one end knows of --------------------------------------------------------------------


async def test_after_a_half_open_break_the_old_session_still_counts(counter: SimulatedCounter) -> None:
    """60 while the counter has not noticed the break; then the login succeeds, on the same connection."""
    counter.control.session_limit(1)
    async with RawShim(counter) as shim:
        await shim.log_in()
        assert counter.control.half_open("100001") == 1
        assert await shim.is_closed()

    async with RawShim(counter) as shim:
        assert (await shim.log_in()).error_id == 60
        assert counter.control.status()["half_open"] == 1
        counter.control.notice_breaks()
        assert (await shim.log_in()).error_id == 0


async def test_a_half_open_break_is_noticed_after_its_time(counter: SimulatedCounter) -> None:
    """Without a command to the counter."""
    counter.control.session_limit(1)
    async with RawShim(counter) as shim:
        await shim.log_in()
        counter.control.half_open("100001", seconds=0.01)
        assert await shim.is_closed()

    async with RawShim(counter) as shim:
        while (await shim.log_in()).error_id:
            pass
        assert counter.control.status()["half_open"] == 0


async def test_other_users_and_other_connections_are_not_concerned(counter: SimulatedCounter) -> None:
    """The limit counts each user alone; without a user all connections break half-open; `clear` ends it all."""
    counter.control.session_limit(1)
    async with RawShim(counter) as shim, RawShim(counter) as other:
        await shim.log_in("100001")
        await other.log_in("100002")
        counter.control.half_open("100001")
        other.call("ReqQryInvestor")
        assert (await other.event()).callback == "OnRspQryInvestor"
        assert counter.control.half_open() == 1
        assert await other.is_closed()

    counter.control.clear()
    async with RawShim(counter) as shim, RawShim(counter) as second:
        assert (await shim.log_in()).error_id == 0
        assert (await second.log_in()).error_id == 0


# Errors of no request --------------------------------------------------------------------------------------------


async def test_an_error_of_no_request_reaches_every_connection_or_one_users(counter: SimulatedCounter) -> None:
    """OnRspError with nRequestID 0, also before the login."""
    async with RawShim(counter) as shim, RawShim(counter) as other:
        await shim.log_in("100001")
        assert counter.control.rsp_error(4040) == 2
        for one in (shim, other):
            sent = await one.event()
            assert (sent.callback, sent.request_id, sent.error_id) == ("OnRspError", 0, 4040)
        assert counter.control.rsp_error(7, text="CTP:自定义", user_id="100001") == 1
        assert (await shim.event()).error_msg == "CTP:自定义"


async def test_an_error_at_the_handshake_comes_before_anything_else(counter: SimulatedCounter) -> None:
    """As 4040 where library and front do not fit; until it is cleared."""
    counter.control.rsp_error(4040, at_connect=True)
    async with RawShim(counter) as shim:
        assert ((await shim.event()).callback, shim.request_id) == ("OnRspError", 0)
        assert (await shim.log_in()).error_id == 0
    counter.control.clear()
    async with RawShim(counter) as shim:
        assert (await shim.log_in()).callback == "OnRspUserLogin"


# Rows that were not asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "owner"),
    [
        ("ReqQryInvestorPosition", "InvestorID"),
        ("ReqQryTradingAccount", "AccountID"),
        ("ReqQryAccountregister", "AccountID"),
    ],
)
async def test_an_operators_answer_holds_foreign_rows(counter: SimulatedCounter, method: str, owner: str) -> None:
    """All investors' rows, also when one is named; as often as commanded."""
    counter.control.foreign_rows(method, times=1)
    async with RawShim(counter) as shim:
        await shim.log_in(OPERATOR_ID, OPERATOR_RELAY_APP_ID)
        field = {"InvestorID": "100002"} if method != "ReqQryAccountregister" else {"AccountID": "100002"}
        owners = []
        for _ in range(2):
            shim.call(method, BrokerID="9999", **field)
            rows = [await shim.event()]
            while not rows[-1].is_last:
                rows.append(await shim.event())
            owners.append({row.values[owner] for row in rows if row.values})

    assert owners[1] == {"100002"}
    assert owners[0] >= {"100002"}
    assert method == "ReqQryInvestorPosition" or len(owners[0]) == 5


async def test_an_investors_answer_never_does(counter: SimulatedCounter) -> None:
    """The wildcard is the operator's alone."""
    counter.control.foreign_rows("ReqQryTradingAccount")
    async with RawShim(counter) as shim:
        await shim.log_in("100001")
        shim.call("ReqQryTradingAccount", BrokerID="9999", InvestorID="100001")
        row = await shim.event()

    assert row.is_last
    assert row.values is not None
    assert row.values["AccountID"] == "100001"


# A restart that clears the flow --------------------------------------------------------------------------------------


async def test_after_a_flow_clearing_the_days_orders_have_new_references(counter: SimulatedCounter) -> None:
    """Same day, same OrderSysID, OrderLocalID and TraderID; FrontID, SessionID and OrderRef anew, RequestID 0."""
    async with RawShim(counter) as shim:
        await shim.log_in()
        await shim.confirm()
        before = await _trade_and_rest(shim)
        counter.control.flow_clearing()
        assert await shim.is_closed()

    async with RawShim(counter) as shim:
        login = await shim.log_in()
        after = [await shim.event() for _ in range(3)]
        assert login.values is not None
        assert login.values["TradingDay"] == "20261123"
        resting, again = _order(before[-1]), _order(after[-1])
        shim.call("ReqOrderAction", **_cancel_of(again))
        canceled = _order(await shim.event())

    assert [event.callback for event in after] == ["OnRtnOrder", "OnRtnTrade", "OnRtnOrder"]
    kept = ("ExchangeID", "OrderSysID", "TraderID", "OrderLocalID", "OrderStatus", "VolumeTraded", "InvestorID")
    assert {name: again[name] for name in kept} == {name: resting[name] for name in kept}
    assert (again["RequestID"], again["RelativeOrderSysID"]) == (0, "")
    assert _triple(again) != _triple(resting)
    assert _triple(again)[1] not in {login.values["SessionID"], resting["SessionID"]}
    trade = _order(after[1])
    assert (trade["OrderRef"], trade["OrderSysID"]) == (_order(after[0])["OrderRef"], _order(before[1])["OrderSysID"])
    assert (canceled["OrderStatus"], canceled["OrderSysID"]) == ("5", resting["OrderSysID"])


async def test_what_the_exchange_never_took_is_gone_after_a_flow_clearing(counter: SimulatedCounter) -> None:
    """The day is read from the exchange's flow again; numbers go on where they were."""
    async with RawShim(counter) as shim:
        await shim.log_in()
        await shim.confirm()
        shim.call("ReqOrderInsert", **limit_order(LimitPrice=1.0, OrderRef="1"))
        assert [_order(await shim.event())["OrderStatus"] for _ in range(2)] == ["a", "5"]
        counter.control.flow_clearing()
        assert await shim.is_closed()

    async with RawShim(counter) as shim:
        await shim.log_in()
        shim.call("ReqQryOrder", BrokerID="9999", InvestorID="100001")
        assert (await shim.event()).values is None
        shim.call("ReqOrderInsert", **limit_order(LimitPrice=3400.0, OrderRef="1"))
        assert _order(await shim.event())["OrderLocalID"].strip() == "2"


async def test_after_a_flow_clearing_resume_may_get_nothing(counter: SimulatedCounter) -> None:
    """The position in the flow file is of the flow before."""
    async with RawShim(counter, private_topic=1) as shim:
        await shim.log_in()
        await shim.confirm()
        await _trade_and_rest(shim)
        counter.control.flow_clearing()
        assert await shim.is_closed()

    async with RawShim(counter, private_topic=1) as shim:
        await shim.log_in()
        shim.call("ReqQryOrder", BrokerID="9999", InvestorID="100001")
        assert (await shim.event()).callback == "OnRspQryOrder"


async def test_other_requests_have_new_references_too(counter: SimulatedCounter) -> None:
    """Exercise orders, quotes: what the counter accepted comes again."""
    async with RawShim(counter) as shim:
        await shim.log_in()
        exercise = {"BrokerID": "9999", "InvestorID": "100001", "UserID": "100001", "ExecOrderRef": "17"}
        shim.call("ReqExecOrderInsert", **exercise, InstrumentID="SR701C5600", ExchangeID="CZCE", Volume=1)
        before = _order(await shim.event())
        counter.control.flow_clearing()
        assert await shim.is_closed()

    async with RawShim(counter) as shim:
        await shim.log_in()
        again = await shim.event()

    assert again.callback == "OnRtnExecOrder"
    assert (_order(again)["ExecOrderSysID"], _order(again)["RequestID"]) == (before["ExecOrderSysID"], 0)
    assert _order(again)["SessionID"] != before["SessionID"]


async def _trade_and_rest(shim: RawShim) -> list[Event]:
    """One order that trades (unknown, traded, trade) and one that rests (unknown, queueing)."""
    shim.call("ReqOrderInsert", **limit_order(LimitPrice=3501.0, OrderRef="41", RequestID=7))
    traded = [await shim.event() for _ in range(3)]
    shim.call("ReqOrderInsert", **limit_order(LimitPrice=3400.0, OrderRef="42", RequestID=8))
    return [*traded, await shim.event(), await shim.event()]


def _order(event: Event) -> dict[str, Any]:
    assert event.values is not None
    return event.values


def _triple(order: dict[str, Any]) -> tuple[int, int, str]:
    return order["FrontID"], order["SessionID"], order["OrderRef"]


def _cancel_of(order: dict[str, Any]) -> dict[str, Any]:
    names = ("BrokerID", "InvestorID", "UserID", "FrontID", "SessionID", "OrderRef", "InstrumentID")
    return {**{name: order[name] for name in names}, "ActionFlag": "0"}


# A day that does not fit -------------------------------------------------------------------------------------------


async def test_a_day_is_filled_with_real_orders(counter: SimulatedCounter) -> None:
    """Three notices each, heard now, replayed later and found by a query; nothing stays frozen."""
    async with RawShim(counter) as shim, RawShim(counter) as other:
        await shim.log_in("100001")
        await other.log_in("100002")
        filled = asyncio.ensure_future(counter.control.fill_day("100001", 500))
        heard = [await shim.event() for _ in range(1500)]
        assert await filled == 500
        other.call("ReqQryInvestor")
        assert (await other.event()).callback == "OnRspQryInvestor"
        assert counter.control.status()["logged_in"] == ["100001", "100002"]

    assert len({_order(event)["OrderSysID"] for event in heard}) == 501, "empty in each first notice"
    assert counter.control.status()["orders"] == 500
    assert counter.kernel.desk.portfolios["100001"].frozen_margin == pytest.approx(0)
    assert len(counter.front.flow.private) == 1500


async def test_nobodys_day_cannot_be_filled(counter: SimulatedCounter) -> None:
    """An error that names the investor."""
    with pytest.raises(ValueError, match="no investor 777"):
        await counter.control.fill_day("777", 1)
