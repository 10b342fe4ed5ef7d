"""What makes CTP or the exchange refuse an order, in the order in which they look."""

from __future__ import annotations

from dataclasses import dataclass

from simcounter.accounts import Accounts
from simcounter.errors_text import ErrorId
from simcounter.session import Session, Values
from simcounter.trading.book import BookSide
from simcounter.trading.instruments import Instrument
from simcounter.trading.legs import legs_of
from simcounter.trading.market import LEVELS, Market, Markets
from simcounter.trading.portfolio import CLOSE_FLAGS, CLOSE_TODAY, OPEN, Portfolio

ANY_PRICE = "1"
LIMIT_PRICE = "2"
BEST_PRICE = "3"
FIVE_LEVELS = "G"
"""CTP's OrderPriceType"""
IMMEDIATE = "1"
GOOD_FOR_DAY = "3"
"""CTP's TimeCondition"""
ANY_VOLUME = "1"
MINIMUM_VOLUME = "2"
COMPLETE_VOLUME = "3"
"""CTP's VolumeCondition"""
IMMEDIATELY = "1"
"""CTP's ContingentCondition; conditional orders are not played"""
_PRICE_TYPES = {
    "SHFE": {LIMIT_PRICE},
    "INE": {LIMIT_PRICE},
    "DCE": {LIMIT_PRICE, ANY_PRICE},
    "CZCE": {LIMIT_PRICE, ANY_PRICE},
    "GFEX": {LIMIT_PRICE, ANY_PRICE},
    "CFFEX": {LIMIT_PRICE, ANY_PRICE, BEST_PRICE, FIVE_LEVELS},
}
"""which kinds of price each exchange takes; combinations and options have limits everywhere"""
MAX_PRICE = 1e9
"""yuan; also keeps out CTP's "no value", infinity and not-a-number"""
MAX_VOLUME = 1000
"""lots in one order"""


@dataclass(frozen=True, slots=True)
class Wish:
    """An InputOrder in the counter's terms."""

    instrument: Instrument
    side: BookSide
    offset: str
    hedge_flag: str
    limit_ticks: int
    volume: int


def identity_error(accounts: Accounts, session: Session, values: Values) -> int:
    """9 unless the session's user may act for the InvestorID, under its own UserID."""
    user = session.user
    if user is None:
        return ErrorId.NOT_LOGIN_YET
    if values["BrokerID"] != accounts.broker_id:
        return ErrorId.BROKER_NOT_FOUND
    if values.get("UserID", "") not in {"", user.user_id}:
        return ErrorId.NO_PRIVILEGE
    return ErrorId.NONE if accounts.may_act_for(user, values["InvestorID"]) else ErrorId.NO_PRIVILEGE


def field_error(values: Values) -> int:
    """15 for an order no counter would understand."""
    fields_known = (
        values["Direction"] in {"0", "1"}
        and values["CombOffsetFlag"][:1] in {OPEN, *CLOSE_FLAGS}
        and values["OrderPriceType"] in {ANY_PRICE, LIMIT_PRICE, BEST_PRICE, FIVE_LEVELS}
        and values["TimeCondition"] in {IMMEDIATE, GOOD_FOR_DAY}
        and values["VolumeCondition"] in {ANY_VOLUME, MINIMUM_VOLUME, COMPLETE_VOLUME}
        and values["CombHedgeFlag"][:1] in {"1", "2", "3"}
        and values["ContingentCondition"] in {"", IMMEDIATELY}
    )
    if not abs(values["LimitPrice"]) < MAX_PRICE:
        return ErrorId.BAD_FIELD
    waits = values["TimeCondition"] == GOOD_FOR_DAY
    sensible = 0 < values["VolumeTotalOriginal"] <= MAX_VOLUME and not (
        waits and values["VolumeCondition"] != ANY_VOLUME
    )
    return ErrorId.NONE if fields_known and sensible else ErrorId.BAD_FIELD


def never_waits(values: Values) -> bool:
    """Whether what does not trade at once is canceled: a market order's rest too, good for the day or not (CTP fact 86)."""
    return bool(values["TimeCondition"] == IMMEDIATE or values["OrderPriceType"] == ANY_PRICE)


def reference_error(session: Session, order_ref: str) -> int:
    """22 unless the OrderRef is blank or a number above the session's last."""
    if not order_ref.strip():
        return ErrorId.NONE
    if not order_ref.strip().isdecimal():
        return ErrorId.BAD_FIELD
    return ErrorId.NONE if int(order_ref) > session.max_order_ref else ErrorId.DUPLICATE_ORDER_REF


def instrument_error(markets: Markets, values: Values) -> int:
    """16 for an unknown instrument or another exchange's, 17 while it is closed."""
    market = markets.by_id.get(values["InstrumentID"])
    if market is None or values["ExchangeID"] not in {"", market.instrument.exchange_id}:
        return ErrorId.INSTRUMENT_NOT_FOUND
    return ErrorId.NONE if market.is_open else ErrorId.NOT_TRADING


def price_type_error(instrument: Instrument, values: Values) -> int:
    """80 for a kind of price the exchange does not take."""
    plain = not instrument.legs and not instrument.product.is_option
    taken = _PRICE_TYPES[instrument.exchange_id] if plain else {LIMIT_PRICE}
    return ErrorId.NONE if values["OrderPriceType"] in taken else ErrorId.PRICE_TYPE_NOT_SUPPORTED


def wish_of(market: Market, values: Values) -> Wish:
    """The order in integers. Without a limit it gets one: the best price that waits for it, the fifth, or the day's."""
    instrument, side = market.instrument, BookSide(values["Direction"])
    waiting = [ticks for ticks, _ in market.book.depth(side.opposite, LEVELS)]
    if values["OrderPriceType"] == LIMIT_PRICE:
        limit = instrument.ticks(values["LimitPrice"])
    elif waiting and values["OrderPriceType"] != ANY_PRICE:
        limit = waiting[0] if values["OrderPriceType"] == BEST_PRICE else waiting[-1]
    else:
        limit = instrument.upper_ticks if side is BookSide.BUY else instrument.lower_ticks
    offset, hedge_flag = values["CombOffsetFlag"][:1], values["CombHedgeFlag"][:1]
    return Wish(instrument, side, offset, hedge_flag, limit, values["VolumeTotalOriginal"])


def risk_error(markets: Markets, portfolio: Portfolio, wish: Wish) -> int:
    """31 without the money to open, 30, 50 or 51 without the position to close."""
    if wish.offset == OPEN:
        needed = wish.instrument.margin(wish.limit_ticks, wish.volume)
        needed += wish.instrument.commission(wish.limit_ticks, wish.volume)
        return ErrorId.INSUFFICIENT_MONEY if needed > portfolio.available(markets.last_ticks) else ErrorId.NONE
    legs = legs_of(wish.instrument, wish.side, wish.offset, wish.hedge_flag)
    positions = [portfolio.positions.get(leg.position) for leg in legs]
    if all(held is not None and wish.volume <= held.closable(wish.offset) for held in positions):
        return ErrorId.NONE
    if not wish.instrument.product.tells_today_from_yesterday:
        return ErrorId.OVER_CLOSE_POSITION
    today = wish.offset == CLOSE_TODAY
    return ErrorId.OVER_CLOSE_TODAY_POSITION if today else ErrorId.OVER_CLOSE_YESTERDAY_POSITION


def exchange_refusal(wish: Wish, values: Values) -> str:
    """Why the exchange itself turns the order down, or empty: in the words by which programs know it."""
    if values["OrderPriceType"] != LIMIT_PRICE:
        return ""
    why = ""
    if not wish.instrument.on_tick(values["LimitPrice"]):
        why = "价格非最小单位倍数"
    elif wish.limit_ticks > wish.instrument.upper_ticks:
        why = "价格高于涨停板"
    elif wish.limit_ticks < wish.instrument.lower_ticks:
        why = "价格低于跌停板"
    return f"已撤单报单被拒绝{wish.instrument.exchange_id}:{why}" if why else ""
