"""The queue of one reader of ticks."""

from __future__ import annotations

import pytest

from ctprelay.ctp.v1.structs_pb2 import DepthMarketData
from terminal_client.errors import SessionEnded
from terminal_client.market.ticks import Tick, TickFeed


def tick(name: str, volume: int, passed_over: int = 0) -> Tick:
    return Tick(DepthMarketData(instrument_id=name, volume=volume), passed_over=passed_over)


async def test_keeps_every_tick_in_its_order() -> None:
    """As long as there is room."""
    feed = TickFeed()
    reader = feed.read(3, None)

    feed.publish([tick("a", 1), tick("b", 1), tick("a", 2)])

    assert [(one.instrument_id, one.depth.volume) for one in await reader.burst()] == [("a", 1), ("b", 1), ("a", 2)]


async def test_a_full_queue_keeps_the_newest_of_each_instrument() -> None:
    """The reader hears how many it did not get; what the relay left out counts too."""
    feed = TickFeed()
    reader = feed.read(2, None)

    feed.publish([tick("a", 1, 4), tick("a", 2), tick("b", 1), tick("a", 3, 2)])
    got = [await anext(reader), await anext(reader)]

    assert [(one.instrument_id, one.depth.volume, one.passed_over) for one in got] == [("a", 3, 8), ("b", 1, 0)]
    assert len(reader) == 0


async def test_a_reader_that_caught_up_gets_every_tick_again() -> None:
    """Only the backlog is thinned out."""
    feed = TickFeed()
    reader = feed.read(2, None)
    feed.publish([tick("a", number) for number in range(9)])
    await reader.burst()

    feed.publish([tick("a", 10), tick("a", 11)])

    assert [one.depth.volume for one in await reader.burst()] == [10, 11]


async def test_a_reader_of_some_instruments_gets_no_other() -> None:
    feed = TickFeed()
    reader = feed.read(9, ["b"])

    feed.publish([tick("a", 1), tick("b", 2)])

    assert [one.instrument_id for one in await reader.burst()] == ["b"]


async def test_the_end_comes_behind_what_waits() -> None:
    """Also for a reader that begins afterwards."""
    feed = TickFeed()
    reader = feed.read(9, None)
    feed.publish([tick("a", 1)])

    feed.end(SessionEnded("kicked"))

    assert (await anext(reader)).instrument_id == "a"
    with pytest.raises(SessionEnded, match="kicked"):
        await anext(reader)
    with pytest.raises(SessionEnded, match="kicked"):
        await anext(feed.read(9, None))


async def test_a_closed_reader_is_forgotten() -> None:
    feed = TickFeed()
    async with feed.read(9, None) as reader:
        pass

    feed.publish([tick("a", 1)])

    assert len(reader) == 0
    assert [one async for one in reader] == []
