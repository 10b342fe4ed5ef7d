"""A terminal's end of the way to the counter: order of items, the end of the stream, its own numbers."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from ctpabi.api.spi import RawEvent
from ctprelay.ctp.v1.requests_pb2 import Request
from ctprelay.ctp.v1.structs_pb2 import InputOrder, QryTrade
from relay.counter.ctp.orders.link import SLICE_SECONDS, CtpLink
from relay.counter.port import Attached, CounterEvent, LinkState, LinkStatus, SharedEvents, TerminalCall
from relay.refusals.refusal import Refused
from tests.relay.counter.batches import batches
from tests.relay.counter.ctp.ctp_bodies import callback
from tests.relay.counter.ctp.played_board import AFTER_LOGIN, Board, event_body, order_fields
from tests.relay.hand_loop import settled


async def test_items_come_out_in_the_order_they_were_put_as_one_burst(shared: Board) -> None:
    """A write for each event would cost a terminal its speed."""
    link = fresh(shared)
    items = [CounterEvent("OnRtnOrder", bytes([n])) for n in range(5)]
    for item in items:
        link.put(item)

    batch = await anext(batches(link))

    assert list(batch) == items


async def test_the_stream_of_a_link_ends_with_its_end(shared: Board) -> None:
    """Whoever reads it needs no other sign that the counter session is over."""
    link = fresh(shared)
    link.put(LinkStatus(LinkState.RECOVERING))
    link.put(LinkStatus(LinkState.ENDED, "forced out"))

    states = [
        item.state for batch in [b async for b in batches(link)] for item in batch if isinstance(item, LinkStatus)
    ]

    assert states == [LinkState.RECOVERING, LinkState.ENDED]


async def test_an_item_put_while_nobody_reads_wakes_the_next_reader(shared: Board) -> None:
    """Nothing waits for a second event to come."""
    link = fresh(shared)
    bursts = batches(link)
    link.put(CounterEvent("OnRtnOrder", b"1"))
    await anext(bursts)
    reading = asyncio.ensure_future(anext(bursts))
    await settled()

    link.put(CounterEvent("OnRtnTrade", b"2"))

    (item,) = await asyncio.wait_for(reading, 5)
    assert isinstance(item, CounterEvent)
    assert item.callback == "OnRtnTrade"


async def test_a_terminal_sees_the_login_with_numbers_of_its_own(shared: Board) -> None:
    """The counter's FrontID and SessionID are the operator's; a terminal that used them would meet others' orders."""
    link = fresh(shared)

    link.see(Attached("20261123", "09:00:00", 1, 77, 4711, "3", "TradingHosting", 0))

    assert (link.attached.front_id, link.attached.session_id) == (link.route.lane.front, link.route.lane.session)
    assert link.attached.max_order_ref == 0
    assert link.attached.trading_day == "20261123"


async def test_detaching_twice_is_detaching_once(shared: Board) -> None:
    """The end of a session may have two causes at the same moment."""
    detached: list[str] = []

    async def count(_: CtpLink, reason: str) -> None:
        detached.append(reason)

    link = shared.board.add("s", fresh(shared).route.lane.identity, count, from_now=True)

    await link.detach("logged out")
    await link.detach("linger time over")

    assert detached == ["logged out"]


def fresh(board: Board) -> CtpLink:
    """A link nobody reads yet."""
    identity = board.terminal("100009").link.route.lane.identity
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


# Without a turn of the loop -----------------------------------------------------------------------------------


async def test_a_notice_is_with_the_terminal_in_the_moment_in_which_the_session_has_it(shared: Board) -> None:
    """A turn of the loop costs an order more than all that is decided about its notice."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    await settled()

    shared.session.items.append(RawEvent(callback("OnRtnOrder"), event_body("OnRtnOrder", InvestorID="100001"), None))
    shared.session.on_items()

    assert [event.WhichOneof("body") for event in mine.events()] == ["rtn_order"]
    assert other.events() == []


async def test_what_all_get_is_handed_over_in_turns_and_what_one_gets_meanwhile_waits_for_none(shared: Board) -> None:
    """A public notice to a thousand terminals must not hold the loop, nor the next order's notice."""
    terminals = [shared.terminal("100001") for _ in range(40)]
    late = shared.terminal("100002")
    await settled()

    shared.session.items.append(RawEvent(callback("OnRtnInstrumentStatus"), event_body("OnRtnInstrumentStatus"), None))
    shared.session.on_items()
    at_once = sum(map(len, (terminal.items for terminal in terminals)))
    for _ in range(2):
        shared.session.items.append(
            RawEvent(callback("OnRtnOrder"), event_body("OnRtnOrder", InvestorID="100002"), None)
        )
    shared.session.on_items()
    names = [item.callback for item in late.items if isinstance(item, CounterEvent)]
    await settled()

    assert 0 < at_once < 40
    assert names == ["OnRtnInstrumentStatus", "OnRtnOrder"]
    assert all(len(terminal.items) == 1 for terminal in terminals)


async def test_an_order_waits_for_no_fan_out_in_any_of_its_steps(shared: Board) -> None:
    """While it is under way at the counter nothing is handed over to others; its notice comes first, and then theirs."""
    terminals = [shared.terminal("100001") for _ in range(40)]
    trades = shared.terminal("100002")
    await settled()
    stopped = asyncio.get_running_loop().time()
    asyncio.get_running_loop().time = lambda: stopped  # type: ignore[method-assign]

    def had() -> int:
        return sum(len(terminal.items) for terminal in terminals)

    await shared.call(trades, "ReqOrderInsert", **order_fields())
    put_notice(shared, "OnRtnInstrumentStatus", EnterTime=AFTER_LOGIN)
    await settled()
    under_way = had()
    put_notice(shared, "OnRtnOrder", InvestorID="100002")
    when_it_came = had(), [item.callback for item in trades.items if isinstance(item, CounterEvent)]
    for _ in range(2):
        await settled()

    assert 0 < under_way < 10
    assert when_it_came == (under_way, ["OnRtnInstrumentStatus", "OnRtnOrder"])
    assert had() == 40


def put_notice(board: Board, name: str, **fields: Any) -> None:
    board.session.items.append(RawEvent(callback(name), event_body(name, **fields), None))
    board.session.on_items()


async def test_what_all_get_is_kept_once_until_each_has_it(shared: Board) -> None:
    """No terminal is visited for it before its turn, and none that came later has it; a reader that comes late does."""
    terminals = [shared.terminal("100001") for _ in range(40)]
    unread = fresh(shared)
    await settled()
    body = event_body("OnRtnInstrumentStatus", EnterTime=AFTER_LOGIN)
    shared.session.items.append(RawEvent(callback("OnRtnInstrumentStatus"), body, None))
    shared.session.on_items()
    kept = shared.board._router.notices.shared
    before = len(kept.after(0))
    later = shared.board.add("later", unread.route.lane.identity, shared._detach, from_now=True)
    await settled()

    assert (before, kept.after(0)) == (1, SharedEvents())
    assert all(len(terminal.items) == 1 for terminal in terminals)
    assert [len(link.route.items.take()) for link in (unread, later)] == [1, 0]


async def test_a_terminals_fault_with_an_item_is_its_own(shared: Board) -> None:
    """The counter session goes on for all others, and for them in the same moment."""
    mine = fresh(shared)

    def take(_: object) -> None:
        raise RuntimeError("a fault of the room above")

    taking = asyncio.ensure_future(mine.deliver_to(take))
    other = shared.terminal("100009")
    await settled()
    await shared.notice("OnRtnOrder", InvestorID="100009")

    assert len(other.events("OnRtnOrder")) == 1
    assert not shared.board.ended.is_set()
    with pytest.raises(RuntimeError, match="room above"):
        await asyncio.wait_for(taking, 5)


# Big answers and replays --------------------------------------------------------------------------------------


class SlowClock:
    """Each look at the clock takes a tenth of a slice, so that a slice has about ten items, on any machine."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time()
        loop.time = self._tick  # type: ignore[method-assign]

    def _tick(self) -> float:
        self._now += SLICE_SECONDS / 10
        return self._now


def rows(request_id: int, count: int) -> list[CounterEvent]:
    return [CounterEvent("OnRspQryInstrument", b"", request_id, 0, n == count - 1) for n in range(count)]


async def test_a_big_answer_is_given_in_slices_and_others_have_their_turn(shared: Board) -> None:
    """Two terminals that ask for thousands of rows hold up neither each other nor anything else of the loop."""
    SlowClock()
    left, right = shared.terminal("100001"), shared.terminal("100002")
    turns = 0

    async def something_else() -> None:
        nonlocal turns
        while len(left.items) < 500 or len(right.items) < 500:
            turns += 1
            await asyncio.sleep(0)

    for terminal in (left, right):
        terminal.link.route.items.put_later(5, iter(rows(5, 500)))
    await something_else()

    assert left.items == right.items == rows(5, 500)
    assert turns >= 50


async def test_what_belongs_behind_a_big_answer_stays_behind_and_the_rest_does_not_wait(shared: Board) -> None:
    """Rows in their order and the end last; an order's notice comes in between."""
    SlowClock()
    mine = shared.terminal("100001")
    link, notice = mine.link, CounterEvent("OnRtnOrder", b"")
    link.route.items.put_later(5, iter(rows(5, 100)[:-1]))
    await asyncio.sleep(0)
    link.put(rows(5, 1)[0])
    link.put(notice)
    await settled()

    answer = [item for item in mine.items if item is not notice]
    assert answer == rows(5, 100)
    assert mine.items.index(notice) < 60


async def test_live_notices_stay_behind_the_replay_and_the_end_of_the_session_does_not(shared: Board) -> None:
    """A terminal is shown the day in its order; one whose session has ended is told at once."""
    SlowClock()
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    day = [CounterEvent("OnRtnOrder", bytes([n])) for n in range(100)]
    live, end = CounterEvent("OnRtnOrder", b"live"), LinkStatus(LinkState.ENDED, "over")
    for terminal in (mine, other):
        terminal.link.route.items.put_later(0, iter(day))
    mine.link.put(live)
    other.link.put(end)
    await settled()

    assert mine.items == [*day, live]
    assert other.items[-1] is end
    assert len(other.items) < 50


@pytest.mark.parametrize(
    ("request_message", "why"),
    [
        (Request(), "the call carries no request this relay's CTP version knows"),
        (Request(qry_trade=QryTrade(investor_id="1" * 50)), "QryTrade.InvestorID"),
        (Request(order_insert=InputOrder(direction=cast("Any", 300))), "InputOrder.Direction"),
    ],
)
async def test_a_message_that_ctp_cannot_carry_is_refused_and_never_cut(
    shared: Board, request_message: Request, why: str
) -> None:
    """No request, or text that does not fit into the struct: nothing reaches the counter."""
    mine = shared.terminal("100001")

    with pytest.raises(Refused) as refused:
        await mine.link.submit(TerminalCall(request_message, 1, 3.0))

    assert refused.value.refusal.reason == "request_malformed"
    assert why in refused.value.refusal.message
    assert shared.session.called == []
