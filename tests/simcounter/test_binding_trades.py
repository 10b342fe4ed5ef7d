"""The unmodified binding on the shim on the real simulated counter: the day of a relay in each mode."""

from __future__ import annotations

import asyncio

from ctpabi.shim.build import Shim
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from tests.ctpabi.shim.conftest import Ended, Program

PROLOGUE = """
    facts = {}
    class Noting(Spy):
        def react(self, name, *arguments):
            info = arguments[1] if len(arguments) > 1 and name != "OnFrontDisconnected" else None
            if info is not None and info.ErrorID:
                facts.setdefault(name, []).append([info.ErrorID, info.ErrorMsg])
            record = arguments[0] if arguments else None
            if name == "OnRspAuthenticate":
                facts["app_type"] = record.AppType
            elif name == "OnRspUserLogin":
                facts["trading_day"] = record.TradingDay
            elif name == "OnRtnOrder":
                facts.setdefault("statuses", []).append([record.OrderStatus, record.StatusMsg])
            elif name == "OnRtnTrade":
                facts.setdefault("trades", []).append([record.InvestorID, record.UserID, record.Price])
            elif name == "OnRspQryInvestor":
                facts["name"] = record.InvestorName

    def filled(kind, **values):
        record = getattr(tdapi, f"CThostFtdc{kind}Field")()
        for name, value in values.items():
            setattr(record, name, value)
        return record

    def authenticate(app_id, code, user_id):
        answer = api.ReqAuthenticate(filled("ReqAuthenticate", BrokerID="9999", UserID=user_id, AppID=app_id, AuthCode=code), 1)
        spy.wait("OnRspAuthenticate")
        return answer

    def log_in(user_id):
        api.ReqUserLogin(filled("ReqUserLogin", BrokerID="9999", UserID=user_id, Password=f"demo-{user_id}"), 2)
        spy.wait("OnRspUserLogin")

    def confirm(investor_id):
        api.ReqSettlementInfoConfirm(filled("SettlementInfoConfirm", BrokerID="9999", InvestorID=investor_id), 3)
        spy.wait("OnRspSettlementInfoConfirm")

    def buy(investor_id, user_id):
        order = filled("InputOrder", BrokerID="9999", InvestorID=investor_id, UserID=user_id, InstrumentID="rb2701",
                       ExchangeID="SHFE", OrderRef="1", OrderPriceType="2", Direction="0", CombOffsetFlag="0",
                       CombHedgeFlag="1", LimitPrice=3501.0, VolumeTotalOriginal=1, TimeCondition="3",
                       VolumeCondition="1", ContingentCondition="1", ForceCloseReason="0")
        api.ReqOrderInsert(order, 4)
        for name in ("OnRtnOrder", "OnRtnOrder", "OnRtnTrade"):
            spy.wait(name)

    blob = bytes(range(1, 17)) + b"\\x00\\xff" * 124 + b"!"
    spy = Noting()
    spy.api = api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi("")
    api.RegisterSpi(spy)
    api.SubscribePrivateTopic(tdapi.THOST_TERT_RESTART)
    api.SubscribePublicTopic(3)
    api.RegisterFront(FRONT)
    api.Init()
    spy.wait("OnFrontConnected")
"""
EPILOGUE = """
    say(facts)
    api.RegisterSpi(None)
    api.Release()
"""
BLOB = bytes(range(1, 17)) + b"\x00\xff" * 124 + b"!"


async def ended(counter: SimulatedCounter, shim: Shim, story: str) -> Ended:
    program = Program(shim, counter.address, PROLOGUE + story + EPILOGUE)
    return await asyncio.to_thread(program.end)


async def test_a_many_to_many_relay_reports_logs_in_and_trades(shim: Shim) -> None:
    """Register after authentication and before login; Chinese texts arrive readable; the blob is stored unchanged."""
    story = """
    authenticate("demo_relay_1.0", "DEMORELAY0000002", "100001")
    facts["register"] = api.RegisterUserSystemInfo(report_of(blob))
    log_in("100001")
    facts["submit"] = api.SubmitUserSystemInfo(report_of(blob))
    confirm("100001")
    buy("100001", "100001")
    api.ReqQryInvestor(filled("QryInvestor", BrokerID="9999", InvestorID="100001"), 5)
    spy.wait("OnRspQryInvestor")
    """
    async with SimulatedCounter(CounterConfig(trading_day="20261123")) as counter:
        outcome = await ended(counter, shim, story)
        reports = counter.tmdb.reports()

    assert outcome.status == 0, outcome.errors
    assert outcome.findings[-1] == [
        {
            "app_type": "2",
            "register": 0,
            "submit": -4,
            "trading_day": "20261123",
            "statuses": [["a", "报单已提交"], ["0", "全部成交"]],
            "trades": [["100001", "100001", 3501.0]],
            "name": "演示客户100001",
        }
    ]
    assert [(row.kind, row.user_id, row.inner_info) for row in reports] == [("register", "100001", BLOB)]


async def test_an_operator_relay_submits_and_trades_for_a_customer(shim: Shim) -> None:
    """Submit only works after the operator's login; orders carry the customer and the operator."""
    story = """
    authenticate("demo_relayb_1.0", "DEMORELAYB000003", "op0001")
    facts["early"] = api.SubmitUserSystemInfo(report_of(blob))
    log_in("op0001")
    facts["submit"] = api.SubmitUserSystemInfo(report_of(blob))
    confirm("100001")
    buy("100001", "op0001")
    """
    async with SimulatedCounter(CounterConfig(trading_day="20261123")) as counter:
        outcome = await ended(counter, shim, story)
        reports = counter.tmdb.reports()

    assert outcome.status == 0, outcome.errors
    (facts,) = outcome.findings[-1]
    assert (facts["app_type"], facts["early"], facts["submit"]) == ("3", -4, 0)
    assert facts["trades"] == [["100001", "op0001", 3501.0]]
    assert [(row.kind, row.user_id, row.inner_info) for row in reports] == [
        ("direct", "op0001", b""),
        ("submit", "100001", BLOB),
    ]


async def test_a_wrong_auth_code_and_a_login_without_authentication(shim: Shim) -> None:
    """63 and 64, in Chinese, through the vendor's types."""
    story = """
    authenticate("demo_relay_1.0", "WRONG", "100001")
    log_in("100001")
    """
    async with SimulatedCounter() as counter:
        outcome = await ended(counter, shim, story)

    (facts,) = outcome.findings[-1]
    assert facts["OnRspAuthenticate"] == [[63, "CTP:客户端认证失败"]]
    assert facts["OnRspUserLogin"] == [[64, "CTP:客户端没有认证"]]
