"""Ticks, and the queue between the stream and one reader of them.

The stream never waits for a reader. A reader that is slower than its ticks come gets the newest of each instrument instead
of all: `Tick.passed_over` says how many it did not get, so that it can tell a quiet market from a slow program.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

from ctprelay.ctp.v1.structs_pb2 import DepthMarketData
from terminal_client.errors import TerminalError


class Tick(NamedTuple):
    """One depth of one market."""

    depth: DepthMarketData
    """prices that have no value are absent: `depth.HasField("ask_price1")`. `exchange_id` is empty, as CTP pushes it"""
    is_snapshot: bool = False
    """the last depth that was known when the instrument was subscribed, not a movement"""
    passed_over: int = 0
    """depths of this instrument that this reader did not get since the last one it got"""

    @property
    def instrument_id(self) -> str:
        return self.depth.instrument_id


class TickReader:
    """The ticks of one reader, as an async iterator; leaving `async with`, or `close`, ends it.

    It keeps every tick until `capacity` of them wait, and from then on the newest of each instrument until it has caught
    up. After the last tick it raises what ended the market data, or StopAsyncIteration where it was closed.
    """

    def __init__(
        self, capacity: int, instrument_ids: frozenset[str] | None, forget: Callable[[TickReader], None]
    ) -> None:
        self.capacity = capacity
        self.instrument_ids = instrument_ids
        """only these; None: all that are subscribed"""
        self._all: deque[Tick] = deque()
        self._newest: dict[str, Tick] = {}
        """instead of `_all`, while it has to catch up"""
        self._arrived = asyncio.Event()
        self._ended = False
        self._error: TerminalError | None = None
        self._forget = forget

    def __len__(self) -> int:
        return len(self._all) + len(self._newest)

    def offer(self, ticks: Iterable[Tick]) -> None:
        """Queue what is for this reader."""
        wanted = self.instrument_ids
        for tick in ticks:
            if wanted is not None and tick.depth.instrument_id not in wanted:
                continue
            if self._newest:
                self._pass_over(tick)
            else:
                self._all.append(tick)
                if len(self._all) > self.capacity:
                    self._catch_up()
        self._arrived.set()

    def end(self, error: TerminalError | None = None) -> None:
        """No more will come; the reader still gets what is queued, then `error` where there is one."""
        self._ended, self._error = True, error
        self._arrived.set()

    def close(self) -> None:
        """The reader is done."""
        self._all.clear()
        self._newest.clear()
        self.end()
        self._forget(self)

    async def burst(self) -> list[Tick]:
        """All ticks that wait, at least one, oldest first. StopAsyncIteration, or what ended the market data, at the end."""
        await self._wait()
        ticks = [*self._all, *self._newest.values()]
        self._all.clear()
        self._newest.clear()
        return ticks

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Tick:
        await self._wait()
        if self._all:
            return self._all.popleft()
        return self._newest.pop(next(iter(self._newest)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    async def _wait(self) -> None:
        while not self._all and not self._newest:
            if self._ended:
                error, self._error = self._error, None
                raise error if error is not None else StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()

    def _catch_up(self) -> None:
        waiting = tuple(self._all)
        self._all.clear()
        for tick in waiting:
            self._pass_over(tick)

    def _pass_over(self, tick: Tick) -> None:
        name = tick.depth.instrument_id
        older = self._newest.get(name)
        if older is not None:
            tick = tick._replace(passed_over=older.passed_over + 1 + tick.passed_over)
        self._newest[name] = tick


class TickFeed:
    """Offers ticks to every reader."""

    def __init__(self) -> None:
        self._readers: list[TickReader] = []
        self._ended = False
        self._error: TerminalError | None = None

    def read(self, capacity: int, instrument_ids: Iterable[str] | None) -> TickReader:
        """A new reader; it gets what is published from now on."""
        only = None if instrument_ids is None else frozenset(instrument_ids)
        reader = TickReader(capacity, only, self._forget)
        if self._ended:
            reader.end(self._error)
        else:
            self._readers.append(reader)
        return reader

    def publish(self, ticks: list[Tick]) -> None:
        for reader in self._readers:
            reader.offer(ticks)

    def end(self, error: TerminalError | None) -> None:
        """End every reader, and every later one at once."""
        self._ended, self._error = True, error
        for reader in self._readers:
            reader.end(error)
        self._readers.clear()

    def _forget(self, reader: TickReader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
