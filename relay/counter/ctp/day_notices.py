"""The trading day's order and trade notices of a shared session, for terminals that log in later.

The counter replays the day when the operator logs in, not when a terminal does. Kept as they came, the latest
state of each order and every trade, so that whoever joins gets the same replay a session of its own would give.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from ctpabi.catalog import Callback, Catalog
from relay.domain.cells import IntCell, TextCell, int_cell, text_cell

_LIMIT = 200_000
"""notices kept; the oldest go first, and can still be queried"""

_ORDER_KEY = ("FrontID", "SessionID", "OrderRef")
_TRADE_KEY = ("ExchangeID", "TradeID", "Direction")


class DayNotices:
    """Orders by what names them, trades by what names them, in the order they came."""

    def __init__(self, catalog: Catalog) -> None:
        self._keys = {
            "OnRtnOrder": _cells(catalog, "Order", _ORDER_KEY),
            "OnRtnTrade": _cells(catalog, "Trade", _TRADE_KEY),
        }
        self._investors = {name: text_cell(catalog.structs[name[5:]], "InvestorID") for name in self._keys}
        self._kept: OrderedDict[tuple[object, ...], tuple[bytes, Callback, bytes]] = OrderedDict()

    def keep(self, callback: Callback, body: bytes) -> None:
        """Remember an order's latest state, or a trade; other notices are not replayed by the counter either."""
        cells = self._keys.get(callback.name)
        investor = self._investors.get(callback.name)
        if cells is None or investor is None:
            return
        key = (callback.name, *(cell.read(body) for cell in cells))
        self._kept[key] = investor.read(body), callback, body
        if len(self._kept) > _LIMIT:
            self._kept.popitem(last=False)

    def of(self, investor: bytes) -> Iterator[tuple[Callback, bytes]]:
        """This investor's notices, orders where they first stood."""
        return iter([(callback, body) for owner, callback, body in self._kept.values() if owner == investor])

    def clear(self) -> None:
        self._kept.clear()


def _cells(catalog: Catalog, struct: str, names: tuple[str, ...]) -> tuple[TextCell | IntCell, ...]:
    found = (text_cell(catalog.structs[struct], name) or int_cell(catalog.structs[struct], name) for name in names)
    return tuple(cell for cell in found if cell is not None)
