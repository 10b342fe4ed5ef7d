"""Ticks as vn.py shows them."""

from __future__ import annotations

import contextlib
from datetime import date, datetime, time, timedelta

from vnpy.trader.object import ContractData, TickData

from ctprelay.ctp.v1 import structs_pb2 as ctp
from vnpy_relay.names import finite
from vnpy_relay.orders import CHINA

_LEVELS = range(1, 6)
_AHEAD, _HALF_A_DAY = timedelta(hours=1), timedelta(hours=12)


def tick_data(gateway: str, depth: ctp.DepthMarketData, contract: ContractData, now: datetime) -> TickData | None:
    """One tick; None where it says no time. Prices that have no value are 0, as vn.py's charts and strategies expect."""
    at = time_of(depth, now)
    if at is None:
        return None
    tick = TickData(
        gateway_name=gateway,
        symbol=contract.symbol,
        exchange=contract.exchange,
        datetime=at,
        name=contract.name,
        volume=depth.volume,
        turnover=finite(depth.turnover),
        open_interest=finite(depth.open_interest),
        last_price=finite(depth.last_price),
        limit_up=finite(depth.upper_limit_price),
        limit_down=finite(depth.lower_limit_price),
        open_price=finite(depth.open_price),
        high_price=finite(depth.highest_price),
        low_price=finite(depth.lowest_price),
        pre_close=finite(depth.pre_close_price),
        localtime=now,
    )
    for level in _LEVELS:
        for side in ("bid", "ask"):
            setattr(tick, f"{side}_price_{level}", finite(getattr(depth, f"{side}_price{level}")))
            setattr(tick, f"{side}_volume_{level}", getattr(depth, f"{side}_volume{level}"))
    return tick


def time_of(depth: ctp.DepthMarketData, now: datetime) -> datetime | None:
    """When it was, in China; None where it says no time.

    The exchanges mean different things by the day: in the night one writes the day that it is, another the trading day, which is still to
    come; a third writes none. A day that is still to come, or none, is the one that brings the time nearest to now.
    """
    try:
        clock = time.fromisoformat(depth.update_time.strip())
    except ValueError:
        return None
    after = timedelta(milliseconds=depth.update_millisec)
    with contextlib.suppress(ValueError):
        at = datetime.combine(date.fromisoformat(depth.action_day), clock, CHINA) + after
        if at - now <= _AHEAD:
            return at
    at = datetime.combine(now.date(), clock, CHINA) + after
    if at - now > _HALF_A_DAY:
        return at - timedelta(days=1)
    return at + timedelta(days=1) if now - at > _HALF_A_DAY else at
