"""One instrument's market: its book, the house that keeps it liquid, last price and volume.

The house quotes five levels on both sides of a center price and refills them before every order, except where
a level would cross what somebody left in the book. Moving the center makes the market move through resting orders.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from simcounter.trading.book import Book, BookSide, Fill, Resting
from simcounter.trading.instruments import Instrument

LEVELS = 5
HOUSE = 0
"""the key of the house's orders in the book"""


@dataclass(slots=True)
class Turnover:
    """Today's trading in one instrument."""

    volume: int = 0
    amount: float = 0.0
    high_ticks: int = 0
    low_ticks: int = 0
    open_ticks: int = 0


class Market:
    def __init__(self, instrument: Instrument, seed: int, *, liquid: bool) -> None:
        self.instrument = instrument
        self.book = Book()
        self.last_ticks = instrument.reference_ticks
        self.today = Turnover()
        self.is_open = True
        self._liquid = liquid
        self._center = instrument.reference_ticks
        self._random = random.Random(f"{seed}/{instrument.instrument_id}")
        self._house: dict[tuple[BookSide, int], Resting] = {}
        self._sizes = [self._random.randint(20, 100) for _ in range(2 * LEVELS)]
        self._thin: dict[tuple[BookSide, int], int] = {}
        """levels to bring back -> their full size; those that would cross stay here"""
        self._thin_all()
        self.refill()

    def _thin_all(self) -> None:
        for level in range(1, LEVELS + 1):
            self._thin[BookSide.BUY, self._center - level] = self._sizes[level - 1]
            self._thin[BookSide.SELL, self._center + level] = self._sizes[-level]

    def refill(self) -> None:
        """Brings every thinned level of the house back to its full size."""
        if not self._liquid or not self._thin:
            return
        self._thin = {
            (side, ticks): size for (side, ticks), size in self._thin.items() if not self._quote(side, ticks, size)
        }

    def _quote(self, side: BookSide, ticks: int, size: int) -> bool:
        """Whether the level stands now; it does not while it would cross a resting order."""
        facing = self.book.best(side.opposite)
        if facing is not None and side.accepts(ticks, facing):
            return False
        standing = self._house.get((side, ticks))
        if standing is not None and standing.volume > 0:
            self.book.resize(standing, size)
        else:
            self._house[side, ticks] = Resting(HOUSE, side, ticks, size)
            self.book.rest(self._house[side, ticks])
        return True

    def trade(self, side: BookSide, limit: int, volume: int) -> list[Fill]:
        """Matches an incoming order; the caller rests or cancels what remains."""
        fills = self.book.match(side, limit, volume)
        for fill in fills:
            self._count(fill)
            if fill.key == HOUSE:
                self._thin_out(side.opposite, fill.ticks)
        return fills

    def _thin_out(self, side: BookSide, ticks: int) -> None:
        level = abs(ticks - self._center)
        self._thin[side, ticks] = self._sizes[level - 1] if side is BookSide.BUY else self._sizes[-level]

    def _count(self, fill: Fill) -> None:
        today = self.today
        self.last_ticks = fill.ticks
        if not today.volume:
            today.open_ticks = today.high_ticks = today.low_ticks = fill.ticks
        today.volume += fill.volume
        today.amount += self.instrument.turnover(fill.ticks, fill.volume)
        today.high_ticks = max(today.high_ticks, fill.ticks)
        today.low_ticks = min(today.low_ticks, fill.ticks)

    def move(self, ticks: int) -> list[tuple[BookSide, Fill]]:
        """Moves the center; returns what the house traded against resting orders on the way, with its side."""
        for resting in self._house.values():
            if resting.volume > 0:
                self.book.cancel(resting)
        self._house.clear()
        self._thin.clear()
        self._center = ticks
        self._thin_all()
        traded: list[tuple[BookSide, Fill]] = []
        for side, limit in ((BookSide.SELL, ticks), (BookSide.BUY, ticks)):
            volume = self.book.available(side, limit)
            traded += [(side, fill) for fill in self.trade(side, limit, volume)]
        self.last_ticks = ticks
        self.refill()
        return traded


@dataclass(slots=True)
class Markets:
    """All markets, by InstrumentID."""

    instruments: dict[str, Instrument]
    seed: int
    liquid: bool
    by_id: dict[str, Market] = field(init=False)

    def __post_init__(self) -> None:
        self.by_id = {
            name: Market(instrument, self.seed, liquid=self.liquid) for name, instrument in self.instruments.items()
        }

    def last_ticks(self, instrument_id: str) -> int:
        return self.by_id[instrument_id].last_ticks
