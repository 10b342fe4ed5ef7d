"""Market data for programs without asyncio: the same names, blocking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from ctprelay.ctp.v1.structs_pb2 import ForQuoteRsp
from terminal_client.errors import Refusal
from terminal_client.loop_thread import LoopThread, SyncSubscription
from terminal_client.market.market_data import MarketData
from terminal_client.market.ticks import Tick, TickReader
from terminal_client.session import State, Status


class SyncTickReader:
    """A blocking iterator over ticks; see `TickReader`."""

    def __init__(self, thread: LoopThread, reader: TickReader) -> None:
        self._thread = thread
        self._reader = reader

    def __iter__(self) -> Iterator[Tick]:
        return self

    def __next__(self) -> Tick:
        try:
            return self.next()
        except StopAsyncIteration:
            raise StopIteration from None

    def next(self, timeout_seconds: float | None = None) -> Tick:
        """The next tick. TimeoutError after `timeout_seconds`; StopAsyncIteration, or what ended the market data."""

        async def wait() -> Tick:
            async with asyncio.timeout(timeout_seconds):
                return await anext(self._reader)

        return self._thread.run(wait())

    def burst(self, timeout_seconds: float | None = None) -> list[Tick]:
        """All ticks that wait, at least one: much cheaper than one by one. Raises what `next` raises."""

        async def wait() -> list[Tick]:
            async with asyncio.timeout(timeout_seconds):
                return await self._reader.burst()

        return self._thread.run(wait())

    def close(self) -> None:
        self._thread.call(self._reader.close)


class SyncMarketData:
    """`MarketData` with blocking calls, from `SyncTerminal.market_data()`."""

    def __init__(self, thread: LoopThread, market: MarketData) -> None:
        self._thread = thread
        self._market = market

    def __repr__(self) -> str:
        return f"Sync{self._market!r}"

    @property
    def state(self) -> State:
        return self._market.state

    @property
    def max_subscriptions(self) -> int:
        return self._market.max_subscriptions

    def subscribe(self, instrument_ids: Iterable[str]) -> dict[str, Refusal]:
        """See `MarketData.subscribe`."""
        return self._thread.run(self._market.subscribe(instrument_ids))

    def unsubscribe(self, instrument_ids: Iterable[str]) -> None:
        self._thread.run(self._market.unsubscribe(instrument_ids))

    def subscribe_quote_requests(self, instrument_ids: Iterable[str]) -> dict[str, Refusal]:
        """See `MarketData.subscribe_quote_requests`."""
        return self._thread.run(self._market.subscribe_quote_requests(instrument_ids))

    def unsubscribe_quote_requests(self, instrument_ids: Iterable[str]) -> None:
        self._thread.run(self._market.unsubscribe_quote_requests(instrument_ids))

    def ticks(self, instrument_ids: Iterable[str] | None = None, capacity: int = 0) -> SyncTickReader:
        """See `MarketData.ticks`."""
        return SyncTickReader(self._thread, self._thread.call(lambda: self._market.ticks(instrument_ids, capacity)))

    def quote_requests(self, capacity: int = 0) -> SyncSubscription[ForQuoteRsp]:
        return SyncSubscription(self._thread, self._thread.call(lambda: self._market.quote_requests(capacity)))

    def statuses(self, capacity: int = 0) -> SyncSubscription[Status]:
        return SyncSubscription(self._thread, self._thread.call(lambda: self._market.statuses(capacity)))

    def close(self) -> None:
        """End the stream and its readers; the terminal's session goes on."""
        self._thread.run(self._market.close())
