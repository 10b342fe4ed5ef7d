"""A front over a scripted relay: the vendor's calls in, the vendor's callbacks out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ctpabi.codec.layout import DBL_MAX
from ctprelay.ctp.v1 import events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import Collected
from terminal_client.trader_front import ResumeType
from tests.terminal_client.scripted_relay import ScriptedRelay, ServedRelay, result
from tests.terminal_client.trader_front.program import SmallProgram, error, fields

Start = Callable[..., SmallProgram]


@pytest.fixture
async def start(served: ServedRelay, collected: Collected) -> AsyncIterator[Start]:
    """Makes programs; their fronts are released after the test."""
    made: list[SmallProgram] = []

    def program(**options: Any) -> SmallProgram:
        made.append(SmallProgram(served, collected, **options))
        return made[-1]

    yield program
    for one in made:
        await asyncio.to_thread(one.front.release)


def order_event(ref: str, **fields: Any) -> events_pb2.Event:
    return events_pb2.Event(rtn_order=structs_pb2.Order(order_ref=ref, **fields))


async def test_a_session_from_the_connection_to_the_logout(start: Start, relay: ScriptedRelay) -> None:
    """Each step has its callback, the request ids are the program's, and the logout ends the connection."""
    program = start()

    def session() -> None:
        program.connect()
        login = fields(program.log_in())
        assert (login["FrontID"], login["SessionID"], login["MaxOrderRef"]) == (-7, 1, "100")
        assert program.front.trading_day == login["TradingDay"] == "20261123"
        assert program.call("ReqUserLogout", 9) == 0
        assert program.wait_for("OnRspUserLogout").request_id == 9
        assert program.wait_for("OnFrontDisconnected").reason == 0x1001
        program.wait_for("OnFrontConnected", 2)

    await asyncio.to_thread(session)

    assert relay.received[-1].HasField("logout")
    assert [item.request_id for item in program.heard[1:3]] == [1, 2]


async def test_the_days_notices_come_after_the_login(start: Start, relay: ScriptedRelay) -> None:
    """The replay travels with the login's answer, and its callbacks come behind it; absent prices are DBL_MAX."""
    relay.before_login_ends = [order_event("1"), order_event("2", limit_price=0.0)]
    program = start()

    def session() -> list[dict[str, Any]]:
        program.connect()
        program.log_in()
        program.wait_for("OnRtnOrder", 2)
        return [fields(item) for item in program.heard[-2:]]

    first, second = await asyncio.to_thread(session)

    assert program.names()[-3:] == ["OnRspUserLogin", "OnRtnOrder", "OnRtnOrder"]
    assert (first["OrderRef"], first["LimitPrice"]) == ("1", DBL_MAX)
    assert (second["OrderRef"], second["LimitPrice"]) == ("2", 0.0)
    assert relay.logins[0].start_from == pb.START_FROM_DAY


async def test_a_request_goes_out_and_its_rows_come_back(start: Start, relay: ScriptedRelay) -> None:
    """Also under a request id that is used twice, or is none on the wire."""

    def rows(call: pb.Call) -> list[pb.RelayMessage | events_pb2.Event]:
        number = len(relay.calls)
        trade = structs_pb2.Trade(trade_id=str(number))
        event = events_pb2.Event(request_id=call.request_id, is_last=True, rsp_qry_trade=trade)
        return [result(call), event] if number == 3 else [result(call)]

    relay.answers["qry_trade"] = rows
    program = start()

    def session() -> None:
        program.connect()
        program.log_in()
        for _ in range(3):
            assert program.call("ReqQryTrade", 0, InstrumentID="rb2701") == 0
        answer = program.wait_for("OnRspQryTrade")
        assert (answer.request_id, answer.is_last, fields(answer)["TradeID"]) == (0, True, "3")

    await asyncio.to_thread(session)

    ids = [call.request_id for call in relay.calls]
    assert len(set(ids)) == 3
    assert min(ids) > 0
    assert relay.calls[0].request.qry_trade.instrument_id == "rb2701"


async def test_a_refusal_of_the_relays_is_ctps_own(start: Start, relay: ScriptedRelay) -> None:
    """OnRspOrderInsert with the order, and OnErrRtnOrderInsert, each with a number and Chinese words."""
    refusal = pb.Rejected(
        source=pb.SOURCE_RELAY, reason="too_fast", message="每秒报单超过 1 笔 / more than 1 order a second"
    )
    relay.answers["order_insert"] = lambda call: [result(call, -100, rejected=refusal)]
    program = start()

    def session() -> None:
        program.connect()
        program.log_in()
        assert program.call("ReqOrderInsert", 5, OrderRef="7", LimitPrice=1.0) == 0
        answer, notice = program.wait_for("OnRspOrderInsert"), program.wait_for("OnErrRtnOrderInsert")
        assert (answer.request_id, fields(answer)["OrderRef"], fields(notice)["OrderRef"]) == (5, "7", "7")
        assert error(answer) == error(notice) == (116, "中继：每秒报单超过 1 笔")
        assert program.call("ReqOrderInsert", 6) == -3

    await asyncio.to_thread(session)


async def test_what_comes_before_a_login_is_refused(start: Start) -> None:
    """-1 without a connection; 6 where there is one and no login; 64 for a login without authentication."""
    program = start()

    def session() -> None:
        assert program.call("ReqQryTrade") == -1
        program.connect()
        assert program.call("ReqQryTrade", 3) == 0
        assert error(program.wait_for("OnRspQryTrade")) == (6, "中继：还没有登录")
        assert program.call("ReqUserLogin", 4, UserID="100001") == 0
        assert error(program.wait_for("OnRspUserLogin"))[0] == 64

    await asyncio.to_thread(session)


async def test_a_session_that_is_gone_begins_again(start: Start, relay: ScriptedRelay) -> None:
    """A break that can be resumed is not shown; one that cannot is a disconnection, and the program logs in anew."""
    program = start()

    def until_resumed() -> None:
        program.connect(ResumeType.QUICK)
        program.log_in()

    await asyncio.to_thread(until_resumed)
    relay.miss(order_event("1"))
    relay.break_streams()
    await asyncio.to_thread(program.wait_for, "OnRtnOrder")
    assert "OnFrontDisconnected" not in program.names()
    relay.resumable = False
    relay.break_streams()

    def again() -> None:
        program.wait_for("OnFrontDisconnected")
        program.wait_for("OnFrontConnected", 2)
        program.log_in(2)

    await asyncio.to_thread(again)

    assert relay.logins[-1].start_from == pb.START_FROM_NOW
