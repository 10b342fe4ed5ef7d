"""Exercise orders, quotes, parked orders and the other requests without rules of their own."""

from __future__ import annotations

from typing import Any

import pytest

from simcounter.demo_accounts import OPERATOR_ID, OPERATOR_RELAY_APP_ID
from tests.simcounter.kernel_driver import CATALOG, Driver

IDENTITY = {
    "BrokerID": "9999",
    "InvestorID": "100001",
    "UserID": "100001",
    "InstrumentID": "rb2701",
    "ExchangeID": "SHFE",
}
NOT_QUERIES = [method for method in CATALOG.requests if not method.name.startswith("ReqQry")]


@pytest.fixture
def driver() -> Driver:
    return Driver()


def fitting(method: str, values: dict[str, Any]) -> dict[str, Any]:
    struct = CATALOG.structs[CATALOG.methods[method].struct]
    return {name: value for name, value in values.items() if struct.has(name)}


@pytest.mark.parametrize(
    ("method", "callback"),
    [
        ("ReqExecOrderInsert", "OnRtnExecOrder"),
        ("ReqExecOrderAction", "OnRtnExecOrder"),
        ("ReqQuoteInsert", "OnRtnQuote"),
        ("ReqQuoteAction", "OnRtnQuote"),
        ("ReqOptionSelfCloseInsert", "OnRtnOptionSelfClose"),
        ("ReqOptionSelfCloseAction", "OnRtnOptionSelfClose"),
        ("ReqCombActionInsert", "OnRtnCombAction"),
        ("ReqOffsetSetting", "OnRtnOffsetSetting"),
        ("ReqCancelOffsetSetting", "OnRtnOffsetSetting"),
        ("ReqParkedOrderInsert", "OnRspParkedOrderInsert"),
        ("ReqParkedOrderAction", "OnRspParkedOrderAction"),
        ("ReqRemoveParkedOrder", "OnRspRemoveParkedOrder"),
        ("ReqRemoveParkedOrderAction", "OnRspRemoveParkedOrderAction"),
    ],
)
def test_success_is_told_the_documented_way(driver: Driver, method: str, callback: str) -> None:
    """By a return where CTP has one, else by the response."""
    trader = driver.trader()

    (sent,) = driver.call(trader, method, **fitting(method, IDENTITY))

    assert (sent.callback, sent["InvestorID"]) == (callback, "100001")
    if callback.startswith("OnRtn") and CATALOG.structs[CATALOG.callbacks[callback].struct].has("SessionID"):
        assert sent["SessionID"] == trader.session_id


def test_an_accepted_quote_request_is_not_answered_at_all(driver: Driver) -> None:
    """ReqForQuoteInsert has no success callback; the market would speak."""
    assert driver.call(driver.trader(), "ReqForQuoteInsert", **fitting("ReqForQuoteInsert", IDENTITY)) == []


def test_batch_cancels_are_not_supported(driver: Driver) -> None:
    """103, both ways, as almost everywhere."""
    sent = driver.call(driver.trader(), "ReqBatchOrderAction", **fitting("ReqBatchOrderAction", IDENTITY))

    assert [(t.callback, t.error_id) for t in sent] == [
        ("OnRspBatchOrderAction", 103),
        ("OnErrRtnBatchOrderAction", 103),
    ]


@pytest.mark.parametrize("method", ["ReqQuoteInsert", "ReqExecOrderInsert", "ReqForQuoteInsert", "ReqOffsetSetting"])
def test_somebody_elses_name_is_refused(driver: Driver, method: str) -> None:
    """9 through OnRsp and OnErrRtn."""
    sent = driver.call(driver.trader(), method, **fitting(method, {**IDENTITY, "InvestorID": "100002"}))

    assert [(t.callback, t.error_id) for t in sent] == [(f"OnRsp{method[3:]}", 9), (f"OnErrRtn{method[3:]}", 9)]


def test_what_was_accepted_can_be_queried(driver: Driver) -> None:
    """By its investor and by an operator, not by others."""
    trader = driver.trader()
    (quote,) = driver.call(trader, "ReqQuoteInsert", **IDENTITY, QuoteRef="1", BidPrice=3499.0, BidVolume=1)
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    assert [t.values for t in driver.query(trader, "Quote", InvestorID="100001")] == [quote.values]
    assert [t["QuoteSysID"] for t in driver.query(operator, "Quote")] == [quote["QuoteSysID"]]
    assert driver.query(driver.trader("100002"), "Quote")[0].values is None


@pytest.mark.parametrize("method", [m.name for m in NOT_QUERIES])
def test_no_request_breaks_the_kernel(driver: Driver, method: str) -> None:
    """All 33 with a zeroed struct, before and after login: answers or silence, never an exception."""
    driver.call(driver.open(), method)
    driver.call(driver.trader(), method)


def test_undocumented_login_helpers_answer_in_their_own_name(driver: Driver) -> None:
    """CTP does not support them yet; the counter answers with an empty success."""
    (sent,) = driver.call(driver.trader(), "ReqUserAuthMethod", BrokerID="9999", UserID="100001")

    assert (sent.callback, sent.error_id) == ("OnRspUserAuthMethod", 0)
