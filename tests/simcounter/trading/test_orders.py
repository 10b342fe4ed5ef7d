"""Orders from insert to trade or cancel, as CTP tells them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simcounter.demo_accounts import OPERATOR_ID, OPERATOR_RELAY_APP_ID, users
from simcounter.events import TopicNotice
from simcounter.session import Session
from simcounter.trading.book import BookSide
from tests.simcounter.kernel_driver import DAY, Driver, outline


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.fixture
def trader(driver: Driver) -> Session:
    return driver.trader()


def test_a_marketable_order_is_told_unknown_then_traded(driver: Driver, trader: Session) -> None:
    """No OnRsp at all: OnRtnOrder 'a' without OrderSysID, OnRtnOrder '0' with it, OnRtnTrade."""
    returns = driver.insert(trader, LimitPrice=3501.0)

    assert outline(returns) == ["OnRtnOrder(a)", "OnRtnOrder(0)", "OnRtnTrade"]
    unknown, order, trade = returns
    assert (unknown["OrderSysID"], unknown["OrderSubmitStatus"]) == ("", "0")
    assert (order["OrderSysID"], len(order["OrderSysID"])) == (f"{1:>20}", 20)
    assert (order["VolumeTraded"], order["VolumeTotal"], order["StatusMsg"]) == (1, 0, "全部成交")
    assert (trade["OrderSysID"], trade["Price"], trade["Volume"]) == (order["OrderSysID"], 3501.0, 1)


def test_the_order_keeps_what_was_sent(driver: Driver, trader: Session) -> None:
    """Front, session and reference name it; RequestID and OrderMemo come back; identity is filled in."""
    (order, _) = driver.insert(trader, LimitPrice=3400.0, InvestUnitID="unit", BusinessUnit="desk")

    sent = {"RequestID": 77, "OrderMemo": "memo", "InvestUnitID": "unit", "BusinessUnit": "desk", "LimitPrice": 3400.0}
    assert {name: order[name] for name in sent} == sent
    assert (order["FrontID"], order["SessionID"], order["OrderRef"]) == (1, trader.session_id, "1")
    assert (order["InvestorID"], order["UserID"], order["ExchangeID"]) == ("100001", "100001", "SHFE")
    assert (order["TradingDay"], order["InsertDate"], order["InsertTime"]) == (DAY, DAY, "09:30:00")
    assert order["OrderLocalID"] == f"{1:>12}"
    assert (order["OrderPriceType"], order["Direction"], order["CombOffsetFlag"]) == ("2", "0", "0")


def test_the_trade_names_its_order(driver: Driver, trader: Session) -> None:
    """OrderRef, OrderLocalID and TraderID are the order's; front and session are not part of a trade."""
    *_, order, trade = driver.insert(trader, LimitPrice=3501.0)

    shared = ("OrderRef", "OrderLocalID", "TraderID", "InvestorID", "UserID", "InstrumentID", "ExchangeID", "BrokerID")
    assert {name: trade[name] for name in shared} == {name: order[name] for name in shared}
    assert (trade["TradeID"], trade["OffsetFlag"], trade["TradingDay"]) == (f"{1:>20}", "0", DAY)


def test_a_big_order_takes_several_levels_and_rests_with_the_remainder() -> None:
    """Each fill has a return of its own; then the rest waits, partly traded."""
    driver = Driver()
    returns = driver.insert(driver.trader(), LimitPrice=3502.0, VolumeTotalOriginal=300)

    assert outline(returns) == ["OnRtnOrder(a)", "OnRtnOrder(1)", "OnRtnTrade", "OnRtnOrder(1)", "OnRtnTrade"]
    assert [t["Price"] for t in returns if t.callback == "OnRtnTrade"] == [3501.0, 3502.0]
    assert returns[-2]["VolumeTraded"] + returns[-2]["VolumeTotal"] == 300


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"TimeCondition": "1", "VolumeTotalOriginal": 300, "LimitPrice": 3501.0}, "OnRtnOrder(5)"),
        (
            {"TimeCondition": "1", "VolumeCondition": "3", "VolumeTotalOriginal": 900, "LimitPrice": 3501.0},
            "OnRtnOrder(5)",
        ),
        ({"TimeCondition": "1", "VolumeCondition": "3", "VolumeTotalOriginal": 5, "LimitPrice": 3501.0}, "OnRtnTrade"),
        ({"TimeCondition": "1", "VolumeCondition": "2", "MinVolume": 500, "VolumeTotalOriginal": 600}, "OnRtnOrder(5)"),
    ],
    ids=["FAK", "FOK too big", "FOK", "minimum volume"],
)
def test_immediate_orders_never_rest(driver: Driver, trader: Session, changes: dict[str, Any], outcome: str) -> None:
    """FAK takes what there is, FOK all or nothing; the remainder is canceled at once."""
    returns = driver.insert(trader, **changes)

    assert outline(returns)[-1] == outcome
    assert all(order.resting is None for order in driver.kernel.desk.orders.values())


def test_fok_without_enough_trades_nothing(driver: Driver, trader: Session) -> None:
    """Not even a part."""
    order = {"TimeCondition": "1", "VolumeCondition": "3", "VolumeTotalOriginal": 900, "LimitPrice": 3501.0}

    assert outline(driver.insert(trader, **order)) == ["OnRtnOrder(a)", "OnRtnOrder(5)"]


def test_two_investors_trade_with_each_other(driver: Driver, trader: Session) -> None:
    """Inside the house's spread; both hear of their own side, on their own private topics."""
    other = driver.trader("100002")
    driver.insert(trader, LimitPrice=3500.0)

    returns = driver.insert(other, LimitPrice=3500.0, Direction="1")

    assert [(t.callback, t.investor_id) for t in returns] == [
        ("OnRtnOrder", "100002"),
        ("OnRtnOrder", "100002"),
        ("OnRtnTrade", "100002"),
        ("OnRtnOrder", "100001"),
        ("OnRtnTrade", "100001"),
    ]


def test_a_resting_order_is_filled_when_the_market_comes(driver: Driver, trader: Session) -> None:
    """Later, without a request."""
    driver.insert(trader, LimitPrice=3450.0)

    effects = driver.kernel.desk.move_market("rb2701", 3440.0)

    assert [effect.callback for effect in effects if hasattr(effect, "callback")] == ["OnRtnOrder", "OnRtnTrade"]
    assert driver.kernel.desk.portfolios["100001"].frozen_margin == pytest.approx(0)


@pytest.mark.parametrize("key", ["OrderSysID", "OrderRef"])
def test_an_order_is_canceled_by_either_key(driver: Driver, trader: Session, key: str) -> None:
    """By exchange and OrderSysID, or by front, session and reference; only OnRtnOrder answers."""
    *_, order = driver.insert(trader, LimitPrice=3400.0)
    if key == "OrderRef":
        reference = {"OrderSysID": "", "FrontID": 1, "SessionID": trader.session_id, "OrderRef": order["OrderRef"]}
        returns = driver.cancel(trader, order, **reference)
    else:
        returns = driver.cancel(trader, order)

    assert outline(returns) == ["OnRtnOrder(5)"]
    assert (returns[0]["StatusMsg"], returns[0]["CancelTime"]) == ("已撤单", "09:30:00")


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"OrderSysID": f"{99:>20}"}, 25),
        ({"ActionFlag": "3"}, 23),
        ({"InvestorID": "100002"}, 9),
        ({"ExchangeID": "DCE"}, 25),
    ],
)
def test_a_bad_cancel_is_refused_twice(driver: Driver, trader: Session, changes: dict[str, Any], error_id: int) -> None:
    """OnRspOrderAction to the session and OnErrRtnOrderAction to the user."""
    *_, order = driver.insert(trader, LimitPrice=3400.0)

    returns = driver.cancel(trader, order, **changes)

    assert [(t.callback, t.error_id) for t in returns] == [
        ("OnRspOrderAction", error_id),
        ("OnErrRtnOrderAction", error_id),
    ]


def test_a_finished_order_cannot_be_canceled(driver: Driver, trader: Session) -> None:
    """26."""
    *_, order, _ = driver.insert(trader, LimitPrice=3501.0)

    assert driver.cancel(trader, order)[0].error_id == 26


def test_somebody_elses_order_cannot_be_canceled(driver: Driver, trader: Session) -> None:
    """By its OrderSysID under one's own name it is not found."""
    *_, order = driver.insert(driver.trader("100002"), LimitPrice=3400.0)

    assert driver.cancel(trader, order, InvestorID="100001")[0].error_id == 25


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"InvestorID": "100002"}, 9),
        ({"InvestorID": ""}, 9),
        ({"UserID": "100002"}, 9),
        ({"BrokerID": "1234"}, 12),
        ({"InstrumentID": "xx9999"}, 16),
        ({"ExchangeID": "DCE"}, 16),
        ({"OrderRef": "abc"}, 15),
        ({"OrderRef": "0"}, 22),
        ({"VolumeTotalOriginal": 0}, 15),
        ({"VolumeTotalOriginal": 1001}, 15),
        ({"Direction": "9"}, 15),
        ({"CombOffsetFlag": ""}, 15),
        ({"OrderPriceType": "1"}, 80),
        ({"VolumeCondition": "3"}, 15),
        ({"ContingentCondition": "5"}, 15),
        ({"CombOffsetFlag": "1"}, 51),
        ({"CombOffsetFlag": "3"}, 50),
        ({"InstrumentID": "m2701", "ExchangeID": "DCE", "LimitPrice": 3000.0, "CombOffsetFlag": "1"}, 30),
        ({"InstrumentID": "IF2612", "ExchangeID": "CFFEX", "LimitPrice": 4000.0, "VolumeTotalOriginal": 900}, 31),
    ],
)
def test_ctp_refuses_twice_and_keeps_nothing(
    driver: Driver, trader: Session, changes: dict[str, Any], error_id: int
) -> None:
    """OnRspOrderInsert and OnErrRtnOrderInsert with the same ErrorID; no order, nothing frozen."""
    returns = driver.insert(trader, **changes)

    assert (returns[0].callback, returns[0].error_id) == ("OnRspOrderInsert", error_id)
    assert [t.callback for t in returns[1:]] == ["OnErrRtnOrderInsert"]
    assert driver.kernel.desk.orders == {}
    assert driver.kernel.desk.portfolios["100001"].frozen_margin == 0


def test_a_refusal_for_somebody_elses_name_does_not_reach_that_somebody(driver: Driver, trader: Session) -> None:
    """The error notice belongs to the user who sent it."""
    returns = driver.insert(trader, InvestorID="100002")

    assert [t.investor_id for t in returns] == ["", ""]


def test_without_a_user_id_the_error_notice_finds_nobody(driver: Driver, trader: Session) -> None:
    """A known trap: only OnRspOrderInsert arrives."""
    assert [t.callback for t in driver.insert(trader, UserID="", InstrumentID="xx9999")] == ["OnRspOrderInsert"]


def test_references_must_grow_within_a_session(driver: Driver, trader: Session) -> None:
    """The same or a smaller OrderRef gets 22; another session starts anew; a blank one is assigned."""
    driver.insert(trader, OrderRef="5")

    assert driver.insert(trader, OrderRef="5")[0].error_id == 22
    assert driver.insert(trader, OrderRef=" 4")[0].error_id == 22
    assert driver.insert(driver.trader(), OrderRef="1")[0].callback == "OnRtnOrder"
    assert driver.insert(trader, OrderRef="")[0]["OrderRef"] == "6"


@pytest.mark.parametrize(
    ("price", "reason"),
    [(3781.0, "SHFE:价格高于涨停板"), (3219.0, "SHFE:价格低于跌停板"), (3500.5, "SHFE:价格非最小单位倍数")],
)
def test_the_exchange_refuses_by_return(driver: Driver, trader: Session, price: float, reason: str) -> None:
    """Not an error response: OnRtnOrder canceled, OrderSubmitStatus insert-rejected, the reason in StatusMsg."""
    unknown, rejected = driver.insert(trader, LimitPrice=price)

    assert (unknown["OrderStatus"], rejected["OrderStatus"], rejected["OrderSubmitStatus"]) == ("a", "5", "4")
    assert reason in rejected["StatusMsg"]
    assert rejected["OrderSysID"] == ""
    assert driver.kernel.desk.portfolios["100001"].frozen_margin == pytest.approx(0)


def test_orders_wait_for_the_settlement_confirmation(driver: Driver) -> None:
    """42 until confirmed; the confirmation holds for all sessions of the day, not for the next one."""
    session = driver.open()
    driver.authenticate(session)
    driver.log_in(session)

    assert driver.insert(session)[0].error_id == 42
    driver.call(session, "ReqSettlementInfoConfirm", BrokerID="9999", InvestorID="100001")
    assert driver.insert(session)[0].callback == "OnRtnOrder"
    driver.kernel.start_day("20261124")
    assert driver.insert(session)[0].error_id == 42


def test_a_closed_market_gets_17(driver: Driver, trader: Session) -> None:
    """Per instrument."""
    driver.kernel.desk.markets.by_id["rb2701"].is_open = False

    assert driver.insert(trader)[0].error_id == 17


def test_too_many_orders_a_second_get_116() -> None:
    """Inserts and cancels count together; the next second is free again."""
    driver = Driver(orders_per_second=2)
    trader = driver.trader()
    *_, order = driver.insert(trader, LimitPrice=3400.0)
    driver.insert(trader, LimitPrice=3400.0)

    assert driver.insert(trader)[0].error_id == 116
    assert driver.cancel(trader, order)[0].error_id == 116
    driver.clock.at = driver.clock.at.replace(second=1)
    assert outline(driver.cancel(trader, order)) == ["OnRtnOrder(5)"]


def test_an_operator_trades_for_its_customers(driver: Driver) -> None:
    """InvestorID the customer, UserID the operator; the return belongs to the customer's topic."""
    operator = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    returns = driver.insert(operator, InvestorID="100003", LimitPrice=3501.0)

    assert {(t["InvestorID"], t["UserID"], t.investor_id) for t in returns} == {("100003", OPERATOR_ID, "100003")}
    assert driver.insert(operator, InvestorID=OPERATOR_ID)[0].error_id == 9


# Prices --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [3780.0, 3220.0])
def test_the_limits_themselves_are_prices(driver: Driver, trader: Session, price: float) -> None:
    """3500 and 8 % of it, to the tick; the depth says so, too."""
    (depth,) = driver.query(trader, "DepthMarketData", InstrumentID="rb2701")

    assert price in {depth["UpperLimitPrice"], depth["LowerLimitPrice"]}
    assert driver.insert(trader, LimitPrice=price)[1]["OrderSubmitStatus"] == "3"


INDEX = {"InstrumentID": "IF2612", "ExchangeID": "CFFEX", "LimitPrice": 0.0}
MEAL = {"InstrumentID": "m2701", "ExchangeID": "DCE", "LimitPrice": 0.0}


@pytest.mark.parametrize(
    ("changes", "price_type"),
    [
        ({"InstrumentID": "rb2701", "ExchangeID": "SHFE"}, "1"),
        ({"InstrumentID": "sc2701", "ExchangeID": "INE"}, "1"),
        (MEAL, "3"),
        (MEAL, "G"),
        ({"InstrumentID": "SPD SR701&SR705", "ExchangeID": "CZCE"}, "1"),
        ({"InstrumentID": "SR701C5600", "ExchangeID": "CZCE"}, "1"),
    ],
)
def test_an_exchange_without_such_orders_refuses_them(
    driver: Driver, trader: Session, changes: dict[str, Any], price_type: str
) -> None:
    """80: SHFE and INE know only limits, best price and five levels are CFFEX's."""
    returns = driver.insert(trader, **changes, OrderPriceType=price_type, TimeCondition="1")

    assert [(t.callback, t.error_id) for t in returns] == [("OnRspOrderInsert", 80), ("OnErrRtnOrderInsert", 80)]


@pytest.mark.parametrize("time_condition", ["1", "3"])
def test_a_market_order_takes_what_there_is(driver: Driver, trader: Session, time_condition: str) -> None:
    """At any price within the limits; the remainder is canceled, also of one that is good for the day."""
    market = {"OrderPriceType": "1", "TimeCondition": time_condition}
    returns = driver.insert(trader, **MEAL, **market, VolumeTotalOriginal=900)

    assert outline(returns)[-1] == "OnRtnOrder(5)"
    assert [t["Price"] for t in returns if t.callback == "OnRtnTrade"] == [3001.0, 3002.0, 3003.0, 3004.0, 3005.0]


@pytest.mark.parametrize("time_condition", ["1", "3"])
def test_a_best_price_order_takes_the_best_level_alone(driver: Driver, trader: Session, time_condition: str) -> None:
    """What remains is canceled, or rests at that price when it is good for the day."""
    best = {"OrderPriceType": "3", "TimeCondition": time_condition, "VolumeTotalOriginal": 200, "CombOffsetFlag": "0"}
    rich = Driver(users=tuple(replace(user, balance=1e12) for user in users()))
    returns = rich.insert(rich.trader(), **INDEX, **best)

    assert [t["Price"] for t in returns if t.callback == "OnRtnTrade"] == [4000.2]
    (order,) = rich.kernel.desk.orders.values()
    resting = rich.kernel.desk.markets.by_id["IF2612"].book.best(BookSide.BUY)
    assert (order.status, resting) == (("5", 19999) if time_condition == "1" else ("1", 20001))


def test_a_five_level_order_rests_where_it_last_traded() -> None:
    """Good for the day; otherwise the remainder is canceled."""
    rich = Driver(users=tuple(replace(user, balance=1e12) for user in users()))
    returns = rich.insert(rich.trader(), **INDEX, OrderPriceType="G", VolumeTotalOriginal=900)

    assert [t["Price"] for t in returns if t.callback == "OnRtnTrade"] == [4000.2, 4000.4, 4000.6, 4000.8, 4001.0]
    assert rich.kernel.desk.markets.by_id["IF2612"].book.best(BookSide.BUY) == 20005


def test_without_a_counterparty_an_order_without_a_limit_is_canceled() -> None:
    """There is no price it could take."""
    driver = Driver(liquidity=False)
    returns = driver.insert(driver.trader(), **INDEX, OrderPriceType="3")

    assert outline(returns) == ["OnRtnOrder(a)", "OnRtnOrder(5)"]


# Numbers -------------------------------------------------------------------------------------------------------


def test_each_exchange_numbers_its_own_orders_and_matches(driver: Driver, trader: Session) -> None:
    """The same OrderSysID and TradeID at two exchanges are two orders and two trades."""
    meal = {**MEAL, "LimitPrice": 3001.0}
    returns = [
        *driver.insert(trader, LimitPrice=3501.0),
        *driver.insert(trader, **meal),
        *driver.insert(trader, **meal),
    ]

    trades = [
        (t["ExchangeID"], t["OrderSysID"].strip(), t["TradeID"].strip()) for t in returns if t.callback == "OnRtnTrade"
    ]
    assert trades == [("SHFE", "1", "1"), ("DCE", "1", "1"), ("DCE", "2", "2")]


def test_both_sides_of_a_match_share_its_number(driver: Driver, trader: Session) -> None:
    """They differ in their direction and their order."""
    driver.insert(trader, LimitPrice=3500.0)
    returns = driver.insert(driver.trader("100002"), LimitPrice=3500.0, Direction="1")

    sides = [
        (t["TradeID"].strip(), t["Direction"], t["OrderSysID"].strip()) for t in returns if t.callback == "OnRtnTrade"
    ]
    assert sides == [("1", "1", "2"), ("1", "0", "1")]


# Combinations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("combination", "exchange", "price", "legs"),
    [
        ("SPD SR701&SR705", "CZCE", 1.0, [("SR701", "0", 5600.0), ("SR705", "1", 5599.0)]),
        ("SP m2701&m2705", "DCE", 1.0, [("m2701", "0", 3000.0), ("m2705", "1", 2999.0)]),
        ("STD SR701C5600&SR701P5600", "CZCE", 230.5, [("SR701C5600", "0", 120.0), ("SR701P5600", "0", 110.5)]),
    ],
)
def test_a_combinations_trades_are_those_of_its_legs(
    driver: Driver, trader: Session, combination: str, exchange: str, price: float, legs: list[tuple[str, str, float]]
) -> None:
    """One order return of the combination; a trade of each leg with one TradeID and OrderSysID; positions of the legs."""
    returns = driver.insert(
        trader, InstrumentID=combination, ExchangeID=exchange, LimitPrice=price, CombOffsetFlag="00"
    )

    assert outline(returns) == ["OnRtnOrder(a)", "OnRtnOrder(0)", "OnRtnTrade", "OnRtnTrade"]
    trades = returns[2:]
    assert [(t["InstrumentID"], t["Direction"], t["Price"]) for t in trades] == legs
    assert len({(t["TradeID"], t["OrderSysID"], t["OrderRef"], t["TradeType"]) for t in trades}) == 1
    assert (returns[1]["InstrumentID"], trades[0]["TradeType"]) == (combination, "4")
    rows = driver.query(trader, "InvestorPosition", BrokerID="9999", InvestorID="100001")
    assert {(r["InstrumentID"], r["PosiDirection"], r["Position"]) for r in rows} == {
        (name, "2" if side == "0" else "3", 1) for name, side, _ in legs
    }


def test_a_combination_closes_what_its_legs_hold(driver: Driver, trader: Session) -> None:
    """30 where a leg has no position; nothing stays frozen."""
    spread = {"InstrumentID": "SP m2701&m2705", "ExchangeID": "DCE"}
    driver.insert(trader, **spread, LimitPrice=1.0, CombOffsetFlag="00", VolumeTotalOriginal=2)
    close = {**spread, "Direction": "1", "LimitPrice": -1.0, "CombOffsetFlag": "11"}

    assert driver.insert(trader, **close, VolumeTotalOriginal=3)[0].error_id == 30
    assert outline(driver.insert(trader, **close, VolumeTotalOriginal=2))[-2:] == ["OnRtnTrade", "OnRtnTrade"]
    portfolio = driver.kernel.desk.portfolios["100001"]
    assert [(p.total, p.frozen_today) for p in portfolio.positions.values()] == [(0, 0), (0, 0)]
    assert portfolio.frozen_margin == pytest.approx(0)


def test_a_resting_combination_trades_when_its_market_comes(driver: Driver, trader: Session) -> None:
    """Its legs' trades follow the order's return."""
    driver.insert(trader, InstrumentID="SP m2701&m2705", ExchangeID="DCE", LimitPrice=-10.0)
    effects = driver.kernel.desk.move_market("SP m2701&m2705", -20.0)

    assert [e.callback for e in effects if isinstance(e, TopicNotice)] == ["OnRtnOrder", "OnRtnTrade", "OnRtnTrade"]


def test_the_legs_of_a_combination_can_be_asked_for(driver: Driver, trader: Session) -> None:
    """ReqQryCombLeg."""
    rows = driver.query(trader, "CombLeg")

    legs = [(r["LegInstrumentID"], r["Direction"]) for r in rows if r["CombInstrumentID"] == "SPD SR701&SR705"]
    assert legs == [("SR701", "0"), ("SR705", "1")]
