"""Every ReqQry…: its rows, its scope, its empty form."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctpabi.codec.layout import DBL_MAX
from simcounter.demo_accounts import OPERATOR_ID, OPERATOR_RELAY_APP_ID, users
from tests.simcounter.kernel_driver import CATALOG, Driver

QUERIES = [method.name for method in CATALOG.requests if method.name.startswith("ReqQry")]


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.mark.parametrize("method", QUERIES)
@pytest.mark.parametrize("user_id", ["100001", OPERATOR_ID])
def test_every_query_is_answered_to_its_end(driver: Driver, method: str, user_id: str) -> None:
    """All 85: callbacks of the query's own name, the request id echoed, bIsLast on the last row only."""
    session = driver.trader(user_id, OPERATOR_RELAY_APP_ID)
    values = {"BrokerID": "9999"} if CATALOG.structs[CATALOG.methods[method].struct].has("BrokerID") else {}

    sent = driver.call(session, method, **values)

    assert {t.callback for t in sent} == {f"OnRsp{method[3:]}"}
    assert [t.is_last for t in sent] == [False] * (len(sent) - 1) + [True]
    assert {t.request_id for t in sent} == {7}


def test_an_empty_answer_is_one_callback_with_null(driver: Driver) -> None:
    """No struct, no RspInfo, last."""
    (sent,) = driver.query(driver.trader(), "Trade", BrokerID="9999", InvestorID="100001")

    assert (sent.values, sent.error_id, sent.is_last) == (None, None, True)


@pytest.mark.parametrize(
    ("name", "request_fields", "column", "expected"),
    [
        ("Exchange", {}, "ExchangeID", {"SHFE", "DCE", "CZCE", "CFFEX", "INE", "GFEX"}),
        ("Instrument", {"ExchangeID": "INE"}, "InstrumentID", {"sc2701", "sc2702", "nr2701", "nr2702"}),
        ("Instrument", {"ProductID": "SR"}, "InstrumentID", {"SR701", "SR705"}),
        ("Instrument", {"InstrumentID": "rb2701"}, "InstrumentID", {"rb2701"}),
        ("Product", {"ExchangeID": "GFEX"}, "ProductID", {"si", "lc"}),
        ("DepthMarketData", {"InstrumentID": "au2702"}, "InstrumentID", {"au2702"}),
        ("InstrumentMarginRate", {"InstrumentID": "rb2701"}, "LongMarginRatioByMoney", {0.10}),
        ("InstrumentCommissionRate", {"InstrumentID": "au2702"}, "OpenRatioByVolume", {10.0}),
        ("TradingCode", {}, "ClientID", {"100001"}),
        ("Investor", {}, "InvestorName", {"演示客户100001"}),
        ("TransferBank", {}, "BankName", {"工商银行", "农业银行", "建设银行"}),
        ("ContractBank", {"BankID": "2"}, "BankName", {"农业银行"}),
        ("Accountregister", {}, "AccountID", {"100001"}),
        ("MaxOrderVolume", {"InstrumentID": "rb2701"}, "MaxVolume", {2645}),
        ("UserSession", {}, "UserID", {"100001"}),
    ],
)
def test_the_known_families_have_rows(
    driver: Driver, name: str, request_fields: dict[str, str], column: str, expected: set[object]
) -> None:
    """Selected by what the request names."""
    sent = driver.query(driver.trader(), name, **request_fields)

    assert {t[column] for t in sent} == expected


def test_market_data_has_no_value_as_dbl_max(driver: Driver) -> None:
    """Before the first trade there is no open price; afterwards there is."""
    trader = driver.trader()
    (before,) = driver.query(trader, "DepthMarketData", InstrumentID="rb2701")
    driver.insert(trader, LimitPrice=3501.0)
    (after,) = driver.query(trader, "DepthMarketData", InstrumentID="rb2701")

    assert (before["OpenPrice"], before["BidPrice1"], before["AskPrice1"]) == (DBL_MAX, 3499.0, 3501.0)
    assert (after["OpenPrice"], after["LastPrice"], after["Volume"], after["Turnover"]) == (3501.0, 3501.0, 1, 35010.0)


def test_orders_and_trades_are_found_by_what_they_are(driver: Driver) -> None:
    """By instrument, exchange or OrderSysID."""
    trader = driver.trader()
    *_, order, _trade = driver.insert(trader, LimitPrice=3501.0)
    driver.insert(trader, InstrumentID="m2701", ExchangeID="DCE", LimitPrice=2900.0)

    assert len(driver.query(trader, "Order", InvestorID="100001")) == 2
    assert [t["InstrumentID"] for t in driver.query(trader, "Order", ExchangeID="DCE")] == ["m2701"]
    found = driver.query(trader, "Order", ExchangeID="SHFE", OrderSysID=order["OrderSysID"])
    assert [t.values for t in found] == [order.values]
    assert [t["TradeID"] for t in driver.query(trader, "Trade", InstrumentID="rb2701")] == [f"{1:>20}"]


def test_an_investor_sees_only_itself(driver: Driver) -> None:
    """Somebody else's InvestorID gets 9, an empty one is one's own."""
    trader = driver.trader()
    driver.insert(driver.trader("100002"), LimitPrice=3400.0)

    assert driver.query(trader, "Order", InvestorID="100002")[0].error_id == 9
    assert driver.query(trader, "Order")[0].values is None
    assert {t["AccountID"] for t in driver.query(trader, "TradingAccount")} == {"100001"}


def test_an_empty_investor_means_everybody_to_an_operator(driver: Driver) -> None:
    """The leak that a relay must not pass on."""
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    everybody = driver.query(operator, "TradingAccount", BrokerID="9999")
    one = driver.query(operator, "TradingAccount", BrokerID="9999", InvestorID="100003")

    assert [t["AccountID"] for t in everybody] == ["100001", "100002", "100003", "100004", "100005"]
    assert [t["AccountID"] for t in one] == ["100003"]


def test_an_operator_does_not_see_other_organizations() -> None:
    """Neither by name nor by wildcard."""
    others = tuple(replace(user, organization="other") if user.user_id == "100003" else user for user in users())
    driver = Driver(users=others)
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    assert "100003" not in [t["AccountID"] for t in driver.query(operator, "TradingAccount")]
    assert driver.query(operator, "TradingAccount", InvestorID="100003")[0].error_id == 9


def test_an_operator_sees_everybodys_sessions(driver: Driver) -> None:
    """Another thing a relay must keep to itself; an investor sees its own."""
    trader = driver.trader()
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    assert {t["UserID"] for t in driver.query(operator, "UserSession")} == {"100001", OPERATOR_ID}
    assert {t["UserID"] for t in driver.query(trader, "UserSession")} == {"100001"}


def test_families_without_rules_give_one_plausible_row(driver: Driver) -> None:
    """What was asked, with the investor's identity; families of happenings give the empty form."""
    trader = driver.trader()

    (row,) = driver.query(trader, "BrokerTradingParams", BrokerID="9999", InvestorID="100001", CurrencyID="CNY")
    (empty,) = driver.query(trader, "ExecOrder", BrokerID="9999", InvestorID="100001")

    assert (row["InvestorID"], row["BrokerID"], row["CurrencyID"]) == ("100001", "9999", "CNY")
    assert empty.values is None


def test_too_many_queries_a_second_get_90_unless_an_operator_asks() -> None:
    """Through OnRspError, with the request's id; the next second is free."""
    driver = Driver(queries_per_second=1)
    trader = driver.trader()
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)
    driver.query(trader, "Exchange")

    (refused,) = driver.query(trader, "Exchange")
    assert (refused.callback, refused.error_id, refused.request_id) == ("OnRspError", 90, 7)
    driver.query(operator, "Exchange")
    assert driver.query(operator, "Exchange")[0].callback == "OnRspQryExchange"
    driver.clock.at = driver.clock.at.replace(second=1)
    assert driver.query(trader, "Exchange")[0].callback == "OnRspQryExchange"
