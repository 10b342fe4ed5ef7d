"""Entrusts, deals, positions and margin as UFX shows them, made of what the desk keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simcounter.session import Values
from simcounter.trading.market import Markets
from simcounter.trading.order import INSERT_REJECTED, Order, OrderStatus
from simcounter.trading.portfolio import OPEN, Portfolio, Position, PositionKey
from simcounter.ufx import codes

UfxRow = dict[str, object]


@dataclass(slots=True)
class NativeEntrust:
    """What an entrust of UFX has beside what the desk keeps."""

    operator_no: str = ""
    batch_no: int = 0
    extsystem_id: str = ""
    third_reff: str = ""
    confirmed: bool = False
    """its confirmation was pushed"""


def asset_of(account: str) -> str:
    return f"{account}01"


def combi_of(account: str) -> str:
    """An account has one portfolio here."""
    return f"{account}0101"


def account_of(row: Mapping[str, str]) -> str:
    """Whose a request is: account_code, asset_no or combi_no; the first that is there."""
    if row.get("account_code"):
        return row["account_code"]
    if row.get("asset_no"):
        return row["asset_no"].removesuffix("01")
    return row.get("combi_no", "").removesuffix("0101")


def common_row(order: Order, native: NativeEntrust) -> UfxRow:
    """What entrusts, deals and pushes share."""
    account = order.investor_id
    return {
        "operator_no": native.operator_no or order.user_id,
        "batch_no": native.batch_no,
        "entrust_no": order.key,
        "extsystem_id": native.extsystem_id,
        "third_reff": native.third_reff,
        "account_code": account,
        "asset_no": asset_of(account),
        "combi_no": combi_of(account),
        "market_no": codes.MARKETS.get(order.instrument.exchange_id, ""),
        "stock_code": order.instrument.instrument_id,
        "entrust_direction": codes.BUY if order.side.value == "0" else codes.SELL,
        "futures_direction": codes.OPEN if order.offset == OPEN else codes.CLOSE,
        "price_type": codes.LIMIT_PRICE,
        "entrust_price": order.instrument.price(order.limit_ticks),
        "entrust_amount": order.volume,
    }


def state_of(order: Order, submit_status: str) -> str:
    """entrust_state."""
    if order.status is OrderStatus.CANCELED:
        if submit_status == INSERT_REJECTED:
            return codes.STATE_REJECTED
        return codes.PART_CANCELLED if order.traded else codes.STATE_CANCELLED
    states = {
        OrderStatus.UNKNOWN: codes.NOT_SENT,
        OrderStatus.QUEUEING: codes.SENT,
        OrderStatus.PART_TRADED: codes.PART_TRADED,
        OrderStatus.ALL_TRADED: codes.ALL_TRADED,
    }
    return states[order.status]


def entrust_row(order: Order, values: Values, native: NativeEntrust) -> UfxRow:
    """One row of 32003; `values` are those of the desk's Order struct."""
    is_canceled = order.status is OrderStatus.CANCELED
    state = state_of(order, values["OrderSubmitStatus"])
    return {
        "entrust_date": values["InsertDate"],
        "entrust_time": values["InsertTime"].replace(":", ""),
        **common_row(order, native),
        "confirm_no": str(values["OrderSysID"]).strip(),
        "entrust_state": state,
        "deal_amount": order.traded,
        "withdraw_amount": order.remaining if is_canceled else 0,
        "withdraw_cause": values["StatusMsg"] if is_canceled else "",
        "position_str": f"{order.key:012}",
    }


def deal_row(order: Order, values: Values, native: NativeEntrust, number: int) -> UfxRow:
    """One row of 33003; `values` are those of a Trade struct, the `number`th of the day."""
    price, volume, instrument = float(values["Price"]), int(values["Volume"]), order.instrument
    return {
        "deal_date": values["TradeDate"],
        "deal_time": values["TradeTime"].replace(":", ""),
        "deal_no": str(values["TradeID"]).strip(),
        **common_row(order, native),
        "stock_code": values["InstrumentID"],
        "deal_amount": volume,
        "deal_price": price,
        "deal_balance": price * volume * instrument.product.multiplier,
        "total_fee": instrument.commission(instrument.ticks(price), volume),
        "position_str": f"{number:012}",
    }


def position_row(account: str, key: PositionKey, position: Position, markets: Markets) -> UfxRow:
    """One row of 31003."""
    instrument = position.instrument
    today, total = position.today, position.total
    return {
        "account_code": account,
        "asset_no": asset_of(account),
        "combi_no": combi_of(account),
        "market_no": codes.MARKETS.get(instrument.exchange_id, ""),
        "stock_code": key.instrument_id,
        "position_flag": codes.LONG if key.side.value == "0" else codes.SHORT,
        "invest_type": codes.INVEST_TYPES,
        "total_amount": total,
        "today_amount": today,
        "lastday_amount": total - today,
        "enable_amount": total - position.frozen_today - position.frozen_yesterday,
        "begin_cost": position.open_cost,
        "current_cost": position.open_cost,
        "current_cost_price": position.open_cost / (total * instrument.product.multiplier) if total else 0.0,
        "last_price": instrument.price(markets.last_ticks(key.instrument_id)),
        "position_str": f"{key.instrument_id}{key.side.value}{key.hedge_flag}",
    }


def margin_row(account: str, portfolio: Portfolio, markets: Markets) -> UfxRow:
    """The row of 34003."""
    available = portfolio.available(markets.last_ticks)
    return {
        "account_code": account,
        "asset_no": asset_of(account),
        "currency_code": "CNY",
        "occupy_deposit_balance": portfolio.margin,
        "enable_deposit_balance": available,
        "futu_deposit_balance": available + portfolio.margin + portfolio.frozen_margin,
        "futu_temp_occupy_deposit": portfolio.frozen_margin,
    }
