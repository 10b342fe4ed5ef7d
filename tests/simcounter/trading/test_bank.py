"""Transfers between bank and futures account."""

from __future__ import annotations

from typing import Any

import pytest

from simcounter.session import Session
from tests.simcounter.kernel_driver import Decoded, Driver

TRANSFER: dict[str, Any] = {
    "BrokerID": "9999",
    "BankID": "1",
    "BankBranchID": "0000",
    "AccountID": "100001",
    "BankPassWord": "bank-secret",
    "Password": "demo-100001",
    "CurrencyID": "CNY",
    "TradeAmount": 5000.0,
}


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.fixture
def trader(driver: Driver) -> Session:
    return driver.trader()


def balance(driver: Driver, session: Session) -> float:
    (row,) = driver.query(session, "TradingAccount", InvestorID="100001")
    amount: float = row["Balance"]
    return amount


def transfer(driver: Driver, session: Session, direction: str = "FromBankToFuture", **changes: Any) -> list[Decoded]:
    return driver.call(session, f"Req{direction}ByFuture", **{**TRANSFER, **changes})


def test_money_comes_and_goes(driver: Driver, trader: Session) -> None:
    """Success is an OnRtn with ErrorID 0 inside the struct; the account follows; the serials are kept."""
    (sent,) = transfer(driver, trader)
    assert (sent.callback, sent["ErrorID"], sent["PlateSerial"]) == ("OnRtnFromBankToFutureByFuture", 0, 1)
    assert balance(driver, trader) == pytest.approx(10_005_000)

    (sent,) = transfer(driver, trader, "FromFutureToBank", TradeAmount=3000.0)
    assert (sent.callback, sent["ErrorID"]) == ("OnRtnFromFutureToBankByFuture", 0)
    assert balance(driver, trader) == pytest.approx(10_002_000)

    serials = driver.query(trader, "TransferSerial", BrokerID="9999", AccountID="100001")
    assert [(row["TradeCode"], row["TradeAmount"]) for row in serials] == [("202001", 5000.0), ("202002", 3000.0)]


def test_no_password_comes_back(driver: Driver, trader: Session) -> None:
    """Neither the bank's nor the fund's, in success or refusal."""
    sent = transfer(driver, trader) + transfer(driver, trader, BankID="99")

    assert all((t["BankPassWord"], t["Password"]) == ("", "") for t in sent)


def test_too_little_money_at_the_bank_is_told_inside_the_return(driver: Driver, trader: Session) -> None:
    """The request reached the bank, so there is no OnErrRtn; nothing moves."""
    (sent,) = transfer(driver, trader, TradeAmount=2_000_000.0)

    assert (sent.callback, sent["ErrorID"]) == ("OnRtnFromBankToFutureByFuture", 1023)
    assert balance(driver, trader) == pytest.approx(10_000_000)


def test_too_little_money_in_the_account_is_ctps_own_refusal(driver: Driver, trader: Session) -> None:
    """31, before the bank is asked."""
    sent = transfer(driver, trader, "FromFutureToBank", TradeAmount=20_000_000.0)

    assert [(t.callback, t.error_id) for t in sent] == [
        ("OnRspFromFutureToBankByFuture", 31),
        ("OnErrRtnFutureToBankByFuture", 31),
    ]


@pytest.mark.parametrize("error_id", [1006, 1011])
def test_a_bank_that_is_late_is_told_inside_the_return(driver: Driver, trader: Session, error_id: int) -> None:
    """1006 overtime, 1011 late answer, as often as commanded; no money moves."""
    driver.kernel.bank.answers_with = [error_id]

    (late,), (sent,) = transfer(driver, trader), transfer(driver, trader)

    assert (late["ErrorID"], sent["ErrorID"]) == (error_id, 0)
    assert balance(driver, trader) == pytest.approx(10_005_000)


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"AccountID": "100002"}, 9),
        ({"BankID": "99"}, 1002),
        ({"TradeAmount": 0.0}, 2014),
        ({"BrokerID": "1"}, 12),
        ({"Password": "wrong"}, 2001),
        ({"Password": ""}, 2001),
    ],
)
def test_ctps_own_refusal_has_names_of_its_own(
    driver: Driver, trader: Session, changes: dict[str, Any], error_id: int
) -> None:
    """OnRspFromBankToFutureByFuture and OnErrRtnBankToFutureByFuture, without "From"."""
    sent = transfer(driver, trader, **changes)

    assert [(t.callback, t.error_id) for t in sent] == [
        ("OnRspFromBankToFutureByFuture", error_id),
        ("OnErrRtnBankToFutureByFuture", error_id),
    ]


def test_the_banks_balance_is_taken_then_told(driver: Driver, trader: Session) -> None:
    """OnRspQueryBankAccountMoneyByFuture, then OnRtnQueryBankBalanceByFuture with the amounts."""
    asked = {name: value for name, value in TRANSFER.items() if name != "TradeAmount"}

    taken, sent = driver.call(trader, "ReqQueryBankAccountMoneyByFuture", **asked)

    assert (taken.callback, taken.error_id) == ("OnRspQueryBankAccountMoneyByFuture", 0)
    assert (sent.callback, sent["BankFetchAmount"]) == ("OnRtnQueryBankBalanceByFuture", 1_000_000.0)


def test_the_monitoring_centers_token_names_the_account(driver: Driver, trader: Session) -> None:
    """OnRtnCFMMCTradingAccountToken has no InvestorID."""
    answer, token = driver.call(trader, "ReqQueryCFMMCTradingAccountToken", BrokerID="9999", InvestorID="100001")

    assert (answer.callback, answer.error_id) == ("OnRspQueryCFMMCTradingAccountToken", 0)
    assert (token.callback, token["AccountID"], token["KeyID"]) == ("OnRtnCFMMCTradingAccountToken", "100001", 1)
