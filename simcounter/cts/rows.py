"""Orders, trades, positions, funds and contracts as CTS shows them, made of what the desk keeps as CTP's structs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simcounter.cts.codes import EXCHANGES, HEDGES, OFFSETS, PRICES, SIDES, YUAN
from simcounter.session import Values
from simcounter.trading.instruments import Instrument
from simcounter.trading.market import Markets
from simcounter.trading.portfolio import Portfolio, Position, PositionKey

CtsRow = dict[str, Any]

RETURN_CONFIRMED, RETURN_REJECTED, RETURN_TRADE, RETURN_CANCELED = "0", "1", "2", "3"
"""returnType of a push"""
_NOT_PUSHED = frozenset(
    {
        "futureOrderPrice", "withdrawQty", "validFlag", "validFlagDesc", "withdrawFlag", "isCancellable", "f_orderPriceType",
        "orderId",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NativeOrder:
    """What an order of CTS has beside what the desk keeps."""

    client_id: str = ""
    batch_num: str = ""
    terminal_id: str = ""


def key_of(values: Mapping[str, Any]) -> int:
    """The desk's number of an order, from its Order or Trade struct; it is CTS's contractNum."""
    return int(values["OrderLocalID"])


def _common(values: Values) -> CtsRow:
    return {
        "exchId": EXCHANGES[values["ExchangeID"]],
        "contractNum": str(key_of(values)),
        "acctId": values["InvestorID"],
        "stkId": values["InstrumentID"],
        "bsFlag": SIDES[values["Direction"]],
        "stkType": "FUT",
    }


def order_row(values: Values, native: NativeOrder) -> CtsRow:
    """One orderInfo of 16011. The public client's list of its fields has batchNum and no clientId."""
    is_rejected = values["OrderSubmitStatus"] == "4"
    canceled = values["VolumeTotal"] if values["OrderStatus"] == "5" and not is_rejected else 0
    return {
        **_common(values),
        "batchNum": native.batch_num,
        "orderPrice": values["LimitPrice"],
        "futureOrderPrice": values["LimitPrice"],
        "orderQty": values["VolumeTotalOriginal"],
        "knockQty": values["VolumeTraded"],
        "withdrawQty": canceled,
        "orderTime": f"{values['InsertDate']}{values['InsertTime'].replace(':', '')}",
        "validFlag": 1 if is_rejected else -1 if values["OrderStatus"] == "a" else 0,
        "validFlagDesc": values["StatusMsg"],
        "withdrawFlag": "N",
        "isCancellable": "Y" if values["OrderStatus"] in {"1", "3"} else "N",
        "f_offSetFlag": OFFSETS[values["CombOffsetFlag"][:1]],
        "f_hedgeFlag": HEDGES.get(values["CombHedgeFlag"][:1], "SPEC"),
        "f_orderPriceType": PRICES.get(values["OrderPriceType"], "LIMIT"),
        "orderId": values["OrderSysID"].strip(),
        "memo": values["StatusMsg"],
    }


def knock_row(values: Values) -> CtsRow:
    """One knockInfo of 16012, which says no batchNum in the public client's list."""
    return {
        **_common(values),
        "knockQty": values["Volume"],
        "knockPrice": values["Price"],
        "knockAmt": round(values["Price"] * values["Volume"], 6),
        "knockTime": values["TradeTime"],
        "knockCode": values["TradeID"].strip(),
        "serialNum": str(values["SequenceNo"]),
        "f_offSetFlag": OFFSETS[values["OffsetFlag"]],
        "f_hedgeFlag": HEDGES.get(values["HedgeFlag"], "SPEC"),
        "orderId": values["OrderSysID"].strip(),
    }


def push_row(row: CtsRow, order: Values, native: NativeOrder, return_type: str) -> CtsRow:
    """The subKnockInfo of 17002, of a trade or an order: what of its row the public client's list has there."""
    return {
        **{name: value for name, value in row.items() if name not in _NOT_PUSHED},
        "batchNum": native.batch_num,
        "clientId": native.client_id,
        "orderQty": order["VolumeTotalOriginal"],
        "orderPrice": order["LimitPrice"],
        "returnType": return_type,
        "tradingResultType": "",
        "exchErrorCode": "" if return_type != RETURN_REJECTED else "1",
        "memo": order["StatusMsg"] if return_type == RETURN_REJECTED else "",
    }


def position_row(key: PositionKey, position: Position, markets: Markets, acct_id: str) -> CtsRow:
    """One positionInfo of 16006: today's and yesterday's lots in one row."""
    instrument = position.instrument
    today_cost = sum(instrument.turnover(lot.ticks, lot.volume) for lot in position.today_lots)
    today = sum(lot.volume for lot in position.today_lots)
    return {
        "acctId": acct_id,
        "exchId": EXCHANGES[instrument.exchange_id],
        "stkId": instrument.instrument_id,
        "bsFlag": SIDES[key.side.value],
        "f_hedgeFlag": HEDGES.get(key.hedge_flag, "SPEC"),
        "currentPositionQty": position.total,
        "realTimePositionQty": position.total,
        "ydPositionUsableQty": position.yesterday - position.frozen_yesterday,
        "todayPositionUsableQty": position.today - position.frozen_today,
        "ydOffsFrozPositionQty": position.frozen_yesterday,
        "todayOffsFrozPositionQty": position.frozen_today,
        "todayPositionCost": round(today_cost / (today * instrument.product.multiplier), 6) if today else 0.0,
        "todayContractAmt": today_cost,
        "ydContractAmt": instrument.turnover(instrument.reference_ticks, position.yesterday),
        "preSettlementPrice": instrument.price(instrument.reference_ticks),
        "closePNL": position.close_profit,
        "realtimePNL": position.profit(key.side, markets.last_ticks(key.instrument_id)),
        "marginUsedAmt": position.margin,
        "marginFrozenAmt": 0.0,
        "securityType": "FUT",
    }


def funds_row(portfolio: Portfolio, markets: Markets) -> CtsRow:
    """The acctInfo of 16002, in yuan."""
    balance, profit = portfolio.balance(markets.last_ticks), portfolio.position_profit(markets.last_ticks)
    return {
        "acctId": portfolio.investor_id,
        "currencyId": YUAN,
        "currentAmt": balance - profit,
        "usableAmt": portfolio.available(markets.last_ticks),
        "realtimeAmt": balance,
        "closePNL": portfolio.close_profit,
        "realtimePNL": profit,
        "ydMarginUsedAmt": portfolio.previous_margin,
        "marginUsedAmt": portfolio.margin,
        "marginAmt": portfolio.margin,
        "tradeFrozenAmt": portfolio.frozen_margin + portfolio.frozen_commission,
        "cashMovementAmt": portfolio.deposit - portfolio.withdraw,
        "commision": portfolio.commission,
    }


def future_row(instrument: Instrument) -> CtsRow:
    """One of the futureList of 11003."""
    product = instrument.product
    return {
        "exchId": EXCHANGES[instrument.exchange_id],
        "f_productId": product.product_id,
        "stkId": instrument.instrument_id,
        "stkName": f"{product.name}{instrument.month}",
        "stkStatus": "1",
        "contractTimes": product.multiplier,
        "deliveryYear": f"20{instrument.month[:2]}",
        "deliveryMonth": instrument.month[2:],
        "lastTrdDate": instrument.expires,
        "matureDate": instrument.expires,
        "orderPriceUnit": product.tick,
        "maxLimitOrderQty": 1000,
        "minLimitOrderQty": 1,
        "maxMarketOrderQty": 1000,
        "minMarketOrderQty": 1,
        "maxOrderPrice": instrument.price(instrument.upper_ticks),
        "minOrderPrice": instrument.price(instrument.lower_ticks),
        "preSettlementPrice": instrument.price(instrument.reference_ticks),
        "stkType": "FUT",
    }
