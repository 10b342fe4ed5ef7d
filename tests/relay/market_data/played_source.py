"""A counter's market data that does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ctprelay.ctp.v1.structs_pb2 import DepthMarketData, ForQuoteRsp
from relay.counter.counter_library import CounterLibrary
from relay.counter.market_port import FeedItem, FeedKind, MarketItem


class PlayedSource:
    """`relay.counter.market_port.MarketSource`; `asked` is every change, in its order."""

    fronts = ("tcp://127.0.0.1:1",)
    library = CounterLibrary("openctp-ctp", "6.7.11.0", "/opt/md.so", "v6.7.11_1", "ab" * 32)

    def __init__(self) -> None:
        self.asked: list[tuple[str, FeedKind, list[str]]] = []
        self._items: asyncio.Queue[list[MarketItem]] = asyncio.Queue()

    def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to end."""

    def subscribe(self, kind: FeedKind, instrument_ids: Iterable[str]) -> None:
        self.asked.append(("subscribe", kind, list(instrument_ids)))

    def unsubscribe(self, kind: FeedKind, instrument_ids: Iterable[str]) -> None:
        self.asked.append(("unsubscribe", kind, list(instrument_ids)))

    async def next_batch(self) -> list[MarketItem]:
        items = await self._items.get()
        self._items.task_done()
        return items

    async def say(self, *items: MarketItem) -> None:
        """Returns when the items were taken, and what follows from them was done."""
        self._items.put_nowait(list(items))
        await self._items.join()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def depth(name: str, volume: int = 1, passed_over: int = 0) -> FeedItem:
    wire = DepthMarketData(instrument_id=name, volume=volume).SerializeToString()
    return FeedItem(FeedKind.DEPTH, name, wire, passed_over)


def quote_request(name: str) -> FeedItem:
    return FeedItem(FeedKind.QUOTE_REQUESTS, name, ForQuoteRsp(instrument_id=name).SerializeToString())
