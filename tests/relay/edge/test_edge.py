"""The accept loop: bounds that hold for real connections, and a process without descriptors."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog.testing

from relay.edge import edge as edge_module
from relay.edge import passage
from relay.edge.allowance import STREAMS
from relay.edge.causes import Cause
from relay.edge.descriptors import most_logging_in, most_strangers
from relay.edge.edge import Edge
from relay.edge.limits import EdgeLimits
from relay.edge.pace import PaceLimits
from relay.edge.shares import ShareLimits

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LIMITS = EdgeLimits(ShareLimits(6, 4), ShareLimits(3, 3), PaceLimits(100.0, 20.0), 4096, 5.0, 10)


class Inner:
    """What stands for gRPC: answers what it gets."""

    def __init__(self) -> None:
        self.accepted = 0
        self.open: set[asyncio.Task[Any]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def edge_at_work(
    limits: EdgeLimits = LIMITS, known: Callable[[str], bool] = lambda _: False, inner: Inner | None = None
) -> AsyncIterator[tuple[Edge, int, Inner]]:
    inner = inner or Inner()
    server = await asyncio.start_server(inner.take, "127.0.0.1", 0)
    edge = Edge(limits, known, tls=False)
    inner_port = server.sockets[0].getsockname()[1]
    port = await edge.start("127.0.0.1:0", (inner_port, inner_port))
    try:
        yield edge, port, inner
    finally:
        edge.stop()
        server.close()
        await asyncio.gather(*inner.open)


async def opened(port: int, source: str, first: bytes = PREFACE) -> socket.socket:
    connection = socket.socket()
    connection.bind((source, 0))
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", port))
    await loop.sock_sendall(connection, first)
    return connection


async def answer(connection: socket.socket, size: int = 65536) -> bytes:
    """What came, empty where the edge closed it."""
    try:
        async with asyncio.timeout(10):
            return await asyncio.get_running_loop().sock_recv(connection, size)
    except ConnectionResetError:
        return b""


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - nothing says it
            await asyncio.sleep(0.005)


async def test_bytes_go_both_ways_whole_and_in_order() -> None:
    """Also where one side reads late: then the other is read late."""
    async with edge_at_work(replace(LIMITS, max_message=4 << 20)) as (_, port, _):
        connection = await opened(port, "127.0.0.1")
        much = bytes(range(256)) * 1000
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(connection, much))
        received = b""
        while len(received) < len(PREFACE + much):
            received += await answer(connection)
        await sending
        connection.close()

    assert received == PREFACE + much


async def test_no_more_handshakes_are_begun_than_grpc_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait in order, however long it takes: none is cut in the middle of its handshake. One that leaves makes room."""
    monkeypatch.setattr(edge_module, "_UNANSWERED", 3)
    answering = asyncio.Event()

    class Slow(Inner):
        async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.begun += 1
            await answering.wait()
            await super().take(reader, writer)

        begun = 0

    inner = Slow()
    limits = replace(LIMITS, strangers=ShareLimits(100, 100), pace=PaceLimits(10_000.0, 10_000.0))
    async with edge_at_work(limits, inner=inner) as (edge, port, _):
        connections = [await opened(port, "127.0.0.1") for _ in range(9)]
        await until(lambda: (inner.begun, edge.waiting) == (3, 6))
        connections.pop(0).close()
        await until(lambda: (inner.begun, edge.waiting) == (4, 5))
        answering.set()

        assert [await answer(connection) for connection in connections] == [PREFACE] * 8
        for connection in connections:
            connection.close()


async def test_a_place_at_its_bound_is_closed_at_once() -> None:
    """And counted."""
    async with edge_at_work() as (edge, port, _):
        held = [await opened(port, "127.0.0.2") for _ in range(5)]
        answers = [await answer(connection) for connection in held]

        assert answers == [PREFACE] * 4 + [b""]
        assert edge.counts.of(Cause.PLACE_FULL) == 1
        assert edge.strangers == 4
        for connection in held:
            connection.close()


async def test_where_all_places_are_taken_the_fullest_address_gives_way() -> None:
    """Its oldest is cut; one with a proof is never."""
    async with edge_at_work() as (edge, port, _):
        proved = await opened(port, "127.0.0.2")
        await answer(proved)
        (one,) = edge.passages
        stream = one.stream_opened()
        assert stream is not None
        stream.proved()
        held = [await opened(port, "127.0.0.2") for _ in range(4)] + [await opened(port, "127.0.0.3") for _ in range(2)]
        for connection in held:
            await answer(connection)

        newcomer = await opened(port, "127.0.0.4")

        assert await answer(newcomer) == PREFACE
        assert await answer(held[0]) == b""
        assert edge.counts.of(Cause.GAVE_WAY) == 1
        assert (edge.strangers, edge.proved) == (6, 1)
        await asyncio.get_running_loop().sock_sendall(proved, b"still there")
        assert await answer(proved) == b"still there"
        for connection in (proved, newcomer, *held):
            connection.close()


async def test_where_too_many_are_logging_in_the_fullest_address_gives_way() -> None:
    """Its oldest is cut; one elsewhere is not, nor one that has a session."""
    async with edge_at_work() as (edge, port, _):
        connections = []
        for source in ("127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.4", "127.0.0.5"):
            before = set(edge.passages)
            connections.append(await opened(port, source))
            await answer(connections[-1])
            (passage_,) = edge.passages - before
            stream = passage_.stream_opened()
            assert stream is not None
            if source == "127.0.0.2":
                stream.has_session()
            else:
                stream.proved()

        assert await answer(connections[1]) == b""
        assert edge.counts.of(Cause.LOGGING_IN) == 1
        for connection in (connections[0], *connections[2:]):
            await asyncio.get_running_loop().sock_sendall(connection, b"still there")
            assert await answer(connection) == b"still there"
        for connection in connections:
            connection.close()


async def test_those_logging_in_have_what_sessions_leave() -> None:
    """A thousand terminals that come back together cut each other nowhere, also where descriptors are scarce."""
    async with edge_at_work(replace(LIMITS, sessions=2)) as (edge, port, _):
        connections = []
        for number in range(6):
            before = set(edge.passages)
            connections.append(await opened(port, f"127.0.0.{2 + number}"))
            await answer(connections[-1])
            (passage_,) = edge.passages - before
            stream = passage_.stream_opened()
            assert stream is not None
            if number == 0:
                stream.has_session()
            stream.proved()
            assert edge.counts.of(Cause.LOGGING_IN) == (number == 5), "three, and one that sessions leave"
        for connection in connections:
            connection.close()


async def test_a_connection_without_a_stream_and_one_without_a_proof_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its time; a session takes both away."""
    monkeypatch.setattr(passage, "_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(passage, "_BESIDE_HELLO_SECONDS", 0.05)
    limits = replace(LIMITS, hello_seconds=0.05)
    async with edge_at_work(limits) as (edge, port, _):
        idle = await opened(port, "127.0.0.2")
        assert await answer(idle) == PREFACE
        assert await answer(idle) == b""
        assert edge.counts.of(Cause.IDLE) == 1
        monkeypatch.setattr(passage, "_IDLE_SECONDS", 10.0)

        both = [await opened(port, "127.0.0.2") for _ in range(2)]
        for connection in both:
            assert await answer(connection) == PREFACE
        streams = [one.stream_opened() for one in edge.passages]
        assert streams[0] is not None
        streams[0].has_session()
        await asyncio.wait([asyncio.ensure_future(answer(one)) for one in both], return_when=asyncio.FIRST_COMPLETED)

        assert edge.counts.of(Cause.UNPROVED) == 1
        assert edge.with_session == 1
        for connection in (idle, *both):
            connection.close()


async def test_a_stream_that_is_not_closed_takes_its_connection_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a session of another terminal is on it."""
    monkeypatch.setattr("relay.edge.streams.CLOSE_SECONDS", 0.05)
    async with edge_at_work() as (edge, port, _):
        connection = await opened(port, "127.0.0.2")
        assert await answer(connection) == PREFACE
        (one,) = edge.passages
        stream, other = one.stream_opened(), one.stream_opened()
        assert stream is not None
        assert other is not None
        over = asyncio.Event()
        other.has_session()
        stream.on_over = over.set
        stream.ended()
        await asyncio.wait_for(over.wait(), 10)
        assert edge.counts.of(Cause.UNCLOSED) == 0
        stream.closed()
        other.closed()
        third = one.stream_opened()
        assert third is not None

        third.ended()

        assert await answer(connection) == b""
        assert edge.counts.of(Cause.UNCLOSED) == 1
        connection.close()


async def test_too_many_bytes_and_too_many_streams_are_cut() -> None:
    """Before a proof."""
    async with edge_at_work() as (edge, port, _):
        first = await opened(port, "127.0.0.2", PREFACE + bytes(20_000))
        with suppress(ConnectionResetError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(first, bytes(200_000)), 10)
        while await answer(first):
            pass
        second = await opened(port, "127.0.0.2")
        assert await answer(second) == PREFACE
        (one,) = edge.passages
        streams = [one.stream_opened() for _ in range(STREAMS + 1)]

        assert streams[-1] is None
        assert None not in streams[:-1]
        assert await answer(second) == b""
        assert (edge.counts.of(Cause.BYTES), edge.counts.of(Cause.STREAMS)) == (1, 1)
        first.close()
        second.close()


async def test_what_gives_only_half_a_beginning_costs_no_inner_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is closed in time."""
    monkeypatch.setattr(passage, "_FIRST_BYTES_SECONDS", 0.05)
    async with edge_at_work() as (edge, port, inner):
        connection = await opened(port, "127.0.0.2", PREFACE[:10])

        assert await answer(connection) == b""
        assert inner.accepted == 0
        assert edge.counts.of(Cause.SILENT) == 1
        connection.close()


async def test_without_descriptors_the_accept_loop_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the fullest address gives way; it says so once, and does not spin."""
    with structlog.testing.capture_logs() as logged:
        async with edge_at_work() as (edge, port, _):
            held = await opened(port, "127.0.0.2")
            assert await answer(held) == PREFACE
            (door,) = edge._listening
            scarce = _Scarce(door.listening, 3)
            monkeypatch.setattr(door, "listening", scarce)

            newcomer = await opened(port, "127.0.0.3")

            assert await answer(newcomer) == PREFACE
            assert await answer(held) == b""
            assert scarce.failed == 3
            held.close()
            newcomer.close()

    assert [line["event"] for line in logged].count("connections_not_accepted") == 2, "and one with how many more"


class _Scarce:
    """A listening socket whose first accepts fail."""

    def __init__(self, real: Any, failures: int) -> None:
        self._real = real
        self._failures = failures
        self.failed = 0

    def accept(self) -> Any:
        if self.failed < self._failures:
            self.failed += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._real.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_strangers_are_as_few_as_descriptors_allow() -> None:
    """And that is said, with how many would be needed."""
    with structlog.testing.capture_logs() as logged:
        assert most_strangers(256, 50, 20_000) == 256
        assert logged == []
        assert most_strangers(256, 50, 1024) == 238
        assert most_strangers(256, 1000, 1024) == 32

    assert [line["needed"] for line in logged] == [1078, 3928]


def test_those_logging_in_have_what_descriptors_leave() -> None:
    """And a few in any case."""
    assert most_logging_in(256, 50, 65_536) == 2048
    assert most_logging_in(256, 50, 4096) == (4096 - 160) // 3 - 306
    assert most_logging_in(238, 50, 1024) == 64
