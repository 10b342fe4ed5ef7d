"""The subscription book: which reader wants what of which instrument, and what the counter is asked for therefore.

The counter is asked once for an instrument, by its first reader, and no more when its last one has gone. What holds between two
calls: an instrument is in `_readers` exactly while it has a reader, and each reader's own list agrees with that.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from relay.counter.market_port import FeedKind
from relay.refusals import market_reasons
from relay.refusals.refusal import Refusal

R = TypeVar("R", bound=Hashable)
MAX_NAME_BYTES = 80


@dataclass(slots=True)
class BookBounds:
    """Instruments, of each feed."""

    of_a_reader: int
    in_all: int


@dataclass(slots=True)
class BookChange:
    """What a subscription changed."""

    added: list[str] = field(default_factory=list)
    """that the reader did not have before"""
    first: list[str] = field(default_factory=list)
    """of these, those that have their first reader"""
    refused: dict[str, Refusal] = field(default_factory=dict)


class SubscriptionBook(Generic[R]):
    """Pure."""

    def __init__(self, bounds: BookBounds) -> None:
        self.bounds = bounds
        self._readers: dict[FeedKind, dict[str, dict[R, None]]] = {kind: {} for kind in FeedKind}
        self._of: dict[FeedKind, dict[R, dict[str, None]]] = {kind: {} for kind in FeedKind}

    def readers(self, kind: FeedKind, instrument_id: str) -> Collection[R]:
        """Those that want it."""
        return self._readers[kind].get(instrument_id, ())

    def count(self, kind: FeedKind) -> int:
        """Instruments with a reader."""
        return len(self._readers[kind])

    def count_of(self, kind: FeedKind, reader: R) -> int:
        """Instruments of this reader."""
        return len(self._of[kind].get(reader, ()))

    def subscribe(self, kind: FeedKind, reader: R, instrument_ids: Iterable[str]) -> BookChange:
        """Enter a reader; those it has already change nothing."""
        change, readers = BookChange(), self._readers[kind]
        mine = self._of[kind].setdefault(reader, {})
        for name in instrument_ids:
            if name in mine:
                continue
            refusal = self._why_not(kind, name, len(mine))
            if refusal is not None:
                change.refused[name] = refusal
                continue
            if name not in readers:
                change.first.append(name)
            readers.setdefault(name, {})[reader] = None
            mine[name] = None
            change.added.append(name)
        if not mine:
            del self._of[kind][reader]
        return change

    def unsubscribe(self, kind: FeedKind, reader: R, instrument_ids: Iterable[str]) -> list[str]:
        """Strike a reader out; returns the instruments that have no reader any more."""
        mine, gone = self._of[kind].get(reader, {}), []
        for name in instrument_ids:
            if name in mine:
                del mine[name]
                gone += self._strike(kind, name, reader)
        if not mine:
            self._of[kind].pop(reader, None)
        return gone

    def leave(self, reader: R) -> dict[FeedKind, list[str]]:
        """A reader is gone; returns of each feed the instruments that have no reader any more."""
        return {kind: self.unsubscribe(kind, reader, list(self._of[kind].get(reader, ()))) for kind in FeedKind}

    def end(self, kind: FeedKind, instrument_id: str) -> list[R]:
        """Nothing will come of this one; returns those that wanted it."""
        readers = list(self._readers[kind].get(instrument_id, ()))
        for reader in readers:
            self.unsubscribe(kind, reader, [instrument_id])
        return readers

    def _strike(self, kind: FeedKind, name: str, reader: R) -> list[str]:
        readers = self._readers[kind][name]
        del readers[reader]
        if readers:
            return []
        del self._readers[kind][name]
        return [name]

    def _why_not(self, kind: FeedKind, name: str, mine: int) -> Refusal | None:
        if not 0 < len(name) <= MAX_NAME_BYTES or not name.isascii() or not name.isprintable():
            return market_reasons.instrument_malformed()
        if mine >= self.bounds.of_a_reader:
            return market_reasons.too_many_instruments(most=self.bounds.of_a_reader)
        if name not in self._readers[kind] and len(self._readers[kind]) >= self.bounds.in_all:
            return market_reasons.market_data_full(most=self.bounds.in_all)
        return None
