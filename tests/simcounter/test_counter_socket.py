"""The counter over a real loopback socket: one day of a program, frame by frame."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import INVESTOR_RELAY_APP_ID, OPERATOR_ID, OPERATOR_RELAY_APP_ID
from tests.simcounter.raw_shim import RawShim, limit_order


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(CounterConfig(trading_day="20261123")) as running:
        yield running


async def test_a_program_logs_in_and_trades(counter: SimulatedCounter) -> None:
    """Authentication, login, confirmation, a filled order; the shim knows before the program does."""
    async with RawShim(counter) as shim:
        login = await shim.log_in()
        assert (login.callback, login.error_id) == ("OnRspUserLogin", 0)
        assert login.values is not None
        assert login.values["TradingDay"] == "20261123"
        assert shim.state["logged_in"] is True

        assert (await shim.confirm()).error_id == 0

        shim.call("ReqOrderInsert", **limit_order(LimitPrice=3501.0))
        filled = await shim.events_until("OnRtnTrade")
        assert [e.values["OrderStatus"] for e in filled[:-1] if e.values] == ["a", "0"]


async def test_a_program_cancels_queries_and_logs_out(counter: SimulatedCounter) -> None:
    """A resting order, its cancel, a query with its request id, logout and the end of the connection."""
    async with RawShim(counter) as shim:
        await shim.log_in()
        await shim.confirm()
        shim.call("ReqOrderInsert", **limit_order(LimitPrice=3400.0))
        await shim.event()
        resting = (await shim.event()).values
        assert resting is not None
        assert resting["OrderStatus"] == "3"

        action = {"BrokerID": "9999", "InvestorID": "100001", "UserID": "100001", "ActionFlag": "0"}
        shim.call("ReqOrderAction", **action, ExchangeID="SHFE", OrderSysID=resting["OrderSysID"])
        canceled = (await shim.event()).values
        assert canceled is not None
        assert canceled["OrderStatus"] == "5"

        request_id = shim.call("ReqQryOrder", BrokerID="9999", InvestorID="100001")
        row = await shim.event()
        assert (row.callback, row.request_id, row.is_last) == ("OnRspQryOrder", request_id, True)

        shim.call("ReqUserLogout", BrokerID="9999", UserID="100001")
        assert (await shim.event()).callback == "OnRspUserLogout"
        assert await shim.is_closed()


async def test_the_registered_report_reaches_the_database_unchanged(counter: SimulatedCounter) -> None:
    """Many-to-many: the collector's bytes, zeros inside, are stored with the login they belong to."""
    inner = bytes(range(256)) + b"\x00\xff\x00 tail"
    async with RawShim(counter) as shim:
        assert (await shim.authenticate(INVESTOR_RELAY_APP_ID)).values is not None
        assert shim.state["app_type"] == "2"
        shim.report(
            "RegisterUserSystemInfo", BrokerID="9999", UserID="100001", ClientSystemInfoLen=len(inner),
            ClientSystemInfo=inner, ClientPublicIP="203.0.113.7", ClientIPPort=40001, ClientLoginTime="09:00:01",
            ClientAppID="client_demo_1.0",
        )  # fmt: skip
        shim.call("ReqUserLogin", BrokerID="9999", UserID="100001", Password="demo-100001")
        assert (await shim.event()).error_id == 0

    (row,) = counter.tmdb.reports(user_id="100001")
    assert (row.kind, row.inner_info) == ("register", inner)
    (line,) = counter.control.reports()
    assert (line["terminal_ip"], line["terminal_port"], line["relay_ip"]) == ("203.0.113.7", 40001, "127.0.0.1")


async def test_an_operator_submits_and_trades_for_a_customer(counter: SimulatedCounter) -> None:
    """Many-to-one: the report is the customer's, the return reaches operator and customer."""
    async with RawShim(counter) as operator, RawShim(counter) as customer:
        await customer.log_in("100001")
        await operator.log_in(OPERATOR_ID, OPERATOR_RELAY_APP_ID)
        operator.report(
            "SubmitUserSystemInfo", BrokerID="9999", UserID="100001", ClientSystemInfoLen=3, ClientSystemInfo=b"abc"
        )
        operator.call("ReqSettlementInfoConfirm", BrokerID="9999", InvestorID="100001")
        await operator.event()
        operator.call("ReqOrderInsert", **limit_order(UserID=OPERATOR_ID, LimitPrice=3400.0))

        seen = [await operator.event(), await customer.event()]

    assert [(e.callback, e.values["UserID"], e.values["InvestorID"]) for e in seen if e.values] == [
        ("OnRtnOrder", OPERATOR_ID, "100001")
    ] * 2
    assert [(row.kind, row.user_id) for row in counter.tmdb.reports()][-1] == ("submit", "100001")


async def test_the_private_topic_is_replayed_after_every_login(counter: SimulatedCounter) -> None:
    """RESTART gives the day's returns again, in order; QUICK gives none of them."""
    async with RawShim(counter) as shim:
        await shim.log_in()
        await shim.confirm()
        shim.call("ReqOrderInsert", **limit_order(LimitPrice=3501.0))
        first = await shim.events_until("OnRtnTrade")

    async with RawShim(counter) as again, RawShim(counter, private_topic=2) as quick:
        await again.log_in()
        replayed = await again.events_until("OnRtnTrade")
        await quick.log_in()
        quick.call("ReqQryTrade", BrokerID="9999", InvestorID="100001")
        next_event = await quick.event()

    assert replayed == first
    assert next_event.callback == "OnRspQryTrade"
