"""The hub with a played counter, and streams as long as their queues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ctprelay.v1 import market_pb2 as pb
from ctprelay.v1 import terminal_pb2
from relay.counter.market_port import FeedKind, MarketState, NotSubscribed
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.market_data import hub as module
from relay.market_data.book import BookBounds
from relay.market_data.hub import HubSettings, MarketHub
from relay.market_data.outbox import MarketOutbox
from relay.market_data.ticks import tick_of
from relay.sessions import outbox as answers
from relay.sessions.endings import Ending, EndKind
from tests.relay.market_data.played_source import PlayedSource, depth, quote_request

DEPTH, QUOTES = FeedKind.DEPTH, FeedKind.QUOTE_REQUESTS


class PlayedSession:
    """As much of a TerminalSession as the hub knows."""

    def __init__(self, name: str) -> None:
        self.identity = type("Identity", (), {"session": name})()
        self.followers: dict[object, Any] = {}

    def end(self, kind: EndKind) -> None:
        for follow in tuple(self.followers.values()):
            follow(Ending(kind))


@pytest.fixture
def source() -> PlayedSource:
    return PlayedSource()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
async def hub(source: PlayedSource, faults: Faults) -> AsyncIterator[MarketHub]:
    settings = HubSettings(BookBounds(of_a_reader=3, in_all=9), capacity=2, required=False)
    async with MarketHub(source, faults, settings) as running:
        yield running


def attached(hub: MarketHub, name: str) -> tuple[Any, MarketOutbox]:
    session: Any = PlayedSession(name)
    outbox = hub.new_outbox()
    hub.attach(session, outbox)
    return session, outbox


async def read(outbox: MarketOutbox) -> pb.MarketDataBatch | None:
    """The next write; None at the end."""
    async with asyncio.timeout(10):
        data = await outbox.next_batch()
    return None if data is None else pb.MarketDataBatch.FromString(data)


async def bodies(outbox: MarketOutbox) -> list[str | None]:
    batch = await read(outbox)
    assert batch is not None
    return [message.WhichOneof("body") for message in batch.messages]


async def turns_are_over(hub: MarketHub) -> None:
    """Return when every stream that asked has had its turn: they come in the order in which they were asked for."""
    mine = asyncio.Event()
    hub._turns.ask(mine.set)
    async with asyncio.timeout(10):
        await mine.wait()


async def test_a_tick_is_encoded_once_for_all(hub: MarketHub, source: PlayedSource) -> None:
    """The queues of all its readers hold the very same bytes."""
    outboxes = [attached(hub, name)[1] for name in "abc"]
    for outbox in outboxes:
        hub.subscribe(outbox, DEPTH, 1, ["rb2701"])

    await source.say(depth("rb2701"))

    entries = {id(outbox.pending._all[-1].entry) for outbox in outboxes}
    assert len(entries) == 1
    assert source.asked == [("subscribe", DEPTH, ["rb2701"])]


async def test_the_snapshot_comes_behind_the_answer_and_before_ticks(hub: MarketHub, source: PlayedSource) -> None:
    """For one that comes later; nothing is known to the first."""
    _, first = attached(hub, "a")
    hub.subscribe(first, DEPTH, 1, ["rb2701"])
    await source.say(depth("rb2701", 5))
    _, second = attached(hub, "b")

    hub.subscribe(second, DEPTH, 7, ["rb2701"])
    await source.say(depth("rb2701", 6))
    await turns_are_over(hub)

    assert await bodies(first) == ["attached", "changed", "depth", "depth"]
    batch = await read(second)
    assert batch is not None
    assert [message.WhichOneof("body") for message in batch.messages] == ["attached", "changed", "snapshot", "depth"]
    assert (batch.messages[1].changed.change_id, batch.messages[2].snapshot.volume) == (7, 5)


async def test_a_snapshot_is_of_what_is_subscribed_now(hub: MarketHub, source: PlayedSource) -> None:
    """Not of a time when another terminal had it, nor of another trading day."""
    session, outbox = attached(hub, "a")
    hub.subscribe(outbox, DEPTH, 1, ["rb2701", "IF2612"])
    await source.say(depth("rb2701"), depth("IF2612"))
    hub.unsubscribe(outbox, DEPTH, 2, ["rb2701"])
    await source.say(MarketState(live=True, trading_day="20261127", day_changed=True))
    _, later = attached(hub, "b")

    hub.subscribe(later, DEPTH, 1, ["rb2701", "IF2612"])

    assert await bodies(later) == ["attached", "changed"]
    assert session.followers


async def test_an_unsubscribed_instrument_is_not_sent_behind_the_answer(hub: MarketHub, source: PlayedSource) -> None:
    """Not even what waited already."""
    _, outbox = attached(hub, "a")
    hub.subscribe(outbox, DEPTH, 1, ["rb2701"])
    await source.say(depth("rb2701"))

    hub.unsubscribe(outbox, DEPTH, 2, ["rb2701"])

    assert await bodies(outbox) == ["attached", "changed", "changed"]
    assert source.asked[-1] == ("unsubscribe", DEPTH, ["rb2701"])


async def test_a_slow_terminal_hears_how_many_it_did_not_get(hub: MarketHub, source: PlayedSource) -> None:
    """Of those that the relay itself passed over, too; a request for a quote is another matter than a depth."""
    _, outbox = attached(hub, "a")
    hub.subscribe(outbox, DEPTH, 1, ["rb2701"])
    hub.subscribe(outbox, QUOTES, 2, ["rb2701"])
    await read(outbox)

    await source.say(*(depth("rb2701", number) for number in range(9)), quote_request("rb2701"), depth("rb2701", 9, 4))
    await turns_are_over(hub)
    batch = await read(outbox)

    assert batch is not None
    assert [message.WhichOneof("body") for message in batch.messages] == ["depth", "quote_request"]
    assert batch.messages[0].depth.volume == 9
    assert [(one.instrument_id, one.count) for one in batch.passed_over] == [("rb2701", 13)]
    assert (hub.received, hub.sent, hub.passed_over) == (11, 2, 13)


async def test_the_last_reader_ends_the_subscription(hub: MarketHub, source: PlayedSource) -> None:
    """Counts of a stream that is gone stay."""
    session, outbox = attached(hub, "a")
    hub.subscribe(outbox, DEPTH, 1, ["rb2701"])
    await source.say(depth("rb2701"))
    await turns_are_over(hub)
    await read(outbox)

    hub.leave(session, outbox)

    assert source.asked[-1] == ("unsubscribe", DEPTH, ["rb2701"])
    assert (hub.readers, hub.sent, session.followers) == (0, 1, {})


@pytest.mark.parametrize("kind", [EndKind.KICKED, EndKind.LOGGED_OUT, EndKind.DISABLED])
async def test_the_stream_ends_with_the_session(hub: MarketHub, source: PlayedSource, kind: EndKind) -> None:
    """In the same step; ticks that wait are not sent any more."""
    session, outbox = attached(hub, "a")
    hub.subscribe(outbox, DEPTH, 1, ["rb2701"])
    await source.say(depth("rb2701"))

    session.end(kind)

    batch = await read(outbox)
    assert batch is not None
    assert batch.messages[-1].goodbye.kind == kind.wire
    assert "depth" not in [message.WhichOneof("body") for message in batch.messages]
    assert await read(outbox) is None


async def test_a_second_stream_takes_the_place_of_the_first(hub: MarketHub, source: PlayedSource) -> None:
    """Its subscriptions begin anew."""
    session, first = attached(hub, "a")
    hub.subscribe(first, DEPTH, 1, ["rb2701"])
    second = hub.new_outbox()

    hub.attach(session, second)
    hub.leave(session, first)

    batch = await read(first)
    assert batch is not None
    assert batch.messages[-1].goodbye.kind == terminal_pb2.Goodbye.KIND_TAKEN_OVER
    assert hub.readers == 1
    assert list(session.followers) == [second]
    assert source.asked[-1] == ("unsubscribe", DEPTH, ["rb2701"])


async def test_an_instrument_the_counter_refuses_is_said_to_its_readers(hub: MarketHub, source: PlayedSource) -> None:
    """And to no other."""
    _, mine = attached(hub, "a")
    _, other = attached(hub, "b")
    hub.subscribe(mine, DEPTH, 1, ["rb2701"])
    hub.subscribe(other, DEPTH, 1, ["IF2612"])

    await source.say(NotSubscribed(DEPTH, "rb2701", 16, "找不到合约"))

    batch = await read(mine)
    assert batch is not None
    said = batch.messages[-1].changed
    assert (said.change_id, said.refused[0].instrument_id, said.refused[0].rejected.reason) == (
        0,
        "rb2701",
        "refused_by_market_data",
    )
    assert "找不到合约" in said.refused[0].rejected.message
    assert await bodies(other) == ["attached", "changed"]
    assert hub.book.count(DEPTH) == 1


async def test_a_front_that_stays_away_is_a_fault(
    source: PlayedSource, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And every stream hears of the edges; a relay that must have it is not ready."""
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.01)
    settings = HubSettings(BookBounds(3, 9), capacity=2, required=True)
    async with MarketHub(source, faults, settings) as hub:
        _, outbox = attached(hub, "a")
        await source.say(MarketState(live=False, reason="行情前置未连接 / away"))
        begun = asyncio.Event()
        faults.listen(lambda _: begun.set())
        async with asyncio.timeout(10):
            await begun.wait()
        keeping = [stands.fault for stands in faults.keeping_from_ready()]
        await source.say(MarketState(live=True, trading_day="20261126"))

        assert keeping == [Fault.REQUIRED_MARKET_DATA_DOWN]
        assert faults.now() == ()
        batch = await read(outbox)
        assert batch is not None
        assert [message.status.state for message in batch.messages[1:]] == [
            pb.MarketDataStatus.STATE_RECOVERING,
            pb.MarketDataStatus.STATE_LIVE,
        ]


async def test_a_short_break_is_no_fault(hub: MarketHub, source: PlayedSource, faults: Faults) -> None:
    """The API is back within a second."""
    await source.say(MarketState(live=False, reason="away"))
    await source.say(MarketState(live=True))

    assert faults.begun(Fault.MARKET_DATA_DOWN) == 0
    assert hub._grace is None


async def test_few_streams_write_in_one_round_of_the_loop(hub: MarketHub, source: PlayedSource) -> None:
    """So that an order's notice never waits for all of them."""
    outboxes = [attached(hub, f"s{number}")[1] for number in range(20)]
    for outbox in outboxes:
        hub.subscribe(outbox, DEPTH, 1, ["rb2701"])
        await read(outbox)
    await source.say(depth("rb2701"))
    rounds = []

    while any(not outbox._may_write for outbox in outboxes):
        before = sum(outbox._may_write for outbox in outboxes)
        await asyncio.sleep(0)
        rounds.append(sum(outbox._may_write for outbox in outboxes) - before)

    assert max(rounds) <= 2


async def test_no_snapshot_goes_before_its_answer(hub: MarketHub, source: PlayedSource) -> None:
    """However many answers wait: the terminal would take it for a depth of what it has not subscribed."""
    _, first = attached(hub, "a")
    hub.subscribe(first, DEPTH, 1, ["rb2701"])
    await source.say(depth("rb2701"))
    _, outbox = attached(hub, "b")
    more_than_a_write = answers._BATCH_MESSAGES + 10
    for number in range(more_than_a_write):
        hub.unsubscribe(outbox, DEPTH, number, ["rb2701"])

    hub.subscribe(outbox, DEPTH, more_than_a_write, ["rb2701"])
    await turns_are_over(hub)

    first_write, second_write = await bodies(outbox), await bodies(outbox)
    assert "snapshot" not in first_write
    assert second_write[-2:] == ["changed", "snapshot"]


async def test_a_stream_with_answers_waits_for_its_turn_with_ticks(hub: MarketHub, source: PlayedSource) -> None:
    """And asks for one turn at a time: changes all the time would fill the line of turns."""
    _, outbox = attached(hub, "a")
    hub.subscribe(outbox, DEPTH, 1, ["rb2701"])
    await source.say(depth("rb2701"))
    await turns_are_over(hub)
    await read(outbox)

    for number in range(2, 50):
        hub.unsubscribe(outbox, QUOTES, number, ["rb2701"])
        outbox.put_tick(tick_of(depth("rb2701", number)))
        await read(outbox)

    assert len(hub._turns._asked) <= 1


async def test_a_relay_that_may_do_without_stays_ready(
    source: PlayedSource, faults: Faults, hub: MarketHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a warning: terminals there are, and new ones, trade."""
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.01)
    begun = asyncio.Event()
    faults.listen(lambda _: begun.set())
    await source.say(MarketState(live=False, reason="行情前置未连接 / away"))
    async with asyncio.timeout(10):
        await begun.wait()

    assert faults.begun(Fault.MARKET_DATA_DOWN) == 1
    assert list(faults.keeping_from_ready()) == []
