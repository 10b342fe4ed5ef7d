"""The handler between gRPC and a stream: a real server, a real channel, a stream that a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.v1 import terminal_pb2_grpc
from relay.admission.origin.trusted_proxies import Origin
from relay.edge.stream_gate import GateLimits, StreamGate
from relay.rpc import terminal_service
from relay.rpc.listener import Listener
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import Outbox
from relay.sessions.stream import Malformed
from relay.settings.listen_section import Listen

HELLO = pb.TerminalMessage(hello=pb.Hello(protocol=1, app_id="terminal_1.0"))


class PlayedStream:
    """What the handler needs of a `TerminalStream`."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.outbox = Outbox(1_000_000)
        self.heard: list[pb.TerminalMessage | Malformed] = []
        self.hears = asyncio.Event()
        self.silent = asyncio.Event()
        self.over = asyncio.Event()
        self.on_session: Any = None
        self.fault: Exception | None = None

    async def receive(self, message: pb.TerminalMessage | Malformed) -> None:
        self.heard.append(message)
        self.hears.set()
        if self.fault is not None:
            raise self.fault

    async def has_heard(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.heard) < count:
                self.hears.clear()
                await self.hears.wait()

    def terminal_is_silent(self) -> None:
        self.silent.set()

    async def ended(self) -> None:
        self.outbox.close()
        self.over.set()


class Site:
    """A listening relay and a terminal's channel to it."""

    def __init__(self) -> None:
        self.streams: list[PlayedStream] = []
        self.fault: Exception | None = None
        self.opened = asyncio.Event()
        self.stub: Any = None
        self.listener: Listener | None = None
        self.channel: Any = None

    def open_stream(self, origin: Origin) -> Any:
        self.streams.append(PlayedStream(origin))
        self.streams[-1].fault = self.fault
        self.opened.set()
        return self.streams[-1]

    async def call(self, *messages: pb.TerminalMessage, metadata: Any = None) -> Any:
        """A stream to the relay on which these were said."""
        call = self.stub.Session(metadata=metadata)
        for message in messages:
            await call.write(message)
        await asyncio.wait_for(self.opened.wait(), 5)
        return call


def wide_gate() -> StreamGate:
    """Room for everybody."""
    return StreamGate(GateLimits(100, 100, 10.0), lambda _: 0)


@asynccontextmanager
async def listening(gate: StreamGate | None = None, **settings: Any) -> AsyncIterator[Site]:
    site = Site()
    listener = Listener(Listen(address="127.0.0.1:0", **settings), site.open_stream, gate or wide_gate(), 100)
    site.listener = listener
    port = await listener.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        site.channel, site.stub = channel, terminal_pb2_grpc.TerminalServiceStub(channel)  # type: ignore[no-untyped-call]
        yield site
    await listener.stop(0)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with listening() as open_site:
        yield open_site


async def test_messages_go_both_ways_in_order(site: Site) -> None:
    """What the terminal says is heard, what is put is read, the end is the end."""
    call = await site.call(HELLO, HELLO)
    (stream,) = site.streams
    await stream.has_heard(2)
    for number in (1, 2, 3):
        stream.outbox.put(pb.RelayMessage(sequence=number).SerializeToString())
    stream.outbox.close(Ending(EndKind.LOGGED_OUT))

    read = [message async for batch in call for message in batch.messages]

    assert [message.sequence for message in read] == [1, 2, 3, 0]
    assert read[-1].goodbye.kind == pb.Goodbye.KIND_LOGGED_OUT
    assert stream.heard == [HELLO, HELLO]
    await asyncio.wait_for(stream.over.wait(), 5)


async def test_a_message_that_is_too_large_or_nonsense_is_handed_on_as_such() -> None:
    """So that it can be refused by name; broken off by gRPC, the reason would be unknown."""
    async with listening(max_message_bytes=4096) as site:
        raw = site.channel.stream_stream("/ctprelay.v1.TerminalService/Session")
        call = raw()
        await call.write(b"\xff\xff\xff")
        await call.write(b"x" * 5000)
        await call.done_writing()
        await asyncio.wait_for(site.opened.wait(), 5)
        (stream,) = site.streams
        await asyncio.wait_for(stream.silent.wait(), 5)

        assert stream.heard == [Malformed(3, 4096), Malformed(5000, 4096)]
        stream.outbox.close()
        await call.read()


async def test_a_terminal_that_breaks_off_ends_its_stream(site: Site) -> None:
    """The session's linger time begins then, not when somebody notices."""
    call = await site.call(HELLO)

    call.cancel()

    await asyncio.wait_for(site.streams[0].over.wait(), 5)


async def test_a_fault_of_the_relay_ends_the_stream_with_a_word(site: Site) -> None:
    """A stream that is not read any more would keep its terminal waiting."""
    site.fault = RuntimeError("a fault")
    call = await site.call(HELLO)

    async with asyncio.timeout(10):
        read = [message async for batch in call for message in batch.messages]

    assert read[-1].goodbye.kind == pb.Goodbye.KIND_STREAM_FAULT
    await asyncio.wait_for(site.streams[0].over.wait(), 5)


async def test_a_terminal_that_does_not_read_is_cut(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream says why, and costs nothing any more."""
    monkeypatch.setattr(terminal_service, "_CUT_SECONDS", 0.1)
    call = await site.call(HELLO)
    (stream,) = site.streams
    big = pb.RelayMessage(goodbye=pb.Goodbye(reason="x" * 900_000)).SerializeToString()
    for _ in range(60):
        stream.outbox.put(big)
        await asyncio.sleep(0)

    await asyncio.wait_for(stream.over.wait(), 10)

    assert stream.outbox.overrun.is_set()
    call.cancel()


async def test_there_is_one_method(site: Site) -> None:
    """Everything else is told to be unknown by gRPC itself."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await site.channel.unary_unary("/ctprelay.v1.TerminalService/Other")(b"")

    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_stream_for_which_there_is_no_slot_is_refused_by_name() -> None:
    """With the time to wait; a stream that ends, or has a session, gives its slot to the next."""
    gate = StreamGate(GateLimits(per_address=1, total=10, patience_seconds=0.05), lambda _: 0)
    async with listening(gate) as site:
        first = await site.call(HELLO)
        refused = site.stub.Session()
        async with asyncio.timeout(10):
            (message,) = [message async for batch in refused for message in batch.messages]
        site.streams[0].on_session()
        site.opened.clear()
        second = await site.call(HELLO)
        second.cancel()
        await asyncio.wait_for(site.streams[1].over.wait(), 5)
        site.opened.clear()
        third = await site.call(HELLO)

        assert message.rejected.reason == "too_many_streams"
        assert message.rejected.retry_after_seconds > 0
        assert len(site.streams) == 3
        assert gate.held == 1
        first.cancel()
        third.cancel()


async def test_a_terminal_that_writes_meets_no_end_before_it_has_read_the_last_word(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC fails a write that meets the stream's end, and loses what was not read yet: so the end comes when it hangs up."""
    monkeypatch.setattr(terminal_service, "_HANG_UP_SECONDS", 60.0)
    call = await site.call(HELLO)
    (stream,) = site.streams
    stream.on_proved()  # type: ignore[attr-defined]  # the handler gives it
    stream.outbox.close(Ending(EndKind.KICKED))

    (goodbye,) = (await call.read()).messages
    for _ in range(20):
        await call.write(HELLO)
    await call.done_writing()

    assert goodbye.goodbye.kind == pb.Goodbye.KIND_KICKED
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK
    assert stream.over.is_set()


async def test_a_terminal_that_does_not_hang_up_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has had the last word."""
    monkeypatch.setattr(terminal_service, "_HANG_UP_SECONDS", 0.01)
    call = await site.call(HELLO)
    (stream,) = site.streams
    stream.on_proved()  # type: ignore[attr-defined]  # the handler gives it
    stream.outbox.close(Ending(EndKind.KICKED))

    assert await call.read() is not grpc.aio.EOF
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK
