"""What of the day's orders and trades is news for vn.py, and in which order it may hear it.

The counter's notices come again: at each login the day is replayed, a query repeats them, and a refusal may come in three forms. vn.py's
strategies and its count of positions take every trade they get for a new one, so each is passed on once; an order never goes
back to an earlier state.

* Until the contracts are known everything waits: vn.py counts no position without its contract.
* A trade carries the exchange's number of its order, not the order's name. One whose order is not known waits for the day's orders, which
  are then asked for; after them it is passed on in any case.
* An order of which the relay could not say whether it was sent is in doubt. The day's orders decide: one that is not among them was
  never sent, and is refused here.

No clock, no thread: the session feeds it and does what it wants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from vnpy_relay.names import OrderName, name_of, number_of, trade_id

NEVER_SENT = "委托未到柜台 The order never reached the counter"
_FINAL = 3
_STEPS = {
    enums.ORDER_STATUS_UNKNOWN: 0,
    enums.ORDER_STATUS_NOT_TOUCHED: 1,
    enums.ORDER_STATUS_TOUCHED: 1,
    enums.ORDER_STATUS_NO_TRADE_QUEUEING: 1,
    enums.ORDER_STATUS_PART_TRADED_QUEUEING: 2,
}
"""how far an order is; whatever is not here is its end"""


class OrderWindow(Protocol):
    """Where news of orders and trades go."""

    def show_order(self, name: OrderName, order: ctp.Order) -> None: ...

    def show_trade(self, name: OrderName, trade: ctp.Trade) -> None: ...

    def refuse_order(self, name: OrderName, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Seen:
    """The newest state of an order that was passed on."""

    step: int
    traded: int
    trading_day: str


class Blotter:
    """One investor's orders and trades, over all of his logins."""

    def __init__(self, window: OrderWindow) -> None:
        self.wants_day = False
        """whether the day's orders and trades are to be queried"""
        self._window = window
        self._is_open = False
        self._waiting: list[Callable[[], None]] = []
        self._orders: dict[OrderName, _Seen] = {}
        self._numbered: dict[tuple[str, str], tuple[OrderName, str]] = {}
        self._trades: set[str] = set()
        self._orphans: dict[str, ctp.Trade] = {}
        self._in_doubt: set[OrderName] = set()

    def open(self) -> None:
        """The contracts are known: pass on what waited for them."""
        self._is_open = True
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            work()

    def start_day(self, trading_day: str) -> None:
        """Forget the days before; what is of this day already stays."""
        self._orders = {name: seen for name, seen in self._orders.items() if seen.trading_day == trading_day}
        self._numbered = {key: kept for key, kept in self._numbered.items() if kept[1] == trading_day}
        self._trades = {trade for trade in self._trades if trade.startswith(f"{trading_day}_")}

    def take_order(self, order: ctp.Order) -> None:
        """An order notice, or a row of an answer."""
        if not self._is_open:
            self._waiting.append(lambda: self.take_order(order))
            return
        name = name_of(order)
        number = order.order_sys_id.strip()
        if number:
            self._numbered[order.exchange_id, number] = name, order.trading_day
        self._in_doubt.discard(name)
        seen = _Seen(step_of(order), order.volume_traded, order.trading_day)
        before = self._orders.get(name)
        if before is None or (before.step, before.traded) < (seen.step, seen.traded):
            self._orders[name] = seen
            self._window.show_order(name, order)
        for trade in [one for one in self._orphans.values() if _key(one) == (order.exchange_id, number)]:
            self.take_trade(trade)

    def take_trade(self, trade: ctp.Trade) -> None:
        """A trade notice, or a row of an answer."""
        if not self._is_open:
            self._waiting.append(lambda: self.take_trade(trade))
            return
        found = self._numbered.get(_key(trade))
        if found is None:
            if trade_id(trade) not in self._trades:
                self._orphans[trade_id(trade)] = trade
                self.wants_day = True
            return
        self._pass_on(found[0], trade)

    def refuse(self, name: OrderName, why: str) -> None:
        """The relay or the counter refused it: once, and not where more is known of it."""
        if not self._is_open:
            self._waiting.append(lambda: self.refuse(name, why))
            return
        self._in_doubt.discard(name)
        before = self._orders.get(name)
        if before is None or before.step == 0:
            self._orders[name] = _Seen(_FINAL, 0, "" if before is None else before.trading_day)
            self._window.refuse_order(name, why)

    def doubt(self, name: OrderName) -> None:
        """It is not known whether this order was sent."""
        if name not in self._orders:
            self._in_doubt.add(name)
            self.wants_day = True

    def doubtful(self) -> frozenset[OrderName]:
        """What is in doubt before the day is asked for: a later doubt is for a later answer."""
        return frozenset(self._in_doubt)

    def take_day(
        self, orders: Iterable[ctp.Order], trades: Iterable[ctp.Trade], doubtful: frozenset[OrderName]
    ) -> None:
        """The counter's own word on the whole day, asked for when `doubtful` was all in doubt."""
        for order in orders:
            self.take_order(order)
        for trade in trades:
            self.take_trade(trade)
        for name in doubtful & self._in_doubt:
            self._in_doubt.discard(name)
            # Kept as not seen: should a notice of it come all the same, it is right and this was not.
            self._window.refuse_order(name, NEVER_SENT)
        for trade in list(self._orphans.values()):
            self._pass_on(OrderName(0, 0, number_of(trade.order_ref)), trade)
        self.wants_day = bool(self._in_doubt)

    def _pass_on(self, name: OrderName, trade: ctp.Trade) -> None:
        key = trade_id(trade)
        self._orphans.pop(key, None)
        if key not in self._trades:
            self._trades.add(key)
            self._window.show_trade(name, trade)


def step_of(order: ctp.Order) -> int:
    """How far an order is: sent, at the exchange, partly traded, over."""
    if is_rejected(order):
        return _FINAL
    return _STEPS.get(order.order_status, _FINAL)


def is_rejected(order: ctp.Order) -> bool:
    """Whether the counter or the exchange refused it; a canceled one was accepted before."""
    return order.order_submit_status == enums.ORDER_SUBMIT_STATUS_INSERT_REJECTED


def _key(trade: ctp.Trade) -> tuple[str, str]:
    return trade.exchange_id, trade.order_sys_id.strip()
