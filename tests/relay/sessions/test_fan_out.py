"""One event for many terminals: one object of bytes in all journals, and streams written in turns that let others between."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise

from ctprelay.ctp.v1 import events_pb2 as events
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import CounterEvent, NativeError, SharedEvents
from relay.sessions.fan_out import FanOut
from relay.sessions.outbox import Outbox
from relay.sessions.session import TerminalSession
from tests.relay.evidence import KeptEvidence
from tests.relay.sessions.played_counter import House, applicant, read

MANY = 200
LIMIT = 2000


def notice(number: int) -> CounterEvent:
    """Bytes of its own at each call, as each investor's are encoded."""
    event = events.Event()
    event.rtn_instrument_status.trading_segment_sn = number
    return CounterEvent("OnRtnInstrumentStatus", event.SerializeToString())


class Written:
    """Streams whose writers note who was written, in order."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.outboxes: dict[str, Outbox] = {}

    def add(self, name: str, limit: int = 100_000) -> Outbox:
        outbox = self.outboxes[name] = Outbox(limit)
        return outbox

    async def write(self, name: str) -> None:
        while await self.outboxes[name].next_batch() is not None:
            self.order.append(name)


async def writing(count: int) -> tuple[Written, list[asyncio.Task[None]]]:
    written = Written()
    for number in range(count):
        written.add(str(number))
    tasks = [asyncio.ensure_future(written.write(name)) for name in written.outboxes]
    await asyncio.sleep(0)
    return written, tasks


async def over(written: Written, tasks: list[asyncio.Task[None]]) -> None:
    for outbox in written.outboxes.values():
        outbox.close()
    await asyncio.gather(*tasks)


def to_all(fan_out: FanOut, written: Written, event: CounterEvent) -> None:
    for outbox in written.outboxes.values():
        message, turns = fan_out.frame(event)
        outbox.put(message, turns=turns)


async def three_that_read(house: House) -> tuple[list[TerminalSession], list[Outbox]]:
    """Sessions whose terminals have read their welcome."""
    sessions = [await house.sessions.admit(applicant(f"s-{one}", f"10000{one}")) for one in range(3)]
    outboxes = [Outbox(100_000) for _ in sessions]
    for session, outbox in zip(sessions, outboxes, strict=True):
        session.attach(outbox)
        await read(outbox)
    return sessions, outboxes


async def test_the_same_notice_is_one_object_in_all_journals() -> None:
    """A thousand terminals keep a public notice once, though each gets it under a sequence of its own."""
    house = House(KeptEvidence())
    sessions, outboxes = await three_that_read(house)
    sessions[0]._take([notice(7)])  # the first has one more before
    for session in sessions:
        session._take([notice(8)])

    kept = [session._journal.replay(0).items[-1] for session in sessions]
    heard = [(await read(outbox))[-1] for outbox in outboxes]

    assert len({id(message) for _, message in kept}) == 1
    assert [sequence for sequence, _ in kept] == [message.sequence for message in heard] == [2, 1, 1]
    assert {message.event.rtn_instrument_status.trading_segment_sn for message in heard} == {8}


async def test_what_all_get_is_framed_once_and_numbered_for_each() -> None:
    """As a whole, however many notices it has; each terminal has them behind its own."""
    house = House(KeptEvidence())
    sessions, outboxes = await three_that_read(house)
    shared = SharedEvents([notice(8), notice(9)])
    sessions[0]._take([notice(7)])
    for session in sessions:
        session._take(shared)

    kept = [[message for _, message in session._journal.replay(0).items[-2:]] for session in sessions]
    heard = [[message for message in await read(outbox) if message.sequence] for outbox in outboxes]

    assert [len({id(one) for one in of_all}) for of_all in zip(*kept, strict=True)] == [1, 1]
    assert [[m.sequence for m in messages] for messages in heard] == [[1, 2, 3], [1, 2], [1, 2]]
    assert [m.event.rtn_instrument_status.trading_segment_sn for m in heard[0]] == [7, 8, 9]
    assert [session.activity.events for session in sessions] == [3, 2, 2]


async def test_an_order_is_written_before_the_rest_of_a_fan_out() -> None:
    """What comes in while many are to be written, and concerns one terminal, waits for none of them."""
    written, tasks = await writing(MANY)
    loop, order = asyncio.get_running_loop(), asyncio.Event()
    to_all(FanOut(), written, notice(1))

    def order_comes() -> None:
        written.outboxes[str(MANY - 1)].put(pb.RelayMessage(call_result=pb.CallResult()).SerializeToString())
        order.set()

    loop.call_soon(loop.call_soon, order_comes)  # in one of the next rounds, as a socket's bytes do
    await order.wait()
    before = len(written.order)
    await over(written, tasks)

    place = written.order.index(str(MANY - 1))
    assert 0 < before < MANY // 2
    assert place < before + MANY // 4
    assert set(written.order) == set(written.outboxes)
    assert len(written.order) == MANY  # the order's terminal got the notice with it, and had no turn after that


async def test_a_round_of_the_loop_writes_few_streams_of_a_fan_out() -> None:
    """Whatever the loop has to do comes between them, however many they are."""
    written, tasks = await writing(MANY)
    loop, seen, all_written = asyncio.get_running_loop(), list[int](), asyncio.Event()

    def look() -> None:
        seen.append(len(written.order))
        if seen[-1] < MANY:
            loop.call_soon(look)
        else:
            all_written.set()

    fan_out = FanOut()
    to_all(fan_out, written, notice(1))
    loop.call_soon(look)
    await asyncio.wait_for(all_written.wait(), 60)
    await over(written, tasks)

    assert max(after - before for before, after in pairwise(seen)) <= 2 * 16


async def test_each_terminal_gets_a_burst_to_many_in_its_order() -> None:
    """Turns change who is written when, never what one terminal reads first."""
    written = Written()
    outboxes = [written.add(str(number)) for number in range(MANY)]
    fan_out = FanOut()
    for number in range(1, 6):
        for outbox in outboxes:
            message, turns = fan_out.frame(notice(number))
            outbox.put(message, turns=turns)
    read_by_each = await asyncio.gather(*map(read, outboxes))

    for messages in read_by_each:
        numbers = [m.event.rtn_instrument_status.trading_segment_sn for m in messages]
        assert numbers == [1, 2, 3, 4, 5]


async def test_a_terminal_that_does_not_read_a_fan_out_is_cut_at_its_limit() -> None:
    """Shared bytes count for each terminal that has them to get; the others go on."""
    fan_out, reads, stuck = FanOut(), Outbox(LIMIT), Outbox(LIMIT)
    size = 0
    for number in range(1000):
        for outbox in (reads, stuck):
            message, turns = fan_out.frame(notice(number))
            outbox.put(message, turns=turns)
            size += len(message)
        await read(reads)

    assert size > 4 * LIMIT
    assert stuck.overrun.is_set()
    assert not reads.overrun.is_set()
    assert reads.waiting == (0, 0)


def test_an_answer_is_framed_for_its_terminal_alone() -> None:
    """Rows of an answer push no notice out of what is remembered, and never wait for a turn."""
    fan_out = FanOut()
    shared, _ = fan_out.frame(notice(1))
    frame = partial(CounterEvent, "OnRspQryTrade", notice(2).wire)
    answers = [fan_out.frame(frame(request_id=9)) for _ in range(500)]
    native = [fan_out.frame(frame(native=NativeError("1", "no", 1))) for _ in range(500)]
    again, turns = fan_out.frame(notice(1))

    assert all(in_turn is None for _, in_turn in (*answers, *native))
    assert again is shared
    assert turns is not None
