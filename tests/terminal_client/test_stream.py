"""Writing to a stream whose other side is slow: nothing is lost, doubled, or sent after its caller gave up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.stream import Stream, StreamBroken


class SlowCall:
    """A gRPC call that takes one message for each `let`."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.cancelled = False
        self.broken = False
        self._permits = asyncio.Semaphore(0)
        self.progress = asyncio.Condition()

    async def write(self, message: pb.TerminalMessage) -> None:
        await self._permits.acquire()
        if self.broken:
            raise asyncio.InvalidStateError("RPC already finished.")
        self.written.append(message.call.request_id)
        async with self.progress:
            self.progress.notify_all()

    async def let(self, count: int) -> None:
        wanted = len(self.written) + count
        for _ in range(count):
            self._permits.release()
        async with self.progress:
            await self.progress.wait_for(lambda: len(self.written) >= wanted)

    async def read(self) -> Any:
        if self.broken:
            return grpc.aio.EOF
        return await asyncio.Event().wait()

    async def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    async def details(self) -> str:
        return "gone"

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
async def call() -> SlowCall:
    return SlowCall()


@pytest.fixture
async def stream(call: SlowCall) -> AsyncIterator[Stream]:
    stream = Stream(cast("Any", call))
    yield stream
    stream.cancel()


def message(number: int) -> pb.TerminalMessage:
    return pb.TerminalMessage(call=pb.Call(request_id=number))


async def test_messages_leave_in_order(stream: Stream, call: SlowCall) -> None:
    """What was sent first is written first, however slowly."""
    for number in (1, 2, 3):
        stream.send(message(number))

    await call.let(1)
    await call.let(2)

    assert call.written == [1, 2, 3]


async def test_a_withdrawn_message_never_leaves(stream: Stream, call: SlowCall) -> None:
    """A caller that gave up takes its order back, as long as it has not left; an equal one of another stays."""
    kept, taken = message(2), message(2)
    for item in (message(1), kept, taken, message(3)):
        stream.send(item)

    assert stream.withdraw(taken)
    await call.let(3)

    assert call.written == [1, 2, 3]
    assert not stream.withdraw(taken)
    assert not stream.withdraw(kept)


async def test_a_stream_that_takes_nothing_more_shows_in_reading(stream: Stream, call: SlowCall) -> None:
    """A failed write ends nothing by itself; the reader learns why the stream ended."""
    call.broken = True
    stream.send(message(1))

    with pytest.raises(StreamBroken, match="UNAVAILABLE: gone"):
        await stream.receive()


async def test_cancelling_ends_call_and_writer(stream: Stream, call: SlowCall) -> None:
    """Nothing goes on behind a cancelled stream."""
    stream.send(message(1))

    stream.cancel()
    await asyncio.wait([stream._writer])

    assert call.cancelled
    assert call.written == []
