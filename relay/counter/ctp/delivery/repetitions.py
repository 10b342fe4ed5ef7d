"""Which notices of a trading day came before: the counter sends the whole day again after every break (CTP fact 70).

A notice is known by the counter's own bytes, never by what a terminal is shown: two refusals may look the same there.
A trade is known by what makes it one (CTP fact 73), because a repetition may differ in other fields. After the counter clears its
flow within the day it sends every order again under another FrontID, SessionID and reference. What a terminal of ours
sent is shown under the terminal's own, so that is known without the counter's names, by the exchange's numbers;
another program's has no other name than the counter's, so the new one is news.
"""

from __future__ import annotations

from ctpabi.catalog import Callback, Catalog, Shape
from ctpabi.codec.cells import TextCell, text_cell, text_cells
from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.lanes.refs import RefPlaces, ref_places, write_ref

_REMEMBERED = 2_000_000
_ANSWERS = frozenset({"OnRtnCFMMCTradingAccountToken"})
"""Notices that answer a request: asked again, the same answer comes again and is wanted."""
_TRADE = ("ExchangeID", "TradeID", "Direction", "OrderSysID", "InstrumentID")
"""Both sides of a self-trade have one TradeID, and so have both legs of a combination."""
_RELATIVE = "RelativeOrderSysID"


class Repetitions:
    """The identities of one counter session's notices, for one trading day.

    Bounded: they are kept in two halves, and when the younger is full the older is forgotten. A replay may then
    bring the oldest a second time.
    """

    def __init__(self, catalog: Catalog, remembered: int = _REMEMBERED) -> None:
        self._trade = text_cells(catalog.structs["Trade"], *_TRADE)
        returns = {c.slot: catalog.structs[c.struct] for c in catalog.callbacks.values() if c.shape is Shape.NOTICE}
        self._places = {slot: (ref_places(struct), text_cell(struct, _RELATIVE)) for slot, struct in returns.items()}
        self._half = max(1, remembered // 2)
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def first_time(self, notice: Notice, *, ours: bool = False) -> bool:
        """Whether this is no repetition; it is remembered. `ours`: a terminal of this relay sent what it tells of."""
        identities = self._identities(notice, ours=ours)
        if not identities:
            return True
        known = [one in self._young or one in self._old for one in identities]
        if not known[0]:
            self._young.add(identities[0])
            if len(self._young) >= self._half:
                self._old, self._young = self._young, set()
        return not any(known)

    def start_day(self) -> None:
        """A new trading day: its numbers start anew."""
        self._young, self._old = set(), set()

    def _identities(self, notice: Notice, *, ours: bool) -> tuple[int, ...]:
        """What it is known by, and what it was known by if it came before we knew that it is ours."""
        callback: Callback = notice.callback
        if callback.name in _ANSWERS or callback.shape not in {Shape.NOTICE, Shape.ERROR_NOTICE}:
            return ()
        if callback.name == "OnRtnTrade":
            return (hash(tuple(cell.read(notice.body) for cell in self._trade)),)
        as_sent = hash((callback.slot, notice.error_id, notice.body))
        places, relative = self._places.get(callback.slot, (None, None)) if ours else (None, None)
        if places is None or not _is_named_by_exchange(places, notice.body):
            return (as_sent,)
        return hash((callback.slot, _without_counter_names(places, relative, notice.body))), as_sent


def _is_named_by_exchange(places: RefPlaces, body: bytes) -> bool:
    """Whether it has the exchange's number, or that of the way there."""
    if not places.keyed or places.exchange is None or not places.exchange.read(body):
        return False
    if places.system_id is not None and places.system_id.read(body):
        return True
    if places.trader is None or places.local_id is None:
        return False
    return bool(places.trader.read(body) and places.local_id.read(body))


def _without_counter_names(places: RefPlaces, relative: TextCell | None, body: bytes) -> bytes:
    """The same with FrontID, SessionID, reference, RequestID and RelativeOrderSysID empty."""
    known = bytearray(body)
    for number in (places.front, places.session, places.request_id):
        write_ref(number, known, 0)
    for text in (places.ref, relative):
        if isinstance(text, TextCell):
            text.write(known, b"")
    return bytes(known)
