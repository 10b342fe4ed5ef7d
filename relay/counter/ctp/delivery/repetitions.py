"""Which notices of a trading day came before: the counter sends the whole day again after every break (CTP fact 70).

A notice is known by the counter's own bytes, never by what a terminal is shown: two refusals may look the same there.
A trade is known by what makes it one (CTP fact 73), because a repetition may differ in other fields. After the counter clears its
flow within the day it sends every order again under another FrontID, SessionID and reference. What a terminal of ours
sent is shown under the terminal's own, so that is known without the counter's names, by the exchange's numbers;
another program's has no other name than the counter's, so the new one is news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Final

from ctpabi.catalog import Catalog, Shape, Struct
from ctpabi.codec.cells import TextCell, text_cell, text_cells
from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.lanes.refs import RefPlaces, ref_places

_REMEMBERED: Final = 2_000_000
_ANSWERS: Final = frozenset({"OnRtnCFMMCTradingAccountToken"})
"""Notices that answer a request: asked again, the same answer comes again and is wanted."""
_TRADE: Final = ("ExchangeID", "TradeID", "Direction", "OrderSysID", "InstrumentID")
"""Both sides of a self-trade have one TradeID, and so have both legs of a combination."""
_RELATIVE: Final = "RelativeOrderSysID"


class NoticeNames:
    """What the notices of one catalog are known by; made once at the start, for all sessions."""

    def __init__(self, catalog: Catalog) -> None:
        self.trade = text_cells(catalog.structs["Trade"], *_TRADE)
        self.trade_slot = catalog.callbacks["OnRtnTrade"].slot
        of_notices = (c for c in catalog.callbacks.values() if c.shape is Shape.NOTICE or c.shape is Shape.ERROR_NOTICE)
        self.repeated = frozenset(c.slot for c in of_notices if c.name not in _ANSWERS)
        returns = {c.slot: catalog.structs[c.struct] for c in catalog.callbacks.values() if c.shape is Shape.NOTICE}
        self.by_exchange = {
            slot: (places, _rest(struct, places))
            for slot, struct in returns.items()
            if (places := ref_places(struct)) is not None and places.keyed
        }
        """of what the exchange may name: where it does, and what reads the rest of it"""


class Repetitions:
    """The identities of one counter session's notices, for one trading day.

    Bounded: they are kept in two halves, and when the younger is full the older is forgotten. A replay may then
    bring the oldest a second time.
    """

    def __init__(self, names: NoticeNames, remembered: int = _REMEMBERED) -> None:
        self._trade, self._trade_slot = names.trade, names.trade_slot
        self._repeated, self._names = names.repeated, names.by_exchange
        self._half = max(1, remembered // 2)
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def first_time(self, notice: Notice, *, ours: bool = False) -> bool:
        """Whether this is no repetition; it is remembered. `ours`: a terminal of this relay sent what it tells of."""
        identities, young, old = self._identities(notice, ours=ours), self._young, self._old
        if not identities:
            return True
        name, before = identities[0], identities[1:]
        if name in young or name in old:
            return False
        is_first = not any(one in young or one in old for one in before) if before else True
        young.add(name)
        if len(young) >= self._half:
            self._old, self._young = young, set()
        return is_first

    def start_day(self) -> None:
        """A new trading day: its numbers start anew."""
        self._young, self._old = set(), set()

    def _identities(self, notice: Notice, *, ours: bool) -> tuple[int, ...]:
        """What it is known by, and what it was known by if it came before we knew that it is ours."""
        slot, body = notice.callback.slot, notice.body
        if slot not in self._repeated:
            return ()
        if slot == self._trade_slot:
            return (hash(tuple([cell.read(body) for cell in self._trade])),)
        as_sent = hash((slot, notice.error_id, body))
        named = self._names.get(slot) if ours else None
        if named is None or not _is_named_by_exchange(named[0], body):
            return (as_sent,)
        return hash((slot, named[1](body))), as_sent


def _is_named_by_exchange(places: RefPlaces, body: bytes) -> bool:
    """Whether it has the exchange's number, or that of the way there."""
    if not _has(places.exchange, body):
        return False
    return _has(places.system_id, body) or (_has(places.trader, body) and _has(places.local_id, body))


def _has(cell: TextCell | None, body: bytes) -> bool:
    return cell is not None and body[cell.start] != 0


def _rest(struct: Struct, places: RefPlaces) -> Callable[[bytes], tuple[bytes, ...]]:
    """What reads all but FrontID, SessionID, reference, RequestID and RelativeOrderSysID: the stretches between them."""
    numbers = [(cell.start, cell.start + 4) for cell in (places.front, places.session, places.request_id) if cell]
    texts = [cell for cell in (places.ref, text_cell(struct, _RELATIVE)) if isinstance(cell, TextCell)]
    left_out = sorted(numbers + [(cell.start, cell.stop) for cell in texts])
    starts, ends = [0, *(end for _, end in left_out)], [*(start for start, _ in left_out), struct.size]
    stretches: Iterable[Any] = map(slice, starts, ends)
    return itemgetter(*stretches)
