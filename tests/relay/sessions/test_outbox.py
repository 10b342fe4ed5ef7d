"""What waits for one terminal stream: batched when there is a backlog, bounded when the terminal does not read."""

from __future__ import annotations

import asyncio

from ctprelay.v1 import terminal_pb2 as pb
from relay.sessions import frames
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import SLOW_READER, Outbox
from tests.relay.hand_loop import settled


def message(number: int, size: int = 0) -> bytes:
    return pb.RelayMessage(sequence=number, goodbye=pb.Goodbye(reason="x" * size)).SerializeToString()


async def drained(outbox: Outbox) -> list[pb.RelayMessage]:
    messages: list[pb.RelayMessage] = []
    while (batch := await outbox.next_batch()) is not None:
        messages.extend(pb.RelayBatch.FromString(batch).messages)
    return messages


async def test_a_backlog_goes_out_in_order_and_in_few_batches() -> None:
    """Every message on its own would cost a write each."""
    outbox = Outbox(limit=1_000_000)
    for number in range(1, 101):
        outbox.put(message(number))
    outbox.close()

    first = pb.RelayBatch.FromString(await outbox.next_batch() or b"")
    rest = await drained(outbox)

    assert len(first.messages) > 1
    assert [m.sequence for m in (*first.messages, *rest)] == list(range(1, 101))


async def test_one_message_is_sent_at_once_without_waiting_for_more() -> None:
    """A backlog is used where there is one, never waited for."""
    outbox = Outbox(limit=1000)
    waiting = asyncio.ensure_future(outbox.next_batch())
    await asyncio.sleep(0)
    outbox.put(message(1))

    batch = await asyncio.wait_for(waiting, 60)

    assert [m.sequence for m in pb.RelayBatch.FromString(batch or b"").messages] == [1]


async def test_a_terminal_that_does_not_read_is_told_and_cut_at_the_limit() -> None:
    """Its events stay in the journal; here they cost no more than the limit."""
    outbox = Outbox(limit=1000)
    for number in range(1, 20):
        outbox.put(message(number, size=100))

    await asyncio.wait_for(outbox.overrun.wait(), 60)
    messages = await drained(outbox)

    assert [m.goodbye.kind for m in messages] == [pb.Goodbye.KIND_SLOW_READER]


async def test_what_waits_is_counted_as_it_is_through_an_overrun() -> None:
    """The figure is what a person sees of a queue: after the overrun the goodbye alone, after it nothing."""
    outbox = Outbox(limit=1000)
    for number in range(1, 20):
        outbox.put(message(number, size=100))
    goodbye = frames.goodbye(SLOW_READER)

    assert outbox.waiting == (1, len(goodbye))
    await drained(outbox)
    assert outbox.waiting == (0, 0)


async def test_after_the_end_nothing_is_taken_any_more() -> None:
    """What is said after Goodbye would be lost silently."""
    outbox = Outbox(limit=1000)
    outbox.close(Ending(EndKind.LOGGED_OUT))
    outbox.put(message(1))

    messages = await drained(outbox)

    assert [m.goodbye.kind for m in messages] == [pb.Goodbye.KIND_LOGGED_OUT]


def test_a_frame_made_by_hand_is_what_the_protobuf_library_would_make() -> None:
    """The fast path may not differ by a byte."""
    body = pb.RelayMessage(goodbye=pb.Goodbye(reason="再见"))
    by_library = pb.RelayMessage(sequence=300, goodbye=pb.Goodbye(reason="再见")).SerializeToString()

    assert frames.sequence(300) + body.SerializeToString() == by_library
    assert (
        frames.batch([(frames.sequence(300), body.SerializeToString())])
        == pb.RelayBatch(messages=[pb.RelayMessage.FromString(by_library)]).SerializeToString()
    )


async def test_a_batch_has_256_messages_or_128_kib_at_most() -> None:
    """Counted before the last one is taken: a batch is never empty, and the message limit of gRPC is far."""
    many, large = Outbox(limit=1_000_000), Outbox(limit=1_000_000)
    for number in range(257):
        many.put(message(number))
    for number in range(5):
        large.put(message(number, size=40 * 1024))

    sizes = [
        [len(pb.RelayBatch.FromString(await outbox.next_batch() or b"").messages) for _ in range(2)]
        for outbox in (many, large)
    ]

    assert sizes == [[256, 1], [4, 1]]


async def test_as_many_bytes_as_are_allowed_may_wait() -> None:
    """One more is too many; what is written makes room again."""
    outbox, one = Outbox(limit=20), b"x" * 10
    outbox.put(one)
    outbox.put(one)
    full = outbox.waiting, outbox.overrun.is_set()
    await outbox.next_batch()
    outbox.put(one)
    again = outbox.waiting, outbox.closed
    outbox.put(one)
    outbox.put(b"x")

    assert full == ((2, 20), False)
    assert again == ((1, 10), False)
    assert (outbox.overrun.is_set(), outbox.closed, outbox.when_over().done()) == (True, True, True)


async def test_who_waits_for_the_next_batch_hears_of_the_end() -> None:
    """Also where nothing more is written; a second end changes nothing of the first."""
    outbox = Outbox(limit=1000)
    waiting = asyncio.ensure_future(outbox.next_batch())
    await asyncio.sleep(0)
    over = outbox.when_over()
    was_over = over.done()
    outbox.close()
    outbox.close(Ending(EndKind.KICKED))

    assert not was_over
    assert await asyncio.wait_for(waiting, 60) is None
    assert outbox.waiting == (0, 0)
    assert over.done()
    assert not outbox.overrun.is_set()


async def test_a_burst_is_written_as_its_messages_one_by_one() -> None:
    """With what each begins with, in their order; and it overruns the limit as they do."""
    messages = [message(number) for number in range(6)]
    at_once, one_by_one = Outbox(limit=1_000_000), Outbox(limit=1_000_000)
    at_once.put_burst(300, messages)
    for number, rest in enumerate(messages, 300):
        one_by_one.put(rest, frames.sequence(number))

    assert at_once.waiting == one_by_one.waiting
    assert await at_once.next_batch() == await one_by_one.next_batch()

    size = sum(len(frames.sequence(300) + rest) for rest in messages)
    for limit, is_overrun in ((size, False), (size - 1, True)):
        bounded = Outbox(limit=limit)
        bounded.put_burst(300, messages)
        assert bounded.overrun.is_set() == is_overrun


class Road:
    """Takes batches at once while it has room; a writer takes the rest, as that of a stream does."""

    def __init__(self, outbox: Outbox) -> None:
        self.has_room = True
        self.at_once: list[list[int]] = []
        self.by_writer: list[list[int]] = []
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.outbox = outbox
        outbox.write_at_once = self.take

    def take(self, batch: bytes) -> bool:
        if self.has_room:
            self.at_once.append([m.sequence for m in pb.RelayBatch.FromString(batch).messages])
        return self.has_room

    async def write(self) -> None:
        while (batch := await self.outbox.next_batch()) is not None:
            self.by_writer.append([m.sequence for m in pb.RelayBatch.FromString(batch).messages])
            await self.may_write.wait()


def burst(first: int, last: int) -> tuple[int, list[bytes]]:
    return first, [message(0)] * (last - first + 1)


async def test_a_burst_is_written_in_the_moment_in_which_it_comes() -> None:
    """A turn of the loop costs a notice more than its write; what was put before goes with it, or before it."""
    outbox = Outbox(limit=1_000_000)
    road = Road(outbox)
    writing = asyncio.ensure_future(road.write())
    await settled()

    outbox.put_burst(*burst(1, 2))
    written = list(road.at_once), outbox.waiting
    outbox.put(message(0), frames.sequence(3))
    outbox.put_burst(*burst(4, 4))
    outbox.close()
    await asyncio.wait_for(writing, 60)

    assert written == ([[1, 2]], (0, 0))
    assert (road.at_once, road.by_writer) == ([[1, 2]], [[3, 4]])


async def test_what_has_no_room_is_the_writers_and_nothing_passes_it() -> None:
    """While the writer waits for the terminal, what comes waits behind it, though there were room again."""
    outbox = Outbox(limit=1_000_000)
    road = Road(outbox)
    writing = asyncio.ensure_future(road.write())
    await settled()

    road.has_room = False
    road.may_write.clear()
    outbox.put_burst(*burst(1, 1))
    await settled()
    road.has_room = True
    outbox.put_burst(*burst(2, 2))
    between = outbox.waiting[0]
    road.may_write.set()
    await settled()
    outbox.put_burst(*burst(3, 3))
    outbox.close()
    await asyncio.wait_for(writing, 60)

    assert between == 1
    assert (road.at_once, road.by_writer) == ([[3]], [[1], [2]])


async def test_a_burst_without_a_writer_waits_for_one() -> None:
    """A stream's writer begins after its conversation."""
    outbox = Outbox(limit=1_000_000)
    road = Road(outbox)
    outbox.put_burst(*burst(1, 1))

    assert (road.at_once, outbox.waiting[0]) == ([], 1)


async def test_a_burst_beyond_a_batch_is_written_in_batches() -> None:
    """None is larger than what a terminal is ready for."""
    outbox = Outbox(limit=1_000_000)
    road = Road(outbox)
    writing = asyncio.ensure_future(road.write())
    await settled()

    outbox.put_burst(*burst(1, 600))
    outbox.close()
    await asyncio.wait_for(writing, 60)

    assert [len(batch) for batch in road.at_once] == [256, 256, 88]
    assert [number for batch in road.at_once for number in batch] == list(range(1, 601))
