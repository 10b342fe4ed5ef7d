"""In which order, and how often, one terminal gets the notices of its investor.

The counter replays the trading day after every reconnect (RESTART), repeats order states, and may send a trade
before the order it belongs to (DOMAIN 1.9, 6). A terminal gets each state once, and never a trade of an order it
has not seen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from ctpabi.catalog import Callback, Catalog, Shape, Struct
from relay.domain.cells import TextCell, text_cell

_ANSWERS = frozenset({"OnRtnCFMMCTradingAccountToken"})
"""Notices that answer a request: asked again, the same answer comes again and is wanted."""

OrderKey = tuple[bytes, bytes]
"""ExchangeID, OrderSysID"""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """What is remembered of one trading day, and how long a trade waits for its order."""

    remembered: int = 200_000
    """states; beyond it the oldest may be delivered a second time by a replay"""
    held: int = 1_000
    """trades waiting; beyond it the oldest is let go without its order"""
    hold_seconds: float = 5.0
    """an order that has not come by then was never sent to this session (topic QUICK), so its trade is let go"""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice on its way to a terminal."""

    callback: Callback
    body: bytes
    error_id: int = 0
    error_msg: bytes = b""
    """GB18030, without the terminating NUL"""


@dataclass(frozen=True, slots=True)
class _TradeCells:
    exchange: TextCell
    system_id: TextCell
    trade_id: TextCell
    direction: TextCell


class Delivery:
    """What one terminal session has had."""

    def __init__(
        self, catalog: Catalog, show: Callable[[Callback, bytes], bytes], limits: DeliveryLimits | None = None
    ) -> None:
        """`show` is `Lanes.show`: a trade that waited is shown by what is known of its order when it is let go."""
        self._limits = limits or DeliveryLimits()
        self._show = show
        self._trade = _trade_cells(catalog.structs["Trade"])
        self._order = _order_cells(catalog.structs["Order"])
        self._had: OrderedDict[object, None] = OrderedDict()
        self._orders: set[OrderKey] = set()
        self._held: OrderedDict[OrderKey, list[tuple[float, Notice]]] = OrderedDict()
        self._held_count = 0

    @property
    def held(self) -> int:
        """Trades waiting for their orders."""
        return self._held_count

    @property
    def due_at(self) -> float | None:
        """When the trade waiting longest is let go; None where none waits."""
        waits = [waiting[0][0] for waiting in self._held.values()]
        return min(waits) + self._limits.hold_seconds if waits else None

    def accept(self, notice: Notice, now: float) -> list[Notice]:
        """What the terminal gets because of this notice, in order; empty where it has it already or must wait."""
        if notice.callback.name == "OnRtnTrade":
            return self._accept_trade(notice, now)
        if not self._first_time(self._identity(notice)):
            return []
        if notice.callback.name != "OnRtnOrder":
            return [notice]
        exchange, system_id = self._order
        key = exchange.read(notice.body), system_id.read(notice.body)
        if not key[1]:
            return [notice]
        if not self._full:
            self._orders.add(key)
        return [notice, *self._let_go(key)]

    def release(self, now: float) -> list[Notice]:
        """The trades that waited long enough, in the order they came."""
        oldest = now - self._limits.hold_seconds
        due = [key for key, waiting in self._held.items() if waiting[0][0] <= oldest]
        return [notice for key in due for notice in self._let_go(key)]

    def start_day(self) -> None:
        """A new trading day: its numbers start anew."""
        self._had.clear()
        self._orders.clear()
        self._held.clear()
        self._held_count = 0

    def _accept_trade(self, notice: Notice, now: float) -> list[Notice]:
        cells, body = self._trade, notice.body
        exchange, system_id = cells.exchange.read(body), cells.system_id.read(body)
        if not self._first_time((exchange, cells.trade_id.read(body), cells.direction.read(body))):
            return []
        key = exchange, system_id
        if not system_id or key in self._orders or self._full:
            return [notice]
        self._held.setdefault(key, []).append((now, notice))
        self._held_count += 1
        return self._let_go(next(iter(self._held))) if self._held_count > self._limits.held else []

    @property
    def _full(self) -> bool:
        """Too many orders to tell which were delivered: trades wait no longer."""
        return len(self._orders) >= self._limits.remembered

    def _let_go(self, key: OrderKey) -> list[Notice]:
        waiting = self._held.pop(key, [])
        self._held_count -= len(waiting)
        return [replace(n, body=self._show(n.callback, n.body)) for _, n in waiting]

    def _identity(self, notice: Notice) -> object:
        if notice.callback.name in _ANSWERS or notice.callback.shape not in {Shape.NOTICE, Shape.ERROR_NOTICE}:
            return None
        return notice.callback.slot, notice.error_id, hash(notice.body)

    def _first_time(self, identity: object) -> bool:
        if identity is None:
            return True
        if identity in self._had:
            return False
        self._had[identity] = None
        if len(self._had) > self._limits.remembered:
            self._had.popitem(last=False)
        return True


def _cells(struct: Struct, *names: str) -> tuple[TextCell, ...]:
    cells = tuple(cell for name in names if (cell := text_cell(struct, name)) is not None)
    if len(cells) != len(names):
        raise ValueError(f"{struct.name} lacks one of {names}")
    return cells


def _trade_cells(struct: Struct) -> _TradeCells:
    return _TradeCells(*_cells(struct, "ExchangeID", "OrderSysID", "TradeID", "Direction"))


def _order_cells(struct: Struct) -> tuple[TextCell, TextCell]:
    exchange, system_id = _cells(struct, "ExchangeID", "OrderSysID")
    return exchange, system_id
