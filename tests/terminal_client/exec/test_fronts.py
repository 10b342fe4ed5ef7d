"""Which trader session market data follows: the program's newest, the next one that comes, or one of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Interface
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctprelay.v1 import terminal_pb2
from terminal_client import Tls
from terminal_client.exec import fronts
from terminal_client.exec.fronts import CarriedMarket, CarriedTrader, Fronts
from terminal_client.secret import Secret
from terminal_client.trader_front import FrontSettings, TraderFront
from tests.terminal_client.market.scripted_market import TOKEN, depth
from tests.terminal_client.scripted_relay import AUTH_CODE, ScriptedRelay, ServedRelay

MARKET = load_catalog(Interface.MARKET_DATA)
SECONDS = 20


class ProgramWithMarketData:
    """The instances of one program, at a relay."""

    def __init__(self, settings: FrontSettings) -> None:
        self.fronts = Fronts(settings)
        self.heard: list[RawEvent] = []
        self.changed = threading.Condition()
        self._made: list[CarriedTrader | CarriedMarket] = []

    def hear(self, item: RawEvent) -> None:
        with self.changed:
            self.heard.append(item)
            self.changed.notify_all()

    def trader(self) -> CarriedTrader:
        made = self.fronts.open_front(Interface.TRADER, {}, lambda _: None)
        assert isinstance(made, CarriedTrader)
        self._made.append(made)
        return made

    def market(self) -> CarriedMarket:
        """Connected."""
        before = self.count("OnFrontConnected")
        made = self.fronts.open_front(Interface.MARKET_DATA, {}, self.hear)
        assert isinstance(made, CarriedMarket)
        self._made.append(made)
        self.wait_for("OnFrontConnected", before + 1)
        return made

    def logged_in(self, **who: Any) -> CarriedMarket:
        """An instance for market data that has logged in, with this in its login."""
        market = self.market()
        method = MARKET.methods["ReqUserLogin"]
        assert market.call(method, layout.pack(MARKET.structs[method.struct], who), 1) == 0
        return market

    def count(self, name: str) -> int:
        return sum(item.callback.name == name for item in self.heard)

    def wait_for(self, name: str, count: int = 1) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.count(name) >= count, SECONDS), f"no {name}: {self.heard}"

    def release(self) -> None:
        for one in self._made:
            one.release()


@pytest.fixture
async def program(served: ServedRelay) -> AsyncIterator[ProgramWithMarketData]:
    settings = FrontSettings(f"relay://{served.address}", "demo_terminal_1.0", Secret(AUTH_CODE), Tls(served.authority))
    made = ProgramWithMarketData(settings)
    yield made
    await asyncio.to_thread(made.release)


def followed(market: CarriedMarket) -> TraderFront | None:
    return market._market._trader


async def test_it_follows_the_newest_trader(program: ProgramWithMarketData) -> None:
    """One that is released is passed over."""

    def check() -> None:
        older, newer = program.trader(), program.trader()
        assert followed(program.logged_in()) is newer
        newer.release()
        assert followed(program.logged_in()) is older

    await asyncio.to_thread(check)


async def test_a_trader_that_comes_later_is_followed(
    program: ProgramWithMarketData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every instance that waits, and by none that was released meanwhile."""
    monkeypatch.setattr(fronts, "_WAIT_SECONDS", 600.0)

    def check() -> None:
        waiting, released, silent = program.logged_in(), program.logged_in(), program.market()
        assert followed(waiting) is None
        released.release()
        trader = program.trader()
        assert [followed(one) for one in (waiting, released, silent)] == [trader, None, None]

    await asyncio.to_thread(check)


async def test_without_a_trader_it_has_a_session_of_its_own(
    program: ProgramWithMarketData, relay: ScriptedRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the user and password of its login; its ticks are this session's. A trader that comes afterwards changes nothing."""
    monkeypatch.setattr(fronts, "_WAIT_SECONDS", 0.0)
    relay.market_access = terminal_pb2.MarketDataAccess(token=TOKEN)
    who = {"BrokerID": "9999", "UserID": "100001", "Password": "password"}

    market = await asyncio.to_thread(lambda: program.logged_in(**who))
    subscribe = MARKET.methods["SubscribeMarketData"]
    assert await asyncio.to_thread(market.subscribe, subscribe, ["rb2701"]) == 0
    await relay.market.until(streams=1, changes=1)
    relay.market.send(depth("rb2701", 5))
    await asyncio.to_thread(program.wait_for, "OnRtnDepthMarketData")
    await asyncio.to_thread(program.trader)

    assert followed(market) is market._own is not None


@pytest.mark.parametrize("missing", ["Password", "UserID"])
async def test_a_login_that_says_too_little_waits_for_a_trader(
    program: ProgramWithMarketData, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """As long as it takes: it is never given a session that would be refused."""
    tried = threading.Event()
    monkeypatch.setattr(fronts, "_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(CarriedMarket, "_log_in_by_itself", then(CarriedMarket._log_in_by_itself, tried))
    who = {"BrokerID": "9999", "UserID": "100001", "Password": "password"} | {missing: ""}

    def check() -> None:
        market = program.logged_in(**who)
        assert tried.wait(SECONDS)
        assert market._own is None
        assert followed(market) is None
        trader = program.trader()
        assert followed(market) is trader

    await asyncio.to_thread(check)


def then(work: Callable[..., None], done: threading.Event) -> Callable[..., None]:
    """`work`, and a sign when it is over."""

    def run(*arguments: Any) -> None:
        work(*arguments)
        done.set()

    return run
