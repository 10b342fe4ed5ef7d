"""In which order one terminal gets the notices of its investor.

The counter may send a trade before the order it belongs to, and states more than once (CTP fact 72). A terminal never gets a trade of an order it has not
seen: the trade waits, for a time. Repetitions were sorted out before.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ctpabi.catalog import Callback
from relay.counter.ctp.lanes.event_keys import EventKeys

OrderKey = tuple[bytes, bytes]
"""ExchangeID, OrderSysID; a trade may leave ExchangeID empty and then waits for any order of that number"""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """What is remembered of one trading day, and how long a trade waits for its order."""

    orders: int = 200_000
    """beyond it nobody can tell which orders were delivered, and trades wait no longer"""
    held: int = 1_000
    """trades waiting; beyond it the oldest is let go without its order"""
    hold_seconds: float = 5.0
    """an order that has not come by then is not shown to this terminal, so its trade is let go"""


class Notice:
    """One notice as the counter sent it. Never changed."""

    __slots__ = ("body", "callback", "error_id", "error_msg")

    def __init__(self, callback: Callback, body: bytes, error_id: int = 0, error_msg: bytes = b"") -> None:
        """`error_msg` is GB18030, without the terminating NUL."""
        self.callback = callback
        self.body = body
        self.error_id = error_id
        self.error_msg = error_msg

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Notice) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)

    @property
    def _all(self) -> tuple[Callback, bytes, int, bytes]:
        return self.callback, self.body, self.error_id, self.error_msg


class Delivery:
    """What one terminal session waits for."""

    def __init__(self, limits: DeliveryLimits | None = None) -> None:
        self._limits = limits or DeliveryLimits()
        self._orders: set[OrderKey] = set()
        self._held: OrderedDict[OrderKey, list[tuple[float, Notice]]] = OrderedDict()
        self.held = 0
        """how many trades wait for their orders"""

    @property
    def due_at(self) -> float | None:
        """When the trade waiting longest is let go; None where none waits."""
        waits = [waiting[0][0] for waiting in self._held.values()]
        return min(waits) + self._limits.hold_seconds if waits else None

    def accept(self, notice: Notice, keys: EventKeys, now: float) -> list[Notice]:
        """What the terminal gets because of this notice, in order; empty where it must wait. `keys` are the notice's."""
        name = notice.callback.name
        if name == "OnRtnTrade":
            return self._accept_trade(notice, keys, now)
        if name != "OnRtnOrder" or not keys.number:
            return [notice]
        key = keys.exchange, keys.plain_number
        if not key[1]:
            return [notice]
        nowhere = b"", key[1]
        if key not in self._orders and not self._full:
            self._orders.add(key)
            self._orders.add(nowhere)
        if not self.held:
            return [notice]
        return [notice, *self._let_go(key), *self._let_go(nowhere)]

    def release(self, now: float) -> list[Notice]:
        """The trades that waited long enough, in the order they came."""
        oldest = now - self._limits.hold_seconds
        due = [key for key, waiting in self._held.items() if waiting[0][0] <= oldest]
        return [notice for key in due for notice in self._let_go(key)]

    def start_day(self) -> None:
        """A new trading day: its numbers start anew."""
        self._orders.clear()
        self._held.clear()
        self.held = 0

    def _accept_trade(self, notice: Notice, keys: EventKeys, now: float) -> list[Notice]:
        key = keys.exchange, keys.plain_number
        if not key[1] or key in self._orders or self._full:
            return [notice]
        self._held.setdefault(key, []).append((now, notice))
        self.held += 1
        return self._let_go(next(iter(self._held))) if self.held > self._limits.held else []

    @property
    def _full(self) -> bool:
        return len(self._orders) >= 2 * self._limits.orders  # each has two keys

    def _let_go(self, key: OrderKey) -> list[Notice]:
        waiting = self._held.pop(key, [])
        self.held -= len(waiting)
        return [notice for _, notice in waiting]
