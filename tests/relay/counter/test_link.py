"""A terminal's end of the way to the counter: order of items, the end of the stream, its own numbers."""

from __future__ import annotations

import asyncio

import pytest

from relay.counter.ctp.link import CtpLink
from relay.counter.port import Attached, CounterEvent, LinkState, LinkStatus
from relay.errors import Refused
from tests.relay.counter.played_board import Board
from tests.relay.hand_loop import settled


async def test_items_come_out_in_the_order_they_were_put_as_one_burst(shared: Board) -> None:
    """A write for each event would cost a terminal its speed."""
    link = fresh(shared)
    items = [CounterEvent("OnRtnOrder", bytes([n])) for n in range(5)]
    for item in items:
        link.put(item)

    batch = await anext(link.batches())

    assert list(batch) == items


async def test_the_stream_of_a_link_ends_with_its_end(shared: Board) -> None:
    """Whoever reads it needs no other sign that the counter session is over."""
    link = fresh(shared)
    link.put(LinkStatus(LinkState.RECOVERING))
    link.put(LinkStatus(LinkState.ENDED, "forced out"))

    states = [
        item.state for batch in [b async for b in link.batches()] for item in batch if isinstance(item, LinkStatus)
    ]

    assert states == [LinkState.RECOVERING, LinkState.ENDED]


async def test_an_item_put_while_nobody_reads_wakes_the_next_reader(shared: Board) -> None:
    """Nothing waits for a second event to come."""
    link = fresh(shared)
    batches = link.batches()
    link.put(CounterEvent("OnRtnOrder", b"1"))
    await anext(batches)
    reading = asyncio.ensure_future(anext(batches))
    await settled()

    link.put(CounterEvent("OnRtnTrade", b"2"))

    (item,) = await asyncio.wait_for(reading, 5)
    assert isinstance(item, CounterEvent)
    assert item.callback == "OnRtnTrade"


async def test_a_terminal_sees_the_login_with_numbers_of_its_own(shared: Board) -> None:
    """The counter's FrontID and SessionID are the operator's; a terminal that used them would meet others' orders."""
    link = fresh(shared)

    link.see(Attached("20261123", "09:00:00", 1, 77, 4711, "3", "TradingHosting", 0))

    assert (link.attached.front_id, link.attached.session_id) == (link.lane.front, link.lane.session)
    assert link.attached.max_order_ref == 0
    assert link.attached.trading_day == "20261123"


async def test_detaching_twice_is_detaching_once(shared: Board) -> None:
    """The end of a session may have two causes at the same moment."""
    detached: list[str] = []

    async def count(_: CtpLink, reason: str) -> None:
        detached.append(reason)

    link = shared.board.add("s", fresh(shared).lane.identity, count, from_now=True)

    await link.detach("logged out")
    await link.detach("linger time over")

    assert detached == ["logged out"]


def fresh(board: Board) -> CtpLink:
    """A link nobody reads yet."""
    identity = board.terminal("100009").link.lane.identity
    return board.board.add("fresh", identity, board._detach, from_now=True)


async def test_a_query_whose_number_is_still_unanswered_is_refused(shared: Board) -> None:
    """Two answers under one number could not be told apart."""
    mine, other = shared.terminal("100001"), shared.terminal("100001")
    await shared.call(mine, "ReqQryTrade", 5)

    with pytest.raises(Refused) as refused:
        await shared.call(mine, "ReqQryOrder", 5)
    await shared.answer("OnRspQryTrade", 1)
    await shared.call(other, "ReqQryOrder", 5)
    await shared.answer("OnRspQryOrder", 2)
    again = await shared.call(mine, "ReqQryTrade", 5)

    assert refused.value.refusal.reason == "request_id_in_use"
    assert again.return_code == 0
