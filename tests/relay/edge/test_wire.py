"""The socket with its TLS, seen from the other end: what is left is sent, and nobody is waited for without bound."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import replace
from typing import NamedTuple

import pytest
import trustme

from relay.edge import passage as passage_module
from relay.edge import wire as wire_module
from relay.edge.causes import Cause
from relay.edge.tls import TlsEnd
from relay.http2.call import Call
from tests.relay.edge.plain_terminal import LIMITS, PREFACE, PlainTerminal, came, edge_at_work, ended, opened, until

SETTINGS_KIND, GOAWAY_KIND = 4, 7
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


class Records(NamedTuple):
    """TLS over bytes."""

    tls: ssl.SSLObject
    comes_in: ssl.MemoryBIO
    goes_out: ssl.MemoryBIO


def served_with(authority: trustme.CA) -> ssl.SSLContext:
    """What the relay shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    return context


async def secure(
    port: int, authority: trustme.CA, *protocols: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection with TLS agreed on."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(list(protocols))
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")


async def test_without_http2_inside_tls_it_is_refused(authority: trustme.CA) -> None:
    """A browser of HTTP/1 or a scanner; it is counted."""
    context = served_with(authority)
    async with edge_at_work(tls=lambda: context) as (edge, port):
        _, writer = await secure(port, authority)
        await until(lambda: edge.counts.of(Cause.HANDSHAKE) == 1)
        await until(lambda: not edge.passages)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_goodbye_of_tls_ends_the_connection(authority: trustme.CA) -> None:
    """Whatever comes behind it; others are served as before."""
    context = served_with(authority)
    async with edge_at_work(tls=lambda: context) as (edge, port):
        connection = await opened(port, "127.0.0.1")
        tls, _, goes_out = await _agree(connection, authority)
        tls.write(PREFACE + SETTINGS)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        await asyncio.get_running_loop().sock_sendall(connection, goes_out.read() + bytes(100))

        await ended(connection)
        await until(lambda: not edge.passages)
        connection.close()
        _, writer = await secure(port, authority, "h2")
        await until(lambda: len(edge.passages) == 1)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_the_relay_says_in_tls_that_it_leaves(authority: trustme.CA) -> None:
    """Behind its goodbye of HTTP/2; else many a library reports an end that somebody cut off."""
    context = served_with(authority)
    async with edge_at_work(tls=lambda: context) as (edge, port):
        connection = await opened(port, "127.0.0.1")
        records = await _agree(connection, authority)
        records.tls.write(PREFACE + SETTINGS)
        await asyncio.get_running_loop().sock_sendall(connection, records.goes_out.read())
        await until(lambda: any(passage._http is not None for passage in edge.passages))

        next(iter(edge.passages)).leave()

        said, closed = await _inside(connection, records)
        assert GOAWAY_KIND in [said[at + 3] for at in _frames_at(said)]
        assert closed
        connection.close()


def _frames_at(frames: bytes) -> list[int]:
    found, at = [], 0
    while at < len(frames):
        found.append(at)
        at += 9 + int.from_bytes(frames[at : at + 3], "big")
    return found


async def _inside(connection: socket.socket, records: Records) -> tuple[bytes, bool]:
    """What came until the socket's end, and whether TLS said that it ends."""
    said = b""
    while data := await came(connection):
        records.comes_in.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := records.tls.read(65_536):
                said += piece
            return said, True
    return said, False


async def _agree(connection: socket.socket, authority: trustme.CA) -> Records:
    """TLS whose records go where the test wants them."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(["h2"])
    came_in, goes_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(came_in, goes_out, server_hostname="localhost")
    loop = asyncio.get_running_loop()
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            await loop.sock_sendall(connection, goes_out.read())
            came_in.write(await came(connection))
        else:
            await loop.sock_sendall(connection, goes_out.read())
            return Records(tls, came_in, goes_out)


async def test_the_first_word_waits_for_none_of_the_terminals(authority: trustme.CA) -> None:
    """A terminal may wait for the relay's settings before it says its own."""
    context = served_with(authority)
    async with edge_at_work(tls=lambda: context) as (_, port):
        reader, writer = await secure(port, authority, "h2")

        async with asyncio.timeout(60):
            head = await reader.readexactly(9)

        assert head[3] == SETTINGS_KIND
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_step_that_says_nothing_holds_no_place(monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
    """The next step is the terminal's, and those that wait need not wait for it."""
    monkeypatch.setattr(TlsEnd, "agree", lambda _: None)
    context = served_with(authority)
    hello = b"\x16\3\1\0\4\1\0\0\0"
    async with edge_at_work(tls=lambda: context) as (edge, port):
        connection = await opened(port, "127.0.0.1", hello)
        await until(lambda: len(edge.passages) == 1 and not edge._unanswered)
        connection.close()


async def test_who_reads_late_gets_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay leaves while much is on its way, and the terminal reads all that was in the socket and before it."""
    async with edge_at_work(replace(LIMITS, max_message=4 << 20)) as (edge, port):
        connection = await opened(port, "127.0.0.1")
        await asyncio.get_running_loop().sock_sendall(connection, PREFACE + SETTINGS)
        await until(lambda: any(one._http for one in edge.passages))
        (one,) = edge.passages
        sent = bytes(range(256)) * 32_000
        monkeypatch.setattr(wire_module, "_MOST_LEFT", 1 << 30)
        one._wire.send(sent)
        assert one._wire._left, "else it says nothing"
        one.leave()

        read = b""
        while data := await came(connection):
            read += data

        assert sent in read
        assert read.endswith(b"\7\0\0\0\0\0" + bytes(8)), "the goodbye comes last"
        connection.close()
        await until(lambda: not edge.passages)


async def test_who_never_reads_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the relay leaves, and when it serves."""
    monkeypatch.setattr(passage_module, "_FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(wire_module, "_MOST_LEFT", 1 << 30)
    async with edge_at_work() as (edge, port):
        leaving = await opened(port, "127.0.0.1", PREFACE + SETTINGS)
        await until(lambda: any(one._http for one in edge.passages))
        (one,) = edge.passages
        one._wire.send(bytes(8 << 20))
        one.leave()
        await until(lambda: not edge.passages)
        assert edge.counts.of(Cause.UNREAD) == 0
        monkeypatch.setattr(wire_module, "_MOST_LEFT", 1 << 20)
        asking = await opened(port, "127.0.0.1", PREFACE + SETTINGS)
        await until(lambda: any(one._http for one in edge.passages))
        (one,) = edge.passages
        one._wire.send(bytes(8 << 20))
        one._wire.send(bytes(1 << 20))
        await until(lambda: not edge.passages)

        assert edge.counts.of(Cause.UNREAD) == 1
        leaving.close()
        asking.close()


async def test_calls_wait_for_a_full_socket() -> None:
    """One that does not read costs what its windows and the socket hold, and gets the rest later."""
    async with edge_at_work(replace(LIMITS, max_message=4 << 20)) as (edge, port):
        terminal = await PlainTerminal.connect(port, "127.0.0.1")
        assert await terminal.is_greeted()
        (one,) = edge.passages
        one.blocked()
        serving = asyncio.ensure_future(terminal.is_served(b"x" * 100_000))
        await until(lambda: one.calls == 1)
        assert one._http is not None
        (call,) = one._http.calls.values()
        await until(lambda: bool(one._http and one._http._waiting))
        assert isinstance(call, Call)
        one.unblocked()

        assert await serving
        terminal.close()


async def test_after_a_stand_still_a_terminal_is_asked_before_it_is_given_up() -> None:
    """A suspended machine: what terminals said meanwhile is not read yet, and most of them say little."""
    async with edge_at_work() as (edge, port):
        connection = await opened(port, "127.0.0.1", PREFACE + SETTINGS)
        await came(connection)
        passage = next(iter(edge.passages))
        wire, asked, now = passage._wire, [], asyncio.get_running_loop().time()
        wire._heard_at = now - 100

        wire.look_for_life(lambda: asked.append(1), now - 60)
        assert (len(asked), len(edge.passages)) == (1, 1)
        wire._heard_at = now - 100
        wire.look_for_life(lambda: asked.append(1), now)

        await until(lambda: not edge.passages)
        assert len(asked) == 1
        connection.close()
