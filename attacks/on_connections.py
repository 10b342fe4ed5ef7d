"""Attacks that need no more than a connection: none of them finishes what it begins."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import ssl
from collections.abc import Awaitable, Callable

from attacks.aim import Aim
from attacks.wire import PREFACE, connect, data_frame, headers_frame, message, over_tls

MANY = 1_500
"""connections; more than the relay of a trial has descriptors"""


async def half_tls(aim: Aim) -> None:
    """TLS handshakes that stop in the middle of the client's first message, as many as the relay takes."""
    first = client_hello(aim.context)[:100]

    async def visit(source: str) -> None:
        await _say_and_wait(aim, source, first)

    await aim.keep(MANY, visit, pause=0.2)


async def idle_connections(aim: Aim) -> None:
    """Connections that finish TLS, say HTTP/2's preface, and open no stream."""

    async def visit(source: str) -> None:
        async with aim.opened(source) as connection:
            await connection.closed.wait()

    await aim.keep(MANY, visit, pause=0.2)


async def connection_flood(aim: Aim) -> None:
    """New connections without a pause: each finishes TLS, which costs the relay a signature, and is gone."""

    async def visit(source: str) -> None:
        async with aim.opened(source):
            pass

    await aim.keep(60, visit, pause=0.0)


async def rubbish(aim: Aim) -> None:
    """First bytes that are no TLS, and, inside TLS, no HTTP/2."""
    kinds: itertools.cycle[tuple[bool, Callable[[], bytes]]] = itertools.cycle(
        (
            (False, lambda: secrets.token_bytes(1_000)),
            (False, lambda: b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n"),
            (False, lambda: b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
            (False, lambda: b"\r\n\r\n\0\r\nQUIT\n" + secrets.token_bytes(40)),
            (False, lambda: b"\x16\x03\x01\xff\xff" + secrets.token_bytes(2_000)),
            (False, lambda: bytes(1_000)),
            (True, lambda: secrets.token_bytes(1_000)),
            (True, lambda: b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n"),
            (True, lambda: PREFACE + secrets.token_bytes(1_000)),
            (True, lambda: PREFACE + b"\xff\xff\xff" + secrets.token_bytes(1_000)),
        )
    )

    async def visit(source: str) -> None:
        inside_tls, first = next(kinds)
        if not inside_tls:
            await _say_and_wait(aim, source, first())
            return
        aim.done["connections"] += 1
        reader, writer = await over_tls(aim.port, source, aim.context)
        try:
            writer.write(first())
            while await reader.read(65_536):
                pass
        finally:
            writer.transport.abort()

    await aim.keep(40, visit, pause=0.02)


async def hang_ups(aim: Aim) -> None:
    """Clients that go at the wrong moment, one moment after the other, without a goodbye."""
    moments: itertools.cycle[Callable[[Aim, str], Awaitable[None]]] = itertools.cycle(
        (_before_tls, _within_tls, *(_within_http2(steps) for steps in range(7)))
    )

    async def visit(source: str) -> None:
        await next(moments)(aim, source)

    await aim.keep(30, visit, pause=0.0)


async def _before_tls(aim: Aim, source: str) -> None:
    aim.done["connections"] += 1
    (await connect(aim.port, source)).close()


async def _within_tls(aim: Aim, source: str) -> None:
    aim.done["connections"] += 1
    connection = await connect(aim.port, source)
    with contextlib.closing(connection):
        await asyncio.get_running_loop().sock_sendall(connection, client_hello(aim.context)[:-20])


def _within_http2(steps: int) -> Callable[[Aim, str], Awaitable[None]]:
    """Goes after so many of: preface, stream, half a message, hello, challenge, login, its answer."""

    async def visit(aim: Aim, source: str) -> None:
        async with aim.opened(source) as connection:
            stream = connection.next_stream()
            hello = data_frame(stream, message(aim.hello()))
            if steps >= 1:
                connection.write(headers_frame(stream))
            if steps == 2:
                connection.write(data_frame(stream, message(aim.hello())[:4]))
            if steps >= 3:
                connection.write(hello)
            if steps >= 4:
                await connection.heard_message(stream)
            if steps >= 5:
                connection.say(stream, aim.bogus_login(aim.known.others[0]))
            if steps >= 6:
                await connection.heard_message(stream)
            await connection.drain()

    return visit


async def _say_and_wait(aim: Aim, source: str, first: bytes) -> None:
    """Say this over bare TCP, and stay until the relay has enough of it."""
    aim.done["connections"] += 1
    loop = asyncio.get_running_loop()
    connection = await connect(aim.port, source)
    with contextlib.closing(connection):
        await loop.sock_sendall(connection, first)
        while await loop.sock_recv(connection, 4_096):
            pass


def client_hello(context: ssl.SSLContext) -> bytes:
    """The first message of a TLS client."""
    outgoing = ssl.MemoryBIO()
    handshake = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    return outgoing.read()
