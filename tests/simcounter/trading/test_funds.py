"""Money and positions: what an order freezes, what a trade moves, what a close earns."""

from __future__ import annotations

import pytest

from simcounter.session import Session
from tests.simcounter.kernel_driver import Decoded, Driver


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.fixture
def trader(driver: Driver) -> Session:
    return driver.trader()


def account(driver: Driver, session: Session) -> Decoded:
    (row,) = driver.query(session, "TradingAccount", BrokerID="9999", InvestorID="100001")
    return row


def positions(driver: Driver, session: Session, investor_id: str = "100001") -> list[Decoded]:
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
    money = {row["PositionDate"]: (row["OpenCost"], row["PositionCost"], row["UseMargin"]) for row in rows}
    assert money["1"] == pytest.approx((105_030, 105_030, 10_503)), "each row has the amounts of its own lots"
    assert money["2"] == pytest.approx((350_000, 350_000, 35_000))
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


def test_details_show_what_was_closed_completely(driver: Driver, trader: Session) -> None:
    """With Volume 0, until the settlement: what it was closed for, and the profit."""
    driver.insert(trader, LimitPrice=3501.0, VolumeTotalOriginal=2)
    driver.insert(trader, LimitPrice=3499.0, Direction="1", CombOffsetFlag="3", VolumeTotalOriginal=2)

    (lot,) = driver.query(trader, "InvestorPositionDetail", BrokerID="9999", InvestorID="100001")
    (position,) = positions(driver, trader)

    assert (lot["Volume"], lot["CloseVolume"], lot["TimeFirstVolume"]) == (0, 2, 2)
    assert lot["CloseAmount"] == position["CloseAmount"] == pytest.approx(3499.0 * 10 * 2)
    assert lot["CloseProfitByDate"] == position["CloseProfitByDate"] == pytest.approx(-40.0)
    assert position["OpenAmount"] == pytest.approx(3501.0 * 10 * 2)


def test_positions_of_yesterday_have_their_opening(driver: Driver) -> None:
    """OpenDate, TradeID and the margin they came with."""
    session = driver.trader("100002")
    lots = driver.query(session, "InvestorPositionDetail", BrokerID="9999", InvestorID="100002")
    (held, _) = positions(driver, session, "100002")

    assert {lot["OpenDate"] for lot in lots} == {"20261120"}, "the Friday before the Monday"
    assert all(lot["TradeID"].strip() for lot in lots)
    assert held["PreMargin"] == pytest.approx(3500.0 * 10 * 10 * 0.10)


# Settlement ----------------------------------------------------------------------------------------------------


def test_a_settlement_carries_money_and_positions(driver: Driver, trader: Session) -> None:
    """Today's lots are yesterday's, counted at the settlement price; profit and commission are in the balance."""
    driver.insert(trader, LimitPrice=3501.0, VolumeTotalOriginal=3)
    driver.insert(trader, LimitPrice=3499.0, Direction="1", CombOffsetFlag="3")
    driver.insert(trader, LimitPrice=3400.0)
    driver.kernel.desk.move_market("rb2701", 3520.0)
    before = account(driver, trader)
    driver.kernel.start_day("20261124")

    after = account(driver, trader)
    assert after["PreBalance"] == after["Balance"] == pytest.approx(before["Balance"])
    assert (after["Deposit"], after["CloseProfit"], after["Commission"], after["FrozenMargin"]) == (0, 0, 0, 0)
    assert after["PositionProfit"] == pytest.approx(0)
    assert after["PreMargin"] == after["CurrMargin"] == pytest.approx(3520.0 * 10 * 2 * 0.10)

    (position,) = positions(driver, trader)
    assert (position["PositionDate"], position["YdPosition"], position["TodayPosition"]) == ("2", 2, 0)
    assert (position["PreSettlementPrice"], position["OpenVolume"]) == (3520.0, 0)
    assert position["OpenCost"] == pytest.approx(3501.0 * 10 * 2)
    (lot,) = driver.query(trader, "InvestorPositionDetail", BrokerID="9999", InvestorID="100001")
    assert (lot["OpenDate"], lot["OpenPrice"], lot["Volume"], lot["CloseVolume"]) == ("20261123", 3501.0, 2, 0)
    assert lot["LastSettlementPrice"] == 3520.0
    assert driver.query(trader, "Order", BrokerID="9999", InvestorID="100001")[0].values is None


def test_the_settlement_price_can_be_set(driver: Driver, trader: Session) -> None:
    """For the coming settlement; it moves the next day's limits, and a carried lot closes against it."""
    driver.insert(trader, LimitPrice=3501.0)
    driver.kernel.desk.set_settlement_price("rb2701", 3600.0)
    driver.kernel.start_day("20261124")

    (depth,) = driver.query(trader, "DepthMarketData", InstrumentID="rb2701")
    assert (depth["PreSettlementPrice"], depth["UpperLimitPrice"], depth["LowerLimitPrice"]) == (3600, 3888, 3312)
    assert account(driver, trader)["PreBalance"] == pytest.approx(10_000_000 + 990 - 3501 * 10 * 0.0001)
    driver.call(trader, "ReqSettlementInfoConfirm", BrokerID="9999", InvestorID="100001")
    driver.insert(trader, LimitPrice=3599.0, Direction="1", CombOffsetFlag="4")
    assert account(driver, trader)["CloseProfit"] == pytest.approx(-10.0)


def test_days_follow_one_another(driver: Driver, trader: Session) -> None:
    """Nothing is gained or lost by a settlement at an unmoved price."""
    driver.insert(trader, LimitPrice=3501.0)
    driver.kernel.start_day("20261124")
    balance = account(driver, trader)["Balance"]
    for day in ("20261125", "20261126"):
        driver.kernel.start_day(day)

    assert account(driver, trader)["Balance"] == pytest.approx(balance)
    assert positions(driver, trader)[0]["YdPosition"] == 1


def test_a_contract_that_expires_is_gone_and_its_positions_settled_away(driver: Driver) -> None:
    """Its last day still trades; then 16, no instrument, no position, no depth, and the profit in the balance."""
    session = driver.trader()
    index = {"InstrumentID": "IF2612", "ExchangeID": "CFFEX"}
    driver.kernel.start_day("20261215")
    driver.call(session, "ReqSettlementInfoConfirm", BrokerID="9999", InvestorID="100001")
    assert driver.insert(session, **index, LimitPrice=4000.2)[-1].callback == "OnRtnTrade"
    driver.kernel.desk.move_market("IF2612", 4010.2)
    driver.kernel.start_day("20261216")

    assert driver.insert(session, **index, LimitPrice=4000.0)[0].error_id == 16
    assert positions(driver, session) == []
    assert driver.query(session, "Instrument", InstrumentID="IF2612")[0].values is None
    assert driver.query(session, "DepthMarketData", InstrumentID="IF2612")[0].values is None
    gained = 10.0 * 300 - 4000.2 * 300 * 0.000023
    assert account(driver, session)["Balance"] == pytest.approx(10_000_000 + gained)


def test_a_combination_expires_with_its_leg(driver: Driver) -> None:
    """What one of its contracts has left cannot be traded."""
    trader = driver.trader()
    driver.kernel.start_day("20270115")
    assert driver.query(trader, "Instrument", InstrumentID="SPD SR701&SR705")[0].values is not None
    driver.kernel.start_day("20270118")

    assert driver.query(trader, "Instrument", InstrumentID="SPD SR701&SR705")[0].values is None
    assert driver.query(trader, "Instrument", InstrumentID="SR705")[0].values is not None


def test_what_was_over_before_the_first_day_stays() -> None:
    """The demonstration never runs out of contracts."""
    driver = Driver(trading_day="20300104")
    driver.kernel.start_day("20300107")

    assert driver.query(driver.trader(), "Instrument", InstrumentID="rb2701")[0].values is not None


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
