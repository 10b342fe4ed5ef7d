"""The settlement statement, its confirmation, the fund password."""

from __future__ import annotations

import pytest

from simcounter.demo_accounts import OPERATOR_ID, OPERATOR_RELAY_APP_ID
from tests.simcounter.kernel_driver import DAY, Driver


@pytest.fixture
def driver() -> Driver:
    return Driver()


def test_the_statement_comes_in_pieces_cut_inside_characters(driver: Driver) -> None:
    """500 bytes each, numbered; only the joined bytes are the Chinese text."""
    told = driver.query(driver.trader(), "SettlementInfo", BrokerID="9999", InvestorID="100001")

    pieces = [t["Content"] for t in told]
    assert [t["SequenceNo"] for t in told] == list(range(1, len(told) + 1))
    assert all(len(piece) == 500 for piece in pieces[:-1])
    statement = b"".join(pieces).decode("gb18030")
    assert "客户号:100001" in statement
    assert statement.endswith("否则视为确认。\r\n")
    with pytest.raises(UnicodeDecodeError):
        [piece.decode("gb18030") for piece in pieces]


def test_the_confirmation_is_remembered_for_the_day(driver: Driver) -> None:
    """The query is empty before; the answer names day and time."""
    session = driver.open()
    driver.authenticate(session)
    driver.log_in(session)
    (before,) = driver.query(session, "SettlementInfoConfirm", BrokerID="9999", InvestorID="100001")

    (answer,) = driver.call(session, "ReqSettlementInfoConfirm", BrokerID="9999", InvestorID="100001")
    (after,) = driver.query(session, "SettlementInfoConfirm", BrokerID="9999", InvestorID="100001")

    assert before.values is None
    assert (answer.error_id, answer["ConfirmDate"], answer["ConfirmTime"]) == (0, DAY, "09:30:00")
    assert after["ConfirmDate"] == DAY


@pytest.mark.parametrize("name", ["SettlementInfo", "SettlementInfoConfirm"])
def test_somebody_elses_statement_is_refused(driver: Driver, name: str) -> None:
    """9, also for the confirmation."""
    trader = driver.trader()

    assert driver.query(trader, name, BrokerID="9999", InvestorID="100002")[0].error_id == 9
    (answer,) = driver.call(trader, "ReqSettlementInfoConfirm", BrokerID="9999", InvestorID="100002")
    assert answer.error_id == 9


def test_an_operator_reads_any_customers_statement(driver: Driver) -> None:
    """By name, or all of them without one."""
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    everybody = {t["InvestorID"] for t in driver.query(operator, "SettlementInfo", BrokerID="9999")}

    assert everybody == {"100001", "100002", "100003", "100004", "100005"}


@pytest.mark.parametrize(
    ("account_id", "old", "error_id"),
    [("100001", "demo-100001", 0), ("100001", "wrong", 14), ("100002", "demo-100002", 9), ("nobody", "", 13)],
)
def test_the_fund_password_is_changed_by_its_owner(driver: Driver, account_id: str, old: str, error_id: int) -> None:
    """The answer never repeats a password; the login's password stays."""
    trader = driver.trader()
    change = {"BrokerID": "9999", "AccountID": account_id, "OldPassword": old, "NewPassword": "new-fund-1"}

    (answer,) = driver.call(trader, "ReqTradingAccountPasswordUpdate", **change)

    assert (answer.error_id, answer["OldPassword"], answer["NewPassword"]) == (error_id, "", "")
    assert driver.trader().user is not None
