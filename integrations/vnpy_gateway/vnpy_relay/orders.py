"""Orders and trades between vn.py and CTP: tables, and what of a request cannot be sent.

vn.py's own values are words that depend on the user's language, so only its enums' members are compared.
"""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from vnpy.trader.constant import Direction, Exchange, Offset, OrderType, Status
from vnpy.trader.object import CancelRequest, OrderData, OrderRequest, TradeData

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from vnpy_relay.blotter import is_rejected
from vnpy_relay.names import OrderName, finite, order_name, trade_id

CHINA = ZoneInfo("Asia/Shanghai")
EXCHANGES = {
    name: Exchange[name] for name in ("CFFEX", "SHFE", "CZCE", "DCE", "INE", "GFEX") if name in Exchange.__members__
}
_MOST_VOLUME = 2**31 - 1

_SIDES = {Direction.LONG: enums.DIRECTION_BUY, Direction.SHORT: enums.DIRECTION_SELL}
_OFFSETS = {Offset.OPEN: "0", Offset.CLOSE: "1", Offset.CLOSETODAY: "3", Offset.CLOSEYESTERDAY: "4"}
_TYPES = {
    OrderType.LIMIT: (
        enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
        enums.TIME_CONDITION_GFD,
        enums.VOLUME_CONDITION_AV,
    ),
    # As CTP's own gateway sends it (CTP fact 86): what the exchange makes of it stays the same.
    OrderType.MARKET: (
        enums.ORDER_PRICE_TYPE_ANY_PRICE,
        enums.TIME_CONDITION_GFD,
        enums.VOLUME_CONDITION_AV,
    ),
    OrderType.FAK: (
        enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
        enums.TIME_CONDITION_IOC,
        enums.VOLUME_CONDITION_AV,
    ),
    OrderType.FOK: (
        enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
        enums.TIME_CONDITION_IOC,
        enums.VOLUME_CONDITION_CV,
    ),
}
_OFFSETS_SHOWN = {
    "0": Offset.OPEN,
    "1": Offset.CLOSE,
    "2": Offset.CLOSE,
    "3": Offset.CLOSETODAY,
    "4": Offset.CLOSEYESTERDAY,
    "5": Offset.CLOSE,
    "6": Offset.CLOSE,
}
"""CTP's force closes (强平) too: an order that is not shown is a position nobody understands"""
_STATUS = {
    enums.ORDER_STATUS_UNKNOWN: Status.SUBMITTING,
    enums.ORDER_STATUS_NO_TRADE_QUEUEING: Status.NOTTRADED,
    enums.ORDER_STATUS_NOT_TOUCHED: Status.NOTTRADED,
    enums.ORDER_STATUS_TOUCHED: Status.NOTTRADED,
    enums.ORDER_STATUS_PART_TRADED_QUEUEING: Status.PARTTRADED,
    enums.ORDER_STATUS_ALL_TRADED: Status.ALLTRADED,
}
"""what is not here was taken out of the market: canceled"""


def reason_against(request: OrderRequest) -> str:
    """Why this request cannot be an order at a futures counter; empty where it can."""
    if request.type not in _TYPES:
        return f"不支持的委托类型 Order type not supported: {request.type.name}"
    if request.direction not in _SIDES:
        return "请选择多空 Choose long or short"
    if request.offset not in _OFFSETS:
        return "请选择开平 Choose open or close"
    if request.exchange.name not in EXCHANGES:
        return f"不支持的交易所 Exchange not supported: {request.exchange.name}"
    if not (0 < request.volume <= _MOST_VOLUME and request.volume == math.floor(request.volume)):
        return f"数量应为正整数 The volume is a whole number of lots, not {request.volume}"
    if not math.isfinite(request.price):
        return f"价格不是数 The price is no number: {request.price}"
    return "" if request.symbol else "没有合约代码 No symbol"


def input_order(request: OrderRequest, name: OrderName) -> ctp.InputOrder:
    """The order as CTP wants it; the relay fills in who it is from."""
    price_type, time, volume = _TYPES[request.type]
    return ctp.InputOrder(
        instrument_id=request.symbol,
        exchange_id=request.exchange.name,
        order_ref=str(name.ref),
        direction=_SIDES[request.direction],
        comb_offset_flag=_OFFSETS[request.offset],
        comb_hedge_flag="1",
        order_price_type=price_type,
        limit_price=request.price,
        volume_total_original=int(request.volume),
        time_condition=time,
        volume_condition=volume,
        min_volume=1,
        contingent_condition=enums.CONTINGENT_CONDITION_IMMEDIATELY,
        force_close_reason=enums.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
    )


def input_action(request: CancelRequest) -> ctp.InputOrderAction | None:
    """A cancel by the order's name; None where the id is none of this gateway's."""
    name = order_name(request.orderid)
    if name is None:
        return None
    return ctp.InputOrderAction(
        instrument_id=request.symbol,
        exchange_id=request.exchange.name,
        front_id=name.front,
        session_id=name.session,
        order_ref=str(name.ref),
        action_flag=enums.ACTION_FLAG_DELETE,
    )


def order_data(gateway: str, name: OrderName, order: ctp.Order) -> OrderData | None:
    """What vn.py shows of an order; None for an exchange it does not know."""
    exchange, side = EXCHANGES.get(order.exchange_id), _side(order.direction)
    if exchange is None or side is None:
        return None
    return OrderData(
        gateway_name=gateway,
        symbol=order.instrument_id,
        exchange=exchange,
        orderid=name.orderid,
        type=_type_of(order),
        direction=side,
        offset=_OFFSETS_SHOWN.get(order.comb_offset_flag[:1], Offset.NONE),
        price=finite(order.limit_price),
        volume=order.volume_total_original,
        traded=order.volume_traded,
        status=Status.REJECTED if is_rejected(order) else _STATUS.get(order.order_status, Status.CANCELLED),
        datetime=moment(order.insert_date or order.trading_day, order.insert_time),
    )


def trade_data(gateway: str, name: OrderName, trade: ctp.Trade) -> TradeData | None:
    """What vn.py shows of a trade; None for an exchange it does not know."""
    exchange, side = EXCHANGES.get(trade.exchange_id), _side(trade.direction)
    if exchange is None or side is None:
        return None
    return TradeData(
        gateway_name=gateway,
        symbol=trade.instrument_id,
        exchange=exchange,
        orderid=name.orderid,
        tradeid=trade_id(trade),
        direction=side,
        offset=_OFFSETS_SHOWN.get(chr(trade.offset_flag), Offset.NONE),
        price=finite(trade.price),
        volume=trade.volume,
        datetime=moment(trade.trade_date or trade.trading_day, trade.trade_time),
    )


def moment(date: str, time: str) -> datetime:
    """Date and time of a notice in China; now, where the counter left one of them out."""
    try:
        return datetime.strptime(f"{date.strip()} {time.strip()}", "%Y%m%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return datetime.now(CHINA)


def _side(direction: enums.Direction) -> Direction | None:
    return {number: side for side, number in _SIDES.items()}.get(direction)


def _type_of(order: ctp.Order) -> OrderType:
    """The nearest of vn.py's kinds: other programs send kinds that it has no word for."""
    if order.order_price_type != enums.ORDER_PRICE_TYPE_LIMIT_PRICE:
        return OrderType.MARKET
    if order.time_condition != enums.TIME_CONDITION_IOC:
        return OrderType.LIMIT
    return OrderType.FOK if order.volume_condition == enums.VOLUME_CONDITION_CV else OrderType.FAK
