"""Which notices of a trading day came before: the counter sends the whole day again after every break.

A notice is known by the counter's own bytes, never by what a terminal is shown: two refusals may look the same there.
A trade is known by what makes it one, because a repetition may differ in other fields.
"""

from __future__ import annotations

from ctpabi.catalog import Callback, Catalog, Shape
from relay.domain.cells import text_cells
from relay.domain.delivery import Notice

_REMEMBERED = 2_000_000
_ANSWERS = frozenset({"OnRtnCFMMCTradingAccountToken"})
"""Notices that answer a request: asked again, the same answer comes again and is wanted."""
_TRADE = ("ExchangeID", "TradeID", "Direction", "OrderSysID", "InstrumentID")
"""Both sides of a self-trade have one TradeID, and so have both legs of a combination."""


class Repetitions:
    """The identities of one counter session's notices, for one trading day.

    Bounded: they are kept in two halves, and when the younger is full the older is forgotten. A replay may then
    bring the oldest a second time.
    """

    def __init__(self, catalog: Catalog, remembered: int = _REMEMBERED) -> None:
        self._trade = text_cells(catalog.structs["Trade"], *_TRADE)
        self._half = max(1, remembered // 2)
        self._young: set[object] = set()
        self._old: set[object] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def first_time(self, notice: Notice) -> bool:
        """Whether this is no repetition; it is remembered."""
        identity = self._identity(notice)
        if identity is None:
            return True
        if identity in self._young or identity in self._old:
            return False
        self._young.add(identity)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()
        return True

    def start_day(self) -> None:
        """A new trading day: its numbers start anew."""
        self._young, self._old = set(), set()

    def _identity(self, notice: Notice) -> object:
        callback: Callback = notice.callback
        if callback.name in _ANSWERS or callback.shape not in {Shape.NOTICE, Shape.ERROR_NOTICE}:
            return None
        if callback.name == "OnRtnTrade":
            return hash(tuple(cell.read(notice.body) for cell in self._trade))
        return hash((callback.slot, notice.error_id, notice.body))
