"""Money and positions: what an order freezes, what a trade moves, what a close earns."""

from __future__ import annotations

import pytest

from simcounter.session import Session
from tests.simcounter.kernel_driver import Driver, Told


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.fixture
def trader(driver: Driver) -> Session:
    return driver.trader()


def account(driver: Driver, session: Session) -> Told:
    (row,) = driver.query(session, "TradingAccount", BrokerID="9999", InvestorID="100001")
    return row


def positions(driver: Driver, session: Session, investor_id: str = "100001") -> list[Told]:
    rows = driver.query(session, "InvestorPosition", BrokerID="9999", InvestorID=investor_id)
    return [row for row in rows if row.values is not None]


def test_a_resting_order_freezes_and_its_cancel_gives_back(driver: Driver, trader: Session) -> None:
    """Margin at the limit price: 3400 × 10 × 2 × 10 %, commission with it; all back after the cancel."""
    before = account(driver, trader)["Available"]
    *_, order = driver.insert(trader, LimitPrice=3400.0, VolumeTotalOriginal=2)

    frozen = account(driver, trader)
    assert frozen["FrozenMargin"] == pytest.approx(6800.0)
    assert frozen["FrozenCommission"] == pytest.approx(6.8)
    assert frozen["Available"] == pytest.approx(before - 6806.8)
    driver.cancel(trader, order)
    assert account(driver, trader)["Available"] == pytest.approx(before)


def test_an_opening_trade_uses_margin_and_pays_commission(driver: Driver, trader: Session) -> None:
    """At the trade's price; nothing stays frozen."""
    driver.insert(trader, LimitPrice=3505.0, VolumeTotalOriginal=2)

    row = account(driver, trader)
    assert (row["FrozenMargin"], row["FrozenCommission"]) == (pytest.approx(0), pytest.approx(0))
    assert row["CurrMargin"] == pytest.approx(3501.0 * 10 * 2 * 0.10)
    assert row["Commission"] == pytest.approx(3501.0 * 10 * 2 * 0.0001)


def test_a_round_trip_keeps_the_books(driver: Driver, trader: Session) -> None:
    """Bought at 3501, sold at 3499: two ticks of ten yuan lost, no position, no margin, two commissions."""
    driver.insert(trader, LimitPrice=3501.0)
    driver.insert(trader, LimitPrice=3499.0, Direction="1", CombOffsetFlag="3")

    row = account(driver, trader)
    assert row["CloseProfit"] == pytest.approx(-20.0)
    assert (row["CurrMargin"], row["PositionProfit"]) == (pytest.approx(0), pytest.approx(0))
    assert row["Balance"] == pytest.approx(10_000_000 - 20 - (3501 + 3499) * 10 * 0.0001)
    assert row["Available"] == pytest.approx(row["Balance"])


def test_floating_profit_is_balance_but_not_available(driver: Driver, trader: Session) -> None:
    """A floating loss is both."""
    driver.insert(trader, LimitPrice=3501.0, VolumeTotalOriginal=10)
    driver.kernel.desk.move_market("rb2701", 3601.0)
    up = account(driver, trader)
    driver.kernel.desk.move_market("rb2701", 3401.0)
    down = account(driver, trader)

    assert (up["PositionProfit"], down["PositionProfit"]) == (pytest.approx(10_000), pytest.approx(-10_000))
    assert up["Balance"] - up["CurrMargin"] - up["Available"] == pytest.approx(10_000)
    assert down["Balance"] - down["CurrMargin"] == pytest.approx(down["Available"])


def test_shfe_tells_todays_from_yesterdays_lots(driver: Driver) -> None:
    """Rows of their own, closed by flags of their own."""
    session = driver.trader("100002")
    driver.insert(session, LimitPrice=3501.0, VolumeTotalOriginal=3)

    rows = [row for row in positions(driver, session, "100002") if row["InstrumentID"] == "rb2701"]

    shown = [(row["PositionDate"], row["Position"], row["TodayPosition"], row["YdPosition"]) for row in rows]
    assert sorted(shown) == [("1", 3, 3, 0), ("2", 10, 0, 10)]
    sell = {"Direction": "1", "LimitPrice": 3499.0}
    assert driver.insert(session, **sell, CombOffsetFlag="3", VolumeTotalOriginal=4)[0].error_id == 50
    assert driver.insert(session, **sell, CombOffsetFlag="1", VolumeTotalOriginal=11)[0].error_id == 51
    assert driver.insert(session, **sell, CombOffsetFlag="1", VolumeTotalOriginal=10)[-1].callback == "OnRtnTrade"


def test_other_exchanges_close_yesterdays_lots_first(driver: Driver) -> None:
    """DCE shows one row; a plain close takes the old lots."""
    session = driver.trader("100002")
    meal = {"InstrumentID": "m2701", "ExchangeID": "DCE"}
    driver.insert(session, **meal, Direction="1", LimitPrice=2999.0, VolumeTotalOriginal=2)
    driver.insert(session, **meal, Direction="0", LimitPrice=3001.0, CombOffsetFlag="1", VolumeTotalOriginal=6)

    (row,) = [row for row in positions(driver, session, "100002") if row["InstrumentID"] == "m2701"]
    assert (row["PosiDirection"], row["Position"], row["TodayPosition"], row["CloseVolume"]) == ("3", 1, 1, 6)


def test_lots_reserved_by_a_closing_order_are_not_there_twice(driver: Driver, trader: Session) -> None:
    """A resting close freezes its lots; its cancel frees them."""
    driver.insert(trader, LimitPrice=3501.0, VolumeTotalOriginal=2)
    close = {"Direction": "1", "CombOffsetFlag": "3", "LimitPrice": 3600.0}
    *_, order = driver.insert(trader, **close, VolumeTotalOriginal=2)

    assert positions(driver, trader)[0]["ShortFrozen"] == 2
    assert driver.insert(trader, **close)[0].error_id == 50
    driver.cancel(trader, order)
    assert driver.insert(trader, **close)[0].callback == "OnRtnOrder"


def test_details_show_the_lots(driver: Driver, trader: Session) -> None:
    """One row an opening trade, less what was closed of it, oldest first."""
    driver.insert(trader, LimitPrice=3501.0, VolumeTotalOriginal=2)
    driver.insert(trader, LimitPrice=3501.0, VolumeTotalOriginal=1)
    driver.insert(trader, LimitPrice=3499.0, Direction="1", CombOffsetFlag="3", VolumeTotalOriginal=1)

    rows = driver.query(trader, "InvestorPositionDetail", BrokerID="9999", InvestorID="100001")

    assert [(row["Volume"], row["CloseVolume"], row["OpenPrice"]) for row in rows] == [(1, 1, 3501.0), (1, 0, 3501.0)]


def test_a_new_day_starts_from_the_configured_accounts(driver: Driver, trader: Session) -> None:
    """Fresh books, orders and funds."""
    driver.insert(trader, LimitPrice=3501.0)
    driver.kernel.start_day("20261124")

    assert account(driver, trader)["Balance"] == pytest.approx(10_000_000)
    assert driver.query(trader, "Order", BrokerID="9999", InvestorID="100001")[0].values is None


def test_a_closing_trade_frees_what_it_reserved(driver: Driver, trader: Session) -> None:
    """Also when only a part of the order trades: frozen is exactly what still waits."""
    driver.insert(trader, LimitPrice=3505.0, VolumeTotalOriginal=400, TimeCondition="1")
    opened = positions(driver, trader)[0]["Position"]
    close = {"Direction": "1", "CombOffsetFlag": "3", "LimitPrice": 3499.0}
    *_, order, _trade = driver.insert(trader, **close, VolumeTotalOriginal=opened)

    (row,) = positions(driver, trader)
    assert 0 < order["VolumeTotal"] < opened
    assert (row["Position"], row["ShortFrozen"]) == (order["VolumeTotal"], order["VolumeTotal"])
    driver.cancel(trader, order)
    assert positions(driver, trader)[0]["ShortFrozen"] == 0
