"""What production does and no test counter shows: half-open breaks, foreign rows, errors of no request."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import OPERATOR_ID, OPERATOR_RELAY_APP_ID
from tests.simcounter.raw_shim import RawShim


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
    """Nobody has to tell the counter."""
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
            told = await one.event()
            assert (told.callback, told.request_id, told.error_id) == ("OnRspError", 0, 4040)
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


# Rows nobody asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "owner"),
    [
        ("ReqQryInvestorPosition", "InvestorID"),
        ("ReqQryTradingAccount", "AccountID"),
        ("ReqQryAccountregister", "AccountID"),
    ],
)
async def test_an_operators_answer_holds_foreign_rows(counter: SimulatedCounter, method: str, owner: str) -> None:
    """Everybody's, whoever was asked for; as often as told."""
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
