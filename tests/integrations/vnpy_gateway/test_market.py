"""Ticks over a real stream, from a scripted relay: what is wanted is subscribed, whenever it was asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from ctprelay.v1 import terminal_pb2
from terminal_client import Collected, RelayTerminal, Tick
from tests.terminal_client.conftest import collected, connect, relay, served
from tests.terminal_client.market.scripted_market import TOKEN, ScriptedMarket, depth, snapshot
from tests.terminal_client.scripted_relay import LOGIN, ScriptedRelay
from vnpy_relay.market import MarketSide

__all__ = ["collected", "connect", "relay", "served"]


class Watched:
    """What is shown and said."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.said: list[str] = []
        self._more = asyncio.Event()

    def say(self, text: str, *, grave: bool = False) -> None:
        del grave
        self.said.append(text)
        self._more.set()

    def show_tick(self, tick: Tick) -> None:
        self.ticks.append(tick)
        self._more.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def market(relay: ScriptedRelay) -> ScriptedMarket:
    """The relay has market data."""
    relay.market_access = terminal_pb2.MarketDataAccess(token=TOKEN)
    return relay.market


@pytest.fixture
def has_contracts() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@pytest_asyncio.fixture
async def terminal(connect: Callable[..., RelayTerminal], collected: Collected) -> AsyncIterator[RelayTerminal]:
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    yield terminal
    await terminal.close()


@contextlib.asynccontextmanager
async def running(side: MarketSide, has_contracts: asyncio.Event) -> AsyncIterator[None]:
    task = asyncio.ensure_future(side.run(has_contracts))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_was_wanted_before_the_login_is_subscribed(
    market: ScriptedMarket, terminal: RelayTerminal, has_contracts: asyncio.Event
) -> None:
    """And what is asked for later, once each; snapshots and ticks are shown in their order."""
    watched = Watched()
    side = MarketSide(terminal, {"rb2701"}, watched)
    async with running(side, has_contracts):
        await market.until(changes=1)
        side.want(["IF2612"])
        await market.until(changes=2)
        market.send(snapshot("rb2701", 1), depth("rb2701", 2), depth("IF2612", 3))
        await watched.until(lambda: len(watched.ticks) == 3)

    assert [list(change.instrument_ids) for change in market.changes] == [["rb2701"], ["IF2612"]]
    assert [(tick.instrument_id, tick.depth.volume) for tick in watched.ticks] == [
        ("rb2701", 1),
        ("rb2701", 2),
        ("IF2612", 3),
    ]


async def test_without_a_wish_there_is_no_second_connection(
    market: ScriptedMarket, terminal: RelayTerminal, has_contracts: asyncio.Event
) -> None:
    """A user who only trades has one stream."""
    side = MarketSide(terminal, (), Watched())
    async with running(side, has_contracts):
        for _ in range(10):
            await asyncio.sleep(0)
        assert terminal._market is None

        side.want(["rb2701"])
        await market.until(streams=1)


async def test_a_relay_without_market_data_is_said_once(
    relay: ScriptedRelay, terminal: RelayTerminal, has_contracts: asyncio.Event
) -> None:
    """The session goes on."""
    watched = Watched()
    async with running(MarketSide(terminal, {"rb2701"}, watched), has_contracts):
        await watched.until(lambda: any("行情未订阅" in text for text in watched.said))

    assert len([text for text in watched.said if "行情未订阅" in text]) == 1
