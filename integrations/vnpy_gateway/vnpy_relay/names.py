"""What orders and trades are called in vn.py: names that are made here, and are the same after every reconnect.

An order's name is the relay's own: FrontID and SessionID of the terminal session that sent it, and its reference. The
relay keeps showing an order under it, also after the relay was restarted, so an id is read from any notice. Nothing in an id
contains a point: vn.py divides ids there.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ctprelay.ctp.v1 import structs_pb2 as ctp

_ORDER_ID = re.compile(r"(-?\d{1,10})_(-?\d{1,10})_(\d{1,12})")


@dataclass(frozen=True, slots=True)
class OrderName:
    """One order: the session that sent it, and its number there."""

    front: int
    session: int
    ref: int

    @property
    def orderid(self) -> str:
        return f"{self.front}_{self.session}_{self.ref}"


def order_name(orderid: str) -> OrderName | None:
    """The order an id names; None where it is none of ours."""
    parts = _ORDER_ID.fullmatch(orderid)
    return OrderName(*map(int, parts.groups())) if parts else None


def number_of(order_ref: str) -> int:
    """A reference as a number; 0 where it is none."""
    text = order_ref.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else 0


def name_of(order: ctp.Order) -> OrderName:
    """The order a notice is about."""
    return OrderName(order.front_id, order.session_id, number_of(order.order_ref))


def trade_id(trade: ctp.Trade) -> str:
    """One side of one trade. The exchange's number is unique for a day and an exchange, and both sides of it have the same."""
    return f"{trade.trading_day}_{trade.exchange_id}_{trade.trade_id.strip()}_{trade.direction - ord('0')}".replace(
        ".", "-"
    )


def finite(number: float) -> float:
    """A price or amount for vn.py: 0 where the counter has none, or what is no number."""
    return number if math.isfinite(number) and abs(number) < 1e300 else 0.0
