"""What waits for one terminal: every tick while it keeps up, the newest of each instrument while it does not.

Ticks are shared: a queue holds references to what was encoded once. So a terminal that does not read costs a reference for each
instrument it has subscribed, whatever happens in the market.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from relay.market_data.ticks import MarketTick


class PendingTicks:
    """Pure. It is thinned out from `capacity` waiting ticks on, until it is empty again."""

    __slots__ = ("_all", "_newest", "_passed", "capacity", "passed_over")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.passed_over = 0
        """ticks that were not sent, since the beginning"""
        self._all: deque[MarketTick] = deque()
        self._newest: dict[str, MarketTick] = {}
        """instead of `_all`, while there is a backlog"""
        self._passed: dict[str, int] = {}
        """by key: how many were left out and are not said yet"""

    def __len__(self) -> int:
        return len(self._all) + len(self._newest)

    def put(self, tick: MarketTick) -> None:
        """One more."""
        newest = self._newest
        if newest:
            if tick.key in newest:
                self.pass_over(tick.key, 1)
            newest[tick.key] = tick
            return
        self._all.append(tick)
        if len(self._all) > self.capacity:
            waiting, self._all = self._all, deque()
            for one in waiting:
                if one.key in newest:
                    self.pass_over(one.key, 1)
                newest[one.key] = one

    def pass_over(self, key: str, count: int) -> None:
        """So many of it are not sent."""
        self.passed_over += count
        self._passed[key] = self._passed.get(key, 0) + count

    def drop(self, keys: Collection[str]) -> None:
        """Nothing of these any more."""
        self._all = deque(tick for tick in self._all if tick.key not in keys)
        for key in keys:
            self._newest.pop(key, None)
            self._passed.pop(key, None)

    def take(self, most_bytes: int) -> tuple[list[bytes], list[tuple[str, int]]]:
        """The oldest entries, up to so many bytes, and what was left out of them, by key."""
        entries: list[bytes] = []
        passed: list[tuple[str, int]] = []
        size = 0
        while size < most_bytes:
            if self._all:
                tick = self._all.popleft()
            elif self._newest:
                tick = self._newest.pop(next(iter(self._newest)))
            else:
                break
            entries.append(tick.entry)
            size += len(tick.entry)
            if self._passed and tick.key in self._passed:
                passed.append((tick.key, self._passed.pop(tick.key)))
        return entries, passed
