"""The session for market data with a played API: what is subscribed when, what waits, and what is made anew."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from ctpabi.api.market import MarketApi
from ctpabi.api.spi import Put, RawEvent
from ctpabi.catalog import Interface, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctprelay.ctp.v1.structs_pb2 import DepthMarketData
from relay.counter.ctp.market import feed as module
from relay.counter.ctp.market.feed import CtpMarketFeed
from relay.counter.ctp.session.patience import Patience
from relay.counter.market_port import FeedItem, FeedKind, MarketItem, MarketState, NotSubscribed

CATALOG = load_catalog(Interface.MARKET_DATA)
DEPTH, QUOTES = FeedKind.DEPTH, FeedKind.QUOTE_REQUESTS


class PlayedMarketApi:
    """What the feed needs of a `MarketApi`; a login is answered where `logs_in`."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self.logs_in = True
        self.code = 0
        """what subscriptions return"""
        self.asked: list[tuple[str, list[str]]] = []
        self.logins = 0
        self.connected = self.released = False

    def connect(self, _: Sequence[str]) -> None:
        self.connected = True
        self.say("OnFrontConnected")

    def call(self, _: Method, __: bytes, request_id: int) -> int:
        self.logins += 1
        if self.logs_in:
            self.answer_login(0, request_id)
        return 0

    def subscribe(self, method: str, names: Sequence[bytes]) -> int:
        if self.code == 0:
            self.asked.append((method, [name.decode() for name in names]))
        return self.code

    def release(self) -> None:
        self.released = True

    def answer_login(self, error_id: int = 0, request_id: int = 1) -> None:
        self.say("OnRspUserLogin", error_id, request_id, TradingDay="20261126")

    def say(self, name: str, error_id: int = 0, request_id: int = 0, **row: Any) -> None:
        callback = CATALOG.callbacks[name]
        body = layout.pack(CATALOG.structs[callback.struct], row) if row else None
        said = layout.pack(CATALOG.structs["RspInfo"], {"ErrorID": error_id}) if error_id else None
        self._put(RawEvent(callback, body, said, request_id))

    def tick(self, name: str, volume: int = 1) -> None:
        self.say("OnRtnDepthMarketData", InstrumentID=name, Volume=volume)


class Played:
    """A feed and its APIs, the newest last."""

    def __init__(self) -> None:
        self.apis: list[PlayedMarketApi] = []
        self._pulled: deque[MarketItem] = deque()
        patience = Patience(answer=10.0, pause=0.01, longest=0.02)
        self.feed = CtpMarketFeed(self._new, CATALOG, ("tcp://127.0.0.1:1",), "9999", patience)

    def _new(self, put: Put) -> MarketApi:
        self.apis.append(PlayedMarketApi(put))
        return cast("MarketApi", self.apis[-1])

    @property
    def api(self) -> PlayedMarketApi:
        return self.apis[-1]

    async def next_item(self) -> MarketItem:
        async with asyncio.timeout(10):
            while not self._pulled:
                self._pulled += await self.feed.next_batch()
        return self._pulled.popleft()

    async def item(self, wanted: type[MarketItem]) -> Any:
        """The next item of this kind."""
        while not isinstance(item := await self.next_item(), wanted):
            pass
        return item

    async def live(self) -> MarketState:
        while not (state := await self.item(MarketState)).live:
            pass
        return cast("MarketState", state)

    async def items(self, count: int) -> list[MarketItem]:
        """So many further ones."""
        return [await self.next_item() for _ in range(count)]


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    played = Played()
    played.feed.start()
    yield played
    await played.feed.stop()


async def eventually(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 — the played API announces nothing
            await asyncio.sleep(0.001)


async def test_what_was_wanted_before_is_subscribed_after_each_login(played: Played) -> None:
    """What was let go meanwhile is not."""
    played.feed.subscribe(DEPTH, ["rb2701", "IF2612"])
    await played.live()
    played.api.say("OnFrontDisconnected")
    assert not (await played.item(MarketState)).live
    played.feed.unsubscribe(DEPTH, ["IF2612"])
    played.feed.subscribe(QUOTES, ["IF2612"])

    played.api.say("OnFrontConnected")
    await played.live()

    first, *again = played.api.asked
    assert first == ("SubscribeMarketData", ["rb2701", "IF2612"])
    assert again == [("SubscribeMarketData", ["rb2701"]), ("SubscribeForQuoteRsp", ["IF2612"])]


async def test_a_refusal_that_comes_late_leaves_the_next_try(played: Played) -> None:
    """The login was taken for unanswered already; without its timer the session would never come back."""
    await played.live()
    played.api.logs_in = False
    played.api.say("OnFrontDisconnected")
    played.api.say("OnFrontConnected")
    await eventually(lambda: played.api.logins == 2)
    played.feed._carry_out(played.feed._machine.time_is_over())
    played.api.answer_login(error_id=3)
    await asyncio.sleep(0)
    played.api.logs_in = True

    assert (await played.live()).trading_day == "20261126"


async def test_a_terminal_that_changes_its_mind_costs_the_counter_little(
    played: Played,
) -> None:
    """The last word counts."""
    await played.live()
    for number in range(1000):
        played.feed.subscribe(DEPTH, [f"i{number % 7}"])
        played.feed.unsubscribe(DEPTH, [f"i{number % 7}"])
    played.feed.subscribe(DEPTH, ["last"])

    assert len(played.api.asked) == 1
    await eventually(lambda: played.feed._again is None)
    assert ("SubscribeMarketData", ["last"]) in played.api.asked
    assert len(played.api.asked) <= 3


async def test_what_the_api_does_not_take_is_asked_again(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """-2 and -3 are of the moment."""
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.001)
    await played.live()
    played.api.code = -2
    played.feed.subscribe(DEPTH, ["rb2701"])
    played.api.code = 0

    await eventually(lambda: played.api.asked == [("SubscribeMarketData", ["rb2701"])])


async def test_a_feed_that_was_stopped_asks_nothing_more(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its API is freed: a subscription that waited for its moment would end the process."""
    monkeypatch.setattr(module, "_REST_SECONDS", 0.01)
    await played.live()
    played.feed.subscribe(DEPTH, ["rb2701"])
    played.feed.subscribe(DEPTH, ["cu2701"])

    await played.feed.stop()
    await asyncio.sleep(0.05)

    assert played.api.asked == [("SubscribeMarketData", ["rb2701"])]


async def test_many_names_go_in_parts(played: Played) -> None:
    """Each of them once."""
    await played.live()
    names = [f"i{number}" for number in range(450)]
    played.feed.subscribe(DEPTH, names)

    assert [len(part) for _, part in played.api.asked] == [200, 200, 50]
    assert [name for _, part in played.api.asked for name in part] == names


async def test_a_refused_instrument_is_not_subscribed_again(played: Played) -> None:
    """Its readers hear the counter's own words."""
    played.feed.subscribe(DEPTH, ["none", "rb2701"])
    await played.live()
    played.api.say("OnRspSubMarketData", 16, InstrumentID="none")

    assert await played.item(NotSubscribed) == NotSubscribed(DEPTH, "none", 16, "")
    assert list(played.feed._wanted[DEPTH]) == ["rb2701"]


async def test_a_relay_that_falls_behind_passes_on_the_newest_and_their_counts(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of depths and of requests for quotes each; an edge between them stays."""
    monkeypatch.setattr(module, "_MOST_WAITING", 10)
    await played.live()
    played.feed._most_waiting = 10
    for number in range(8):
        played.api.tick("rb2701", number)
        played.api.tick("IF2612", number)
        played.api.say("OnRtnForQuoteRsp", InstrumentID="rb2701", ForQuoteSysID=str(number))
    played.api.say("OnFrontDisconnected")

    rb, stock, quote, edge = await played.items(4)

    assert isinstance(rb, FeedItem)
    assert isinstance(stock, FeedItem)
    assert isinstance(quote, FeedItem)
    assert (rb.instrument_id, rb.passed_over, DepthMarketData.FromString(rb.wire).volume) == ("rb2701", 7, 7)
    assert (stock.instrument_id, stock.passed_over) == ("IF2612", 7)
    assert (quote.kind, quote.passed_over) == (QUOTES, 7)
    assert isinstance(edge, MarketState)
    assert not played.feed._waiting
    assert not played.feed._passed


async def test_what_waits_is_bounded_by_the_instruments(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the market does while the loop has no time to pass it on."""
    monkeypatch.setattr(module, "_MOST_WAITING", 10)
    played.feed._most_waiting = 10
    await played.live()
    for number in range(5000):
        played.api.tick(f"i{number % 30}", number)
        if not number % 7:
            await asyncio.sleep(0)

    assert len(played.feed._waiting) <= 60 + 7


async def test_lost_callbacks_make_the_session_anew_once(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the old instance says while it is released is not heard, and no second one is made for it."""
    played.feed.subscribe(DEPTH, ["rb2701"])
    await played.live()
    old, inbox = played.api, played.feed._inbox
    monkeypatch.setattr(inbox, "_limit", 3)
    for number in range(9):
        old.tick("rb2701", number)
    await asyncio.sleep(0)
    for number in range(9):  # it goes on, and the inbox is full again
        old.tick("rb2701", number)

    assert not (await played.item(MarketState)).live
    await played.live()
    old.tick("rb2701", 99)
    played.api.tick("rb2701", 100)
    tick = await played.item(FeedItem)

    assert len(played.apis) == 2
    assert old.released
    assert DepthMarketData.FromString(tick.wire).volume == 100
    assert played.api.asked == [("SubscribeMarketData", ["rb2701"])]
