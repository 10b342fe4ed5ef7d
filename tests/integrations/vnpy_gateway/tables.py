"""vn.py's objects from CTP's messages, for the cases that need no relay; a program of vn.py's environment that says what comes out."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

Path(".vntrader").mkdir(exist_ok=True)  # vn.py looks for it when it is imported

from ctprelay.ctp.v1 import enums_pb2 as enums  # noqa: E402
from ctprelay.ctp.v1 import structs_pb2 as ctp  # noqa: E402
from vnpy_relay.holdings import Positions, contract_data  # noqa: E402
from vnpy_relay.names import OrderName  # noqa: E402
from vnpy_relay.orders import CHINA, order_data, trade_data  # noqa: E402
from vnpy_relay.quotes import tick_data, time_of  # noqa: E402

LARGEST = 1.7976931348623157e308
RB = ctp.Instrument(
    instrument_id="rb2701",
    exchange_id="SHFE",
    instrument_name="螺纹钢2701",
    product_class=enums.PRODUCT_CLASS_FUTURES,
    volume_multiple=10,
    price_tick=1.0,
)
NIGHT = datetime(2026, 11, 27, 21, 30, tzinfo=CHINA)  # a Friday: its trading day is Monday


def tick() -> list[Any]:
    contract = contract_data("RELAY", RB)
    assert contract is not None
    depth = ctp.DepthMarketData(instrument_id="rb2701", update_time="21:30:00", last_price=3501.0, ask_price1=LARGEST)
    depth.bid_price5, depth.bid_volume5 = 3496.0, 7
    shown = tick_data("RELAY", depth, contract, NIGHT)
    depth.update_time = ""
    assert shown is not None
    return [
        shown.vt_symbol,
        shown.name,
        shown.last_price,
        shown.ask_price_1,
        shown.bid_price_5,
        shown.bid_volume_5,
        tick_data("RELAY", depth, contract, NIGHT),
    ]


def times() -> list[str]:
    days = [("20261127", "21:29:59"), ("20261130", "21:29:59"), ("", "21:29:59"), ("20261127", "15:00:00")]
    after_midnight = datetime(2026, 11, 28, 0, 10, tzinfo=CHINA)
    shown = [time_of(ctp.DepthMarketData(action_day=day, update_time=time), NIGHT) for day, time in days]
    shown.append(time_of(ctp.DepthMarketData(update_time="23:59:59", update_millisec=500), after_midnight))
    return [str(one)[:23] for one in shown]


def strange_orders() -> list[Any]:
    """What other programs and the exchange make of orders; none may end vn.py's event thread."""
    name = OrderName(1, -2, 3)
    order = ctp.Order(instrument_id="rb2701", exchange_id="SHFE", direction=enums.DIRECTION_SELL)
    order.comb_offset_flag, order.order_status = "2", enums.ORDER_STATUS_NO_TRADE_NOT_QUEUEING
    order.order_price_type = enums.ORDER_PRICE_TYPE_BEST_PRICE
    forced = order_data("RELAY", name, order)
    order.exchange_id = "NYSE"
    trade = ctp.Trade(exchange_id="SHFE", direction=enums.DIRECTION_BUY, price=LARGEST, trade_time="")
    traded = trade_data("RELAY", name, trade)
    assert forced is not None
    assert traded is not None
    shown = [forced.orderid, forced.offset.name, forced.status.name, forced.type.name, forced.datetime is not None]
    return [*shown, order_data("RELAY", name, order), traded.price, traded.datetime is not None]


def positions() -> list[Any]:
    """Today's and yesterday's record of one side together; what is gone is zero."""
    contract = contract_data("RELAY", RB)
    assert contract is not None
    long = {"instrument_id": "rb2701", "posi_direction": enums.POSI_DIRECTION_LONG}
    today: Any = {**long, "position": 2, "today_position": 2, "position_cost": 70000.0, "short_frozen": 1}
    yesterday: Any = {**long, "position": 1, "yd_position": 1, "position_cost": 34000.0}
    rows = [
        ctp.InvestorPosition(**today, position_date=enums.POSITION_DATE_TODAY),
        ctp.InvestorPosition(**yesterday, position_date=enums.POSITION_DATE_HISTORY),
        ctp.InvestorPosition(instrument_id="unknown", posi_direction=enums.POSI_DIRECTION_LONG, position=1),
    ]
    held = Positions("RELAY")
    answers = [held.take(rows, {"rb2701": contract}), held.take([], {"rb2701": contract})]
    return [[one.volume, one.yd_volume, one.frozen, round(one.price, 2)] for answer in answers for one in answer]


if __name__ == "__main__":
    cases = {case.__name__: case() for case in (tick, times, strange_orders, positions)}
    sys.stdout.write(json.dumps(cases, ensure_ascii=False) + "\n")
