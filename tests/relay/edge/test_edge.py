"""The accept loop: bounds that hold for real connections, and a process without descriptors."""

from __future__ import annotations

import asyncio
import errno
import ssl
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog.testing
import trustme

from relay.edge import edge as edge_module
from relay.edge import passage
from relay.edge.allowance import STREAMS
from relay.edge.causes import Cause
from relay.edge.descriptors import most_logging_in, most_strangers
from relay.edge.pace import PaceLimits
from relay.edge.shares import ShareLimits
from relay.edge.tls import TlsEnd
from tests.relay.edge.plain_terminal import LIMITS, PREFACE, PlainTerminal, came, edge_at_work, ended, opened, until


async def _greeted(port: int, source: str) -> PlainTerminal:
    """A terminal that has the relay's first word."""
    terminal = await PlainTerminal.connect(port, source)
    assert await terminal.is_greeted()
    return terminal


async def test_bytes_go_both_ways_whole_and_in_order() -> None:
    """Much more than all windows and the socket hold at a time."""
    async with edge_at_work(replace(LIMITS, max_message=4 << 20)) as (edge, port):
        terminal = await _greeted(port, "127.0.0.1")
        (one,) = edge.passages
        stream = one.stream_opened()
        assert stream is not None
        stream.proved()

        assert await terminal.is_served(bytes(range(256)) * 4000)
        terminal.close()


async def test_no_more_handshakes_are_begun_than_get_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait in order, however long it takes: none is cut in the middle of its handshake. One that leaves makes room."""
    monkeypatch.setattr(edge_module, "_UNANSWERED", 3)
    signing = threading.Semaphore(0)
    agree = TlsEnd.agree

    def agrees_slowly(end: TlsEnd) -> None:
        if threading.current_thread() is not threading.main_thread():
            assert signing.acquire(timeout=30)
        agree(end)

    monkeypatch.setattr(TlsEnd, "agree", agrees_slowly)
    context, hello = _served_with()
    limits = replace(LIMITS, strangers=ShareLimits(100, 100), pace=PaceLimits(10_000.0, 10_000.0))
    async with edge_at_work(limits, tls=lambda: context) as (edge, port):
        connections = [await opened(port, "127.0.0.1", hello) for _ in range(9)]
        await until(lambda: (len(edge._unanswered), edge.waiting) == (3, 6))
        signing.release()
        await until(lambda: (len(edge._unanswered), edge.waiting) == (3, 5))
        connections.pop().close()
        signing.release(8)

        assert [(await came(connection))[:1] for connection in connections] == [b"\x16"] * 8
        for connection in connections:
            connection.close()


def _served_with() -> tuple[ssl.SSLContext, bytes]:
    """What the relay serves with, and how a terminal begins."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    out = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return context, out.read()


async def test_a_place_at_its_bound_is_closed_at_once() -> None:
    """And counted."""
    async with edge_at_work() as (edge, port):
        held = [await opened(port, "127.0.0.2", PREFACE) for _ in range(5)]
        answers = [bool(await came(connection)) for connection in held]

        assert answers == [True] * 4 + [False]
        assert edge.counts.of(Cause.PLACE_FULL) == 1
        assert edge.strangers == 4
        for connection in held:
            connection.close()


async def test_where_all_places_are_taken_the_fullest_address_gives_way() -> None:
    """Its oldest is cut; one with a proof is never."""
    async with edge_at_work() as (edge, port):
        proved = await _greeted(port, "127.0.0.2")
        (one,) = edge.passages
        stream = one.stream_opened()
        assert stream is not None
        stream.proved()
        held = [await _greeted(port, source) for source in ["127.0.0.2"] * 4 + ["127.0.0.3"] * 2]

        newcomer = await _greeted(port, "127.0.0.4")

        await ended(held[0].socket)
        assert edge.counts.of(Cause.GAVE_WAY) == 1
        assert (edge.strangers, edge.proved) == (6, 1)
        assert await proved.is_served()
        for terminal in (proved, newcomer, *held):
            terminal.close()


async def test_where_too_many_are_logging_in_the_fullest_address_gives_way() -> None:
    """Its oldest is cut; one elsewhere is not, nor one that has a session."""
    async with edge_at_work() as (edge, port):
        terminals = []
        for source in ("127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.4", "127.0.0.5"):
            before = set(edge.passages)
            terminals.append(await _greeted(port, source))
            (passage_,) = edge.passages - before
            stream = passage_.stream_opened()
            assert stream is not None
            if source == "127.0.0.2":
                stream.has_session()
            else:
                stream.proved()

        await ended(terminals[1].socket)
        assert edge.counts.of(Cause.LOGGING_IN) == 1
        for terminal in (terminals[0], *terminals[2:]):
            assert await terminal.is_served()
        for terminal in terminals:
            terminal.close()


async def test_those_logging_in_have_what_sessions_leave() -> None:
    """A thousand terminals that come back together cut each other nowhere, also where descriptors are scarce."""
    async with edge_at_work(replace(LIMITS, sessions=2)) as (edge, port):
        terminals = []
        for number in range(6):
            before = set(edge.passages)
            terminals.append(await _greeted(port, f"127.0.0.{2 + number}"))
            (passage_,) = edge.passages - before
            stream = passage_.stream_opened()
            assert stream is not None
            if number == 0:
                stream.has_session()
            stream.proved()
            assert edge.counts.of(Cause.LOGGING_IN) == (number == 5), "three, and one that sessions leave"
        for terminal in terminals:
            terminal.close()


async def test_a_connection_without_a_stream_and_one_without_a_proof_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its time; a session takes both away."""
    monkeypatch.setattr(passage, "_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(passage, "_BESIDE_HELLO_SECONDS", 0.05)
    limits = replace(LIMITS, hello_seconds=0.05)
    async with edge_at_work(limits) as (edge, port):
        idle = await _greeted(port, "127.0.0.2")
        await ended(idle.socket)
        assert edge.counts.of(Cause.IDLE) == 1
        monkeypatch.setattr(passage, "_IDLE_SECONDS", 10.0)

        both = [await _greeted(port, "127.0.0.2") for _ in range(2)]
        streams = [one.stream_opened() for one in edge.passages]
        assert streams[0] is not None
        streams[0].has_session()
        await until(lambda: len(edge.passages) == 1)

        assert edge.counts.of(Cause.UNPROVED) == 1
        assert edge.with_session == 1
        for terminal in (idle, *both):
            terminal.close()


async def test_a_stream_that_is_not_closed_takes_its_connection_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a session of another terminal is on it."""
    monkeypatch.setattr("relay.edge.streams.CLOSE_SECONDS", 0.05)
    async with edge_at_work() as (edge, port):
        terminal = await _greeted(port, "127.0.0.2")
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

        await ended(terminal.socket)
        assert edge.counts.of(Cause.UNCLOSED) == 1
        terminal.close()


async def test_too_many_bytes_and_too_many_streams_are_cut() -> None:
    """Before a proof."""
    async with edge_at_work() as (edge, port):
        goodbye = b"\0\x40\0\7\0\0\0\0\0" + bytes(16_384)
        first = await opened(port, "127.0.0.2", PREFACE + b"\0\0\0\4\0\0\0\0\0")
        with suppress(ConnectionError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(first, 12 * goodbye), 30)
        await ended(first)
        second = await _greeted(port, "127.0.0.2")
        (one,) = edge.passages
        streams = [one.stream_opened() for _ in range(STREAMS + 1)]

        assert streams[-1] is None
        assert None not in streams[:-1]
        await ended(second.socket)
        assert (edge.counts.of(Cause.BYTES), edge.counts.of(Cause.STREAMS)) == (1, 1)
        first.close()
        second.close()


async def test_what_gives_only_half_a_beginning_is_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And gets no word."""
    monkeypatch.setattr(passage, "_FIRST_BYTES_SECONDS", 0.05)
    async with edge_at_work() as (edge, port):
        connection = await opened(port, "127.0.0.2", PREFACE[:10])

        assert await came(connection) == b""
        assert edge.counts.of(Cause.SILENT) == 1
        connection.close()


async def test_a_frame_that_breaks_a_rule_is_answered_and_its_connection_left() -> None:
    """It is counted, and the goodbye can be read."""
    async with edge_at_work() as (edge, port):
        connection = await opened(port, "127.0.0.2", PREFACE + b"\0\0\0\4\0\0\0\0\0" + b"\0\xff\xff\0\0\0\0\0\1")
        read = b""
        while data := await came(connection):
            read += data

        assert read.endswith(b"\0\0\x08\7\0\0\0\0\0" + bytes(4) + b"\0\0\0\6")
        assert edge.counts.of(Cause.FRAMES) == 1
        connection.close()
        await until(lambda: not edge.passages)


@pytest.mark.parametrize("proved", [False, True])
async def test_a_stranger_has_few_frames_that_are_dear(*, proved: bool) -> None:
    """All that come in one read are worked on before anything else has its turn; one with a proof has some more."""
    settings, answer = b"\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\1\0\0\0\0"
    async with edge_at_work() as (edge, port):
        connection = await opened(port, "127.0.0.2", PREFACE)
        read = await came(connection)
        (one,) = edge.passages
        stream = one.stream_opened()
        assert stream is not None
        if proved:
            stream.proved()
        one._allowance.frames._left = 1000.0  # as after a while
        await asyncio.get_running_loop().sock_sendall(connection, settings * 100)
        while read.count(answer) < 100 and (data := await came(connection)):
            read += data

        assert read.count(answer) == (100 if proved else 40)
        assert edge.counts.of(Cause.FRAMES) == (not proved)
        connection.close()


async def test_without_descriptors_the_accept_loop_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the fullest address gives way; it says so once, and does not spin."""
    with structlog.testing.capture_logs() as logged:
        async with edge_at_work() as (edge, port):
            held = await _greeted(port, "127.0.0.2")
            (door,) = edge._listening
            scarce = _Scarce(door.socket, 3)
            monkeypatch.setattr(door, "socket", scarce)

            newcomer = await _greeted(port, "127.0.0.3")

            await ended(held.socket)
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
        assert most_strangers(256, 608, 1024) == 256
        assert logged == []
        assert most_strangers(256, 700, 1024) == 164
        assert most_strangers(256, 1000, 1024) == 32

    assert [line["needed"] for line in logged] == [1116, 1416]


def test_those_logging_in_have_what_descriptors_leave() -> None:
    """And a few in any case."""
    assert most_logging_in(256, 50, 65_536) == 2048
    assert most_logging_in(256, 50, 1024) == 1024 - 160 - 306
    assert most_logging_in(238, 600, 1024) == 64
