"""Public rows: exchanges, products, instruments, market depth, rates, as CTP shows them."""

from __future__ import annotations

from ctpabi.codec.layout import DBL_MAX
from simcounter.session import Clock, Values
from simcounter.trading.book import BookSide
from simcounter.trading.instruments import EXCHANGES, Instrument, Product
from simcounter.trading.market import LEVELS, Market
from simcounter.trading.rules import MAX_VOLUME

_COMBINATION = "3"
"""CTP's ProductClass; futures are 1, options 2"""
_VOLUMES = {
    "MaxMarketOrderVolume": MAX_VOLUME,
    "MinMarketOrderVolume": 1,
    "MaxLimitOrderVolume": MAX_VOLUME,
    "MinLimitOrderVolume": 1,
}


def exchange_rows() -> list[Values]:
    return [
        {"ExchangeID": exchange_id, "ExchangeName": name, "ExchangeProperty": "0"}
        for exchange_id, name in EXCHANGES.items()
    ]


def product_row(product: Product) -> Values:
    return {
        **_VOLUMES,
        "ProductID": product.product_id,
        "ProductName": product.name,
        "ExchangeID": product.exchange_id,
        "ProductClass": "2" if product.is_option else "1",
        "VolumeMultiple": product.multiplier,
        "PriceTick": product.tick,
        "PositionType": "2",
        "PositionDateType": "1" if product.tells_today_from_yesterday else "2",
        "CloseDealType": "0",
        "TradeCurrencyID": "CNY",
        "MortgageFundUseRange": "0",
        "UnderlyingMultiple": 1.0,
        "ExchangeProductID": product.product_id,
    }


def instrument_row(instrument: Instrument) -> Values:
    year, month = 2000 + int(instrument.month[:2]), int(instrument.month[2:])
    product = instrument.product
    return {
        **_VOLUMES,
        "InstrumentID": instrument.instrument_id,
        "ExchangeID": product.exchange_id,
        "InstrumentName": instrument.instrument_id if instrument.legs else f"{product.name}{instrument.month}",
        "ExchangeInstID": instrument.instrument_id,
        "ProductID": product.product_id,
        "ProductClass": _COMBINATION if instrument.legs else "2" if product.is_option else "1",
        "DeliveryYear": year,
        "DeliveryMonth": month,
        "VolumeMultiple": product.multiplier,
        "PriceTick": product.tick,
        "CreateDate": f"{year - 1}{month:02}01",
        "OpenDate": f"{year - 1}{month:02}16",
        "ExpireDate": instrument.expires,
        "StartDelivDate": f"{year}{month:02}16",
        "EndDelivDate": f"{year}{month:02}20",
        "InstLifePhase": "1",
        "IsTrading": 1,
        "PositionType": "2",
        "PositionDateType": "1" if product.tells_today_from_yesterday else "2",
        "LongMarginRatio": product.margin_ratio,
        "ShortMarginRatio": product.margin_ratio,
        "MaxMarginSideAlgorithm": "1",
        "StrikePrice": instrument.strike or DBL_MAX,
        "OptionsType": instrument.option_type,
        "UnderlyingMultiple": 1.0,
        "CombinationType": "0",
        "UnderlyingInstrID": instrument.underlying or product.product_id,
    }


def leg_rows(instrument: Instrument) -> list[Values]:
    """CombLeg: one row a contract of a combination."""
    return [
        {
            "CombInstrumentID": instrument.instrument_id,
            "LegID": number,
            "LegInstrumentID": leg.instrument.instrument_id,
            "Direction": "0" if leg.same_side else "1",
            "LegMultiple": 1,
            "ImplyLevel": 1,
        }
        for number, leg in enumerate(instrument.legs, 1)
    ]


def depth_row(market: Market, trading_day: str, clock: Clock) -> Values:
    """DepthMarketData; what has no value yet is DBL_MAX."""
    instrument, today, now = market.instrument, market.today, clock()
    reference = instrument.price(instrument.reference_ticks)
    row: Values = {
        "TradingDay": trading_day,
        "ActionDay": now.strftime("%Y%m%d"),
        "UpdateTime": now.strftime("%H:%M:%S"),
        "UpdateMillisec": 500 * (now.microsecond >= 500_000),
        "InstrumentID": instrument.instrument_id,
        "ExchangeID": instrument.exchange_id,
        "ExchangeInstID": instrument.instrument_id,
        "LastPrice": instrument.price(market.last_ticks),
        "PreSettlementPrice": reference,
        "PreClosePrice": reference,
        "PreOpenInterest": 100_000.0,
        "OpenInterest": 100_000.0,
        "OpenPrice": instrument.price(today.open_ticks) if today.volume else DBL_MAX,
        "HighestPrice": instrument.price(today.high_ticks) if today.volume else DBL_MAX,
        "LowestPrice": instrument.price(today.low_ticks) if today.volume else DBL_MAX,
        "Volume": today.volume,
        "Turnover": today.amount,
        "AveragePrice": today.amount / today.volume if today.volume else reference,
        "UpperLimitPrice": instrument.price(instrument.upper_ticks),
        "LowerLimitPrice": instrument.price(instrument.lower_ticks),
    }
    for name in ("ClosePrice", "SettlementPrice", "PreDelta", "CurrDelta", "BandingUpperPrice", "BandingLowerPrice"):
        row[name] = DBL_MAX
    for side, word in ((BookSide.BUY, "Bid"), (BookSide.SELL, "Ask")):
        levels = market.book.depth(side, LEVELS)
        for level in range(LEVELS):
            ticks, volume = levels[level] if level < len(levels) else (None, 0)
            row[f"{word}Price{level + 1}"] = DBL_MAX if ticks is None else instrument.price(ticks)
            row[f"{word}Volume{level + 1}"] = volume
    return row


def margin_rate_row(instrument: Instrument, broker_id: str, investor_id: str) -> Values:
    ratio = instrument.product.margin_ratio
    return {
        "InvestorRange": "1",
        "BrokerID": broker_id,
        "InvestorID": investor_id,
        "HedgeFlag": "1",
        "LongMarginRatioByMoney": ratio,
        "ShortMarginRatioByMoney": ratio,
        "ExchangeID": instrument.exchange_id,
        "InstrumentID": instrument.instrument_id,
    }


def commission_rate_row(instrument: Instrument, broker_id: str, investor_id: str) -> Values:
    by_money, by_volume = instrument.product.fee_ratio, instrument.product.fee_per_lot
    return {
        "InvestorRange": "1",
        "BrokerID": broker_id,
        "InvestorID": investor_id,
        **dict.fromkeys(("OpenRatioByMoney", "CloseRatioByMoney", "CloseTodayRatioByMoney"), by_money),
        **dict.fromkeys(("OpenRatioByVolume", "CloseRatioByVolume", "CloseTodayRatioByVolume"), by_volume),
        "ExchangeID": instrument.exchange_id,
        "BizType": "1",
        "InstrumentID": instrument.instrument_id,
    }
