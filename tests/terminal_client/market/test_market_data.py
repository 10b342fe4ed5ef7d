"""Market data over real gRPC and TLS, from a scripted relay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ctprelay.v1 import market_pb2 as pb
from ctprelay.v1 import terminal_pb2
from terminal_client import (
    Collected,
    MarketDataNotOffered,
    NotConnected,
    RelayTerminal,
    SessionEnded,
    SyncTerminal,
    Tls,
)
from terminal_client.session import Deadlines, State
from tests.terminal_client.conftest import QUICK
from tests.terminal_client.market.scripted_market import TOKEN, ScriptedMarket, depth, snapshot
from tests.terminal_client.scripted_relay import AUTH_CODE, LOGIN, ScriptedRelay, ServedRelay

Connect = Callable[..., RelayTerminal]


@pytest.fixture
def market(relay: ScriptedRelay) -> ScriptedMarket:
    """The relay has market data."""
    relay.market_access = terminal_pb2.MarketDataAccess(token=TOKEN)
    return relay.market


async def test_ticks_come_after_the_snapshot(market: ScriptedMarket, connect: Connect, collected: Collected) -> None:
    """With what the relay left out, and what the counter has no value for."""
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    data = terminal.market_data()
    ticks = data.ticks()

    refused = await data.subscribe(["rb2701", "IF2612", "rb2701"])
    market.send(snapshot("rb2701", 1), depth("rb2701", 5), depth("IF2612", 2), rb2701=3)

    assert refused == {}
    assert [list(change.instrument_ids) for change in market.changes] == [["rb2701", "IF2612"]]
    got = [await anext(ticks) for _ in range(3)]
    assert [(one.instrument_id, one.depth.volume, one.is_snapshot, one.passed_over) for one in got] == [
        ("rb2701", 1, True, 0),
        ("rb2701", 5, False, 3),
        ("IF2612", 2, False, 0),
    ]
    assert not got[0].depth.HasField("last_price")
    assert (data.state, data.max_subscriptions) == (State.LIVE, 7)


async def test_a_refused_instrument_is_said_and_not_asked_for_again(
    market: ScriptedMarket, connect: Connect, collected: Collected
) -> None:
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    data = terminal.market_data()
    market.refuse = {"IF2612"}

    refused = await data.subscribe(["rb2701", "IF2612"])
    market.break_stream()
    await market.until(streams=2, changes=2)

    assert {name: refusal.reason for name, refusal in refused.items()} == {"IF2612": "too_many_instruments"}
    assert list(market.changes[1].instrument_ids) == ["rb2701"]


async def test_a_broken_stream_is_attached_and_subscribed_again(
    market: ScriptedMarket, connect: Connect, collected: Collected
) -> None:
    """What was unsubscribed is not; both feeds are."""
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    data = terminal.market_data()
    statuses = data.statuses()
    await data.subscribe(["a", "b"])
    await data.unsubscribe(["a"])
    await data.subscribe_quote_requests(["c"])

    market.break_stream()
    await market.until(streams=2, changes=5)

    again = market.changes[3:]
    assert [(change.feed, change.unsubscribe, list(change.instrument_ids)) for change in again] == [
        (pb.FEED_DEPTH, False, ["b"]),
        (pb.FEED_QUOTE_REQUESTS, False, ["c"]),
    ]
    seen = [await anext(statuses) for _ in range(5)]
    assert [(status.of, status.state) for status in seen] == [
        ("relay", "live"),
        ("counter", "live"),
        ("relay", "reconnecting"),
        ("relay", "live"),
        ("counter", "live"),
    ]


async def test_a_change_outlives_the_stream_it_was_asked_on(
    market: ScriptedMarket, connect: Connect, collected: Collected
) -> None:
    """A break delays it and does not fail it."""
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    data = terminal.market_data()
    market.deaf = 1
    asked = asyncio.ensure_future(data.subscribe(["rb2701"]))
    await market.until(changes=1)

    market.break_stream()

    assert await asked == {}
    assert market.attached == 2


async def test_a_session_that_is_not_known_yet_is_tried_again(
    market: ScriptedMarket, connect: Connect, collected: Collected
) -> None:
    """As after a restart of the relay, before the terminal has logged in anew."""
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    market.gone = 2

    assert await terminal.market_data().subscribe(["rb2701"]) == {}


async def test_a_kick_ends_readers_and_changes(market: ScriptedMarket, connect: Connect, collected: Collected) -> None:
    """With the relay's word for it."""
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    data = terminal.market_data()
    ticks = data.ticks()
    await data.subscribe(["rb2701"])
    kicked = terminal_pb2.Goodbye(kind=terminal_pb2.Goodbye.KIND_KICKED, reason="kicked")

    market.send(depth("rb2701", 1), pb.MarketDataMessage(goodbye=kicked))

    assert (await anext(ticks)).depth.volume == 1
    with pytest.raises(SessionEnded, match="kicked"):
        await anext(ticks)
    with pytest.raises(SessionEnded, match="kicked"):
        await data.subscribe(["IF2612"])
    assert data.state is State.ENDED


async def test_a_relay_without_market_data_says_so(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    with pytest.raises(MarketDataNotOffered):
        await terminal.market_data().subscribe(["rb2701"])

    assert terminal.state is State.LIVE
    assert relay.market.attached == 0


async def test_before_the_login_a_change_waits(connect: Connect, market: ScriptedMarket, collected: Collected) -> None:
    """It is kept in mind where its caller gave up."""
    terminal = connect(deadlines=Deadlines(first_retry_seconds=0.01, answer_seconds=0.05))
    data = terminal.market_data()

    with pytest.raises(NotConnected, match="kept in mind"):
        await data.subscribe(["rb2701"])
    await terminal.login(*LOGIN, collected)
    await market.until(changes=1)

    assert list(market.changes[0].instrument_ids) == ["rb2701"]


async def test_closing_the_terminal_closes_its_market_data(
    market: ScriptedMarket, connect: Connect, collected: Collected
) -> None:
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    data = terminal.market_data()
    ticks = data.ticks()
    await data.subscribe(["rb2701"])

    await terminal.close()

    assert [one async for one in ticks] == []
    assert data.state is State.ENDED
    assert market.attached == 1


async def test_market_data_may_be_at_another_port(
    served: ServedRelay, market: ScriptedMarket, collected: Collected
) -> None:
    """As the relay says, and as the program says where it knows better."""
    served.relay.market_access = terminal_pb2.MarketDataAccess(token=TOKEN, port=served.relay.port)
    wrong = f"localhost:{served.relay.port}"
    async with RelayTerminal(
        wrong, app_id="demo_terminal_1.0", auth_code=AUTH_CODE, tls=Tls(ca_file=served.authority), deadlines=QUICK
    ) as terminal:
        await terminal.login(*LOGIN, collected)
        assert await terminal.market_data().subscribe(["rb2701"]) == {}
        await terminal.market_data().close()
        served.relay.market_access = terminal_pb2.MarketDataAccess(token=TOKEN, port=1)

        assert await terminal.market_data(wrong).subscribe(["rb2701"]) == {}

    assert market.attached == 2


async def test_blocking_programs_read_bursts(served: ServedRelay, market: ScriptedMarket, collected: Collected) -> None:
    def program() -> list[tuple[str, int]]:
        with SyncTerminal(
            served.address, app_id="demo_terminal_1.0", auth_code=AUTH_CODE, tls=Tls(ca_file=served.authority)
        ) as terminal:
            terminal.login(*LOGIN, collected)
            data = terminal.market_data()
            ticks = data.ticks()
            data.subscribe(["rb2701"])
            loop.call_soon_threadsafe(market.send, depth("rb2701", 1), depth("rb2701", 2))
            first = ticks.burst(20)
            with pytest.raises(TimeoutError):
                ticks.next(0.01)
            return [(one.instrument_id, one.depth.volume) for one in first]

    loop = asyncio.get_running_loop()

    assert await asyncio.to_thread(program) == [("rb2701", 1), ("rb2701", 2)]
