"""A limit order book of one instrument: price before time. Prices are integers, in ticks."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from enum import StrEnum


class BookSide(StrEnum):
    """CTP's Direction."""

    BUY = "0"
    SELL = "1"

    @property
    def opposite(self) -> BookSide:
        return BookSide.SELL if self is BookSide.BUY else BookSide.BUY

    def accepts(self, limit: int, price: int) -> bool:
        """Whether an order of this side with `limit` trades at `price`."""
        return price <= limit if self is BookSide.BUY else price >= limit


@dataclass(slots=True)
class Resting:
    """What waits in the book; `key` is the owner's order number, 0 for the house."""

    key: int
    side: BookSide
    ticks: int
    volume: int


@dataclass(frozen=True, slots=True)
class Fill:
    ticks: int
    volume: int
    key: int
    """of the order that waited"""


class _Half:
    """One side of the book."""

    def __init__(self, side: BookSide) -> None:
        self._side = side
        self._prices: list[int] = []
        self._queues: dict[int, deque[Resting]] = {}

    def best_first(self) -> list[int]:
        return self._prices[::-1] if self._side is BookSide.BUY else list(self._prices)

    def best(self) -> int | None:
        if not self._prices:
            return None
        return self._prices[-1] if self._side is BookSide.BUY else self._prices[0]

    def queue(self, ticks: int) -> deque[Resting]:
        return self._queues[ticks]

    def add(self, resting: Resting) -> None:
        if resting.ticks not in self._queues:
            self._queues[resting.ticks] = deque()
            insort(self._prices, resting.ticks)
        self._queues[resting.ticks].append(resting)

    def remove(self, resting: Resting) -> None:
        queue = self._queues[resting.ticks]
        queue.remove(resting)
        if not queue:
            del self._queues[resting.ticks]
            del self._prices[bisect_left(self._prices, resting.ticks)]


class Book:
    """`changes` grows whenever an order comes, trades or goes, so that a view of the book can see that it moved."""

    def __init__(self) -> None:
        self._halves = {side: _Half(side) for side in BookSide}
        self.changes = 0

    def best(self, side: BookSide) -> int | None:
        return self._halves[side].best()

    def available(self, side: BookSide, limit: int) -> int:
        """Lots an order of `side` with `limit` could trade now."""
        half = self._halves[side.opposite]
        prices = (ticks for ticks in half.best_first() if side.accepts(limit, ticks))
        return sum(resting.volume for ticks in prices for resting in half.queue(ticks))

    def match(self, side: BookSide, limit: int, volume: int) -> list[Fill]:
        """Trades up to `volume` lots against the other side, best price first; what remains is the caller's."""
        half = self._halves[side.opposite]
        fills: list[Fill] = []
        while volume > 0:
            ticks = half.best()
            if ticks is None or not side.accepts(limit, ticks):
                break
            resting = half.queue(ticks)[0]
            traded = min(volume, resting.volume)
            fills.append(Fill(ticks, traded, resting.key))
            self.changes += 1
            volume -= traded
            if traded == resting.volume:
                half.remove(resting)
            resting.volume -= traded
        return fills

    def rest(self, resting: Resting) -> None:
        self.changes += 1
        self._halves[resting.side].add(resting)

    def cancel(self, resting: Resting) -> None:
        self.changes += 1
        self._halves[resting.side].remove(resting)

    def resize(self, resting: Resting, volume: int) -> None:
        """Gives a waiting order another size; its place in the queue stays."""
        self.changes += 1
        resting.volume = volume

    def depth(self, side: BookSide, levels: int) -> list[tuple[int, int]]:
        """(price in ticks, lots) of the best levels."""
        half = self._halves[side]
        return [(ticks, sum(r.volume for r in half.queue(ticks))) for ticks in half.best_first()[:levels]]
