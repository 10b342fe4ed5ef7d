"""The settlement statement, its confirmation, the fund password."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from simcounter.demo_accounts import OPERATOR_ID, OPERATOR_RELAY_APP_ID
from simcounter.session import Session
from simcounter.trading.bank import DEMO_BANK
from tests.simcounter.kernel_driver import DAY, Driver

TITLES = {
    "成交记录 Transaction Record",
    "平仓明细 Position Closed",
    "持仓明细 Positions Detail",
    "持仓汇总 Positions",
    "出入金明细 Deposit/Withdrawal",
}
NEXT_DAY = "20261124"


@dataclass
class Read:
    """A statement as settlement programs read it: by titles, bars, labels and rules."""

    lines: list[str]
    account: dict[str, float]
    tables: dict[str, list[dict[str, str]]]
    sums: dict[str, list[str]]


def read(statement: str) -> Read:
    lines = statement.split("\r\n")
    account: dict[str, float] = {}
    start = next(
        n for n, line in enumerate(lines) if line.strip() == "资金状况  币种：人民币  Account Summary  Currency：CNY"
    )
    for line in lines[start + 2 : lines.index("", start)]:
        labels = re.findall(r"([A-Z][a-zA-Z./()\s]+)[:：]+", line)
        figures = re.findall(r"(-?\d+\.\d\d)", line)
        assert len(labels) == len(figures) > 0, line
        account |= dict(zip(labels, map(float, figures), strict=True))
    tables: dict[str, list[dict[str, str]]] = {}
    sums = {}
    for number, line in enumerate(lines):
        if line.strip() in TITLES:
            rules = [n for n in range(number, len(lines)) if lines[n] and not lines[n].strip("-")][:4]
            heading = cells(lines[rules[1] - 1])
            rows = [cells(row) for row in lines[rules[1] + 1 : rules[2]]]
            assert len({len(row.encode("gb18030")) for row in lines[rules[0] : rules[3] + 1]}) == 1, "columns stand"
            tables[line.strip()] = [dict(zip(heading, row, strict=True)) for row in rows]
            sums[line.strip()] = cells(lines[rules[2] + 1])
    return Read(lines, account, tables, sums)


def cells(line: str) -> list[str]:
    assert line.startswith("|")
    assert line.endswith("|")
    return [cell.strip() for cell in line[1:-1].split("|")]


def statement(driver: Driver, session: Session, day: str = "", investor_id: str = "100001") -> str:
    sent = driver.query(session, "SettlementInfo", BrokerID="9999", InvestorID=investor_id, TradingDay=day)
    return b"".join(t["Content"] for t in sent if t.values is not None).decode("gb18030")


@pytest.fixture
def driver() -> Driver:
    return Driver()


def test_the_statement_comes_in_pieces_cut_inside_characters(driver: Driver) -> None:
    """500 bytes each, numbered; only the joined bytes are the Chinese text."""
    sent = driver.query(driver.trader(), "SettlementInfo", BrokerID="9999", InvestorID="100001")

    pieces = [t["Content"] for t in sent]
    assert [t["SequenceNo"] for t in sent] == list(range(1, len(sent) + 1))
    assert all(len(piece) == 500 for piece in pieces[:-1])
    whole = b"".join(pieces).decode("gb18030")
    assert "客户号 Client ID：  100001" in whole
    assert whole.endswith("否则视为确认。\r\n")
    with pytest.raises(UnicodeDecodeError):
        [piece.decode("gb18030") for piece in pieces]


def test_a_settled_day_is_told_as_settlement_programs_read_it(driver: Driver) -> None:
    """Account, trades, closed positions, lots, sums by contract: each figure the counter's own."""
    trader = driver.trader()
    driver.insert(trader, LimitPrice=3501.0, VolumeTotalOriginal=3)
    driver.insert(trader, LimitPrice=3499.0, Direction="1", CombOffsetFlag="3")
    driver.kernel.desk.move_market("rb2701", 3520.0)
    (before,) = driver.query(trader, "TradingAccount", InvestorID="100001")
    driver.kernel.start_day(NEXT_DAY)

    sent = read(statement(driver, trader))

    assert (sent.lines[3].strip(), sent.lines[6]) == (
        "交易结算单(盯市) Settlement Statement(MTM)",
        f"日期 Date：{DAY}",
    )
    expected = {
        "Balance b/f": 10_000_000.0,
        "Balance c/f": before["Balance"],
        "Realized P/L": -20.0,
        "MTM P/L": 380.0,
        "Client Equity": before["Balance"],
        "Commission": before["Commission"],
        "Margin Occupied": 3520.0 * 10 * 2 * 0.10,
        "Fund Avail.": before["Balance"] - 7040.0,
        "Deposit/Withdrawal": 0.0,
    }
    assert {name: sent.account[name] for name in expected} == pytest.approx(expected, abs=0.011)
    bought, sold = sent.tables["成交记录 Transaction Record"]
    assert (bought["Date"], bought["Exchange"], bought["Product"], bought["Instrument"]) == (
        DAY, "上期所", "螺纹钢", "rb2701",
    )  # fmt: skip
    assert (bought["B/S"], bought["O/C"], bought["Price"], bought["Lots"]) == ("买", "开", "3501.000", "3")
    assert (sold["B/S"], sold["O/C"], sold["Realized P/L"], sold["Trans.No."]) == ("卖", "平今", "-20.00", "2")
    (closed,) = sent.tables["平仓明细 Position Closed"]
    assert (closed["Open Date"], closed["Pos. Open Price"], closed["Trans. Price"]) == (DAY, "3501.000", "3499.000")
    (lot,) = sent.tables["持仓明细 Positions Detail"]
    assert (lot["Positon"], lot["Settlement Price"], lot["Prev. Sttl"]) == ("2", "3520.000", "3500.000")
    assert (lot["Accum. P/L"], lot["MTM P/L"], lot["Margin"]) == ("380.00", "380.00", "7040.00")
    (held,) = sent.tables["持仓汇总 Positions"]
    assert (held["Long Pos."], held["Avg Buy Price"], held["Short Pos."], held["Sttl Today"]) == (
        "2", "3501.000", "0", "3520.000",
    )  # fmt: skip
    assert sent.sums["成交记录 Transaction Record"][0] == "共   2条"


def test_the_account_stands_where_programs_count_lines(driver: Driver) -> None:
    """From the eleventh line on, one figure of the account a line, in CTP's order."""
    lines = statement(driver, driver.trader()).split("\r\n")

    labels = [
        "期初结存 Balance b/f：",
        "出 入 金 Deposit/Withdrawal：",
        "平仓盈亏 Realized P/L：",
        "持仓盯市盈亏 MTM P/L：",
    ]
    assert [line[: len(label)] for line, label in zip(lines[12:16], labels, strict=True)] == labels
    assert lines[17].startswith("手 续 费 Commission：")
    assert lines[25].startswith("货币质押变化金额 Chg in FX Pledge:")


def test_the_day_asked_for_is_the_day_told(driver: Driver) -> None:
    """Each of its own; nothing for a day that was not settled; the last one without a day."""
    trader = driver.trader("100002")
    driver.kernel.desk.move_market("rb2701", 3510.0)
    driver.kernel.start_day(NEXT_DAY)
    driver.kernel.desk.move_market("rb2701", 3530.0)
    driver.kernel.start_day("20261125")

    moved = {day: read(statement(driver, trader, day, "100002")).account["MTM P/L"] for day in (DAY, NEXT_DAY)}
    assert moved == {DAY: 1000.0, NEXT_DAY: 2000.0}
    assert statement(driver, trader, "", "100002") == statement(driver, trader, NEXT_DAY, "100002")
    for day in ("20261125", "20260101"):
        (nothing,) = driver.query(trader, "SettlementInfo", BrokerID="9999", InvestorID="100002", TradingDay=day)
        assert (nothing.values, nothing.is_last) == (None, True)
    (row, *_) = driver.query(trader, "SettlementInfo", BrokerID="9999", InvestorID="100002", TradingDay=DAY)
    assert row["TradingDay"] == DAY


def test_before_the_first_settlement_there_is_the_day_befores(driver: Driver) -> None:
    """What the settings give: a balance, positions of yesterday."""
    sent = read(statement(driver, driver.trader("100002"), "", "100002"))

    assert sent.lines[6] == "日期 Date：20261120"
    assert sent.account["Balance b/f"] == sent.account["Balance c/f"] == 10_000_000.0
    assert [row["Instrument"] for row in sent.tables["持仓汇总 Positions"]] == ["rb2701", "m2701"]


def test_money_that_came_and_went_is_told(driver: Driver) -> None:
    """As a section, and in the account; the next day begins without it."""
    trader = driver.trader()
    transfer = {"BrokerID": "9999", "BankID": DEMO_BANK, "AccountID": "100001", "Password": "demo-100001"}
    driver.call(trader, "ReqFromBankToFutureByFuture", **transfer, TradeAmount=5000.0)
    driver.call(trader, "ReqFromFutureToBankByFuture", **transfer, TradeAmount=1000.0)
    driver.kernel.start_day(NEXT_DAY)

    sent = read(statement(driver, trader))

    rows = sent.tables["出入金明细 Deposit/Withdrawal"]
    assert [(row["Deposit"], row["Withdrawal"]) for row in rows] == [("5000.00", "0.00"), ("0.00", "1000.00")]
    assert sent.account["Deposit/Withdrawal"] == 4000.0
    assert driver.query(trader, "TransferSerial", AccountID="100001")[0].values is None


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
