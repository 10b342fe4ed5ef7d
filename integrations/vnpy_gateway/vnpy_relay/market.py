"""Ticks from the relay: what vn.py subscribed, over every reconnect and every other `connect`.

The client keeps what it subscribed over a broken stream. What is wanted is kept by the gateway, so that a new session has it too. Nothing is
opened before something is wanted: a user who only trades has one connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from terminal_client import MarketData, MarketDataNotOffered, NotConnected, RelayTerminal, State, Status, Tick
from terminal_client.market.ticks import TickReader

_WORDS = {
    ("relay", State.LIVE): "行情已接通 Market data is connected",
    ("relay", State.RECONNECTING): "行情中断，正在重连 Reconnecting market data: {status.reason}",
    ("relay", State.ENDED): "行情已结束 Market data has ended: {status.reason}",
    ("counter", "live"): "行情前置正常 The front for market data is there",
    ("counter", "recovering"): "行情前置中断，暂无行情 No market data until its front is back: {status.reason}",
}
_OTHER = "行情 Market data, {status.of}: {status.state} {status.reason}"


class TickWindow(Protocol):
    """Where ticks are shown; none of it may wait."""

    def say(self, text: str, *, grave: bool = False) -> None: ...

    def show_tick(self, tick: Tick) -> None: ...


class MarketSide:
    """The market data of one session."""

    def __init__(self, terminal: RelayTerminal, wanted: Iterable[str], window: TickWindow) -> None:
        """`wanted`: what is wanted already."""
        self._terminal = terminal
        self._window = window
        self._new = set(wanted)
        self._asked = asyncio.Event()

    def want(self, symbols: Iterable[str]) -> None:
        """Ticks of these from now on."""
        self._new.update(symbols)
        self._asked.set()

    async def run(self, has_contracts: asyncio.Event) -> None:
        """Wait until something is wanted and has its contract, then show ticks until the session's end."""
        await has_contracts.wait()
        if not self._new:
            await self._asked.wait()
        market = self._terminal.market_data()
        ticks, statuses = market.ticks(), market.statuses()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._show(ticks))
                group.create_task(self._follow(statuses))
                group.create_task(self._subscribe(market))
        except* MarketDataNotOffered as refused:
            self._window.say(f"行情未订阅 Not subscribed: {refused.exceptions[0]}", grave=True)

    async def _subscribe(self, market: MarketData) -> None:
        while True:
            self._asked.clear()
            new, self._new = self._new, set()
            try:
                refused = await market.subscribe(sorted(new)) if new else {}
            except NotConnected as error:  # they stay wanted there
                self._window.say(f"行情稍后订阅 Subscribed later: {error}")
            else:
                for symbol, refusal in refused.items():
                    self._window.say(f"行情未订阅 Not subscribed: {symbol}: {refusal}", grave=True)
            await self._asked.wait()

    async def _follow(self, statuses: AsyncIterator[Status]) -> None:
        async for status in statuses:
            self._window.say(_WORDS.get((status.of, status.state), _OTHER).format(status=status).rstrip(": "))

    async def _show(self, ticks: TickReader) -> None:
        while True:
            for tick in await ticks.burst():
                self._window.show_tick(tick)
