"""A Unix socket in front of gRPC's own, because gRPC does not say who is at the other end of one.

The kernel does, of a connection that was accepted (SO_PEERCRED). So this listener accepts, asks, opens a connection to
gRPC's socket from a name of its own, and passes bytes between the two. gRPC gives that name as the peer; from it the
person is found again. A connection to gRPC's socket that was not opened here has none.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from relay.admin.person import Person
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)

MOST_CALLERS: Final = 32
"""connections at a time; more are closed"""
_LONGEST_SILENCE_SECONDS = 90.0
"""a connection on which nothing comes from either side is closed; who wants more connects again"""
_CREDENTIALS = struct.Struct("iII")
"""pid, uid and gid, as the kernel gives them"""
_CHUNK = 65_536
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Callers:
    """The connections of one control socket, and who is at their other ends."""

    def __init__(
        self, person_of: Callable[[int, int], Person], longest_silence_seconds: float = _LONGEST_SILENCE_SECONDS
    ) -> None:
        """`person_of` makes the person of pid and uid; it blocks."""
        self._longest_silence = longest_silence_seconds
        self._person_of = person_of
        self._people: dict[str, Person] = {}
        self._tasks = Tasks()
        self._open = 0
        self._server: asyncio.Server | None = None

    async def start(self, listening: socket.socket, inner: Path) -> None:
        """Accept what comes to the socket and pass it on to gRPC's."""

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._open >= MOST_CALLERS:
                writer.close()
                return
            self._open += 1
            self._tasks.start(self._serve(reader, writer, inner), "control connection")

        self._server = await asyncio.start_unix_server(accept, sock=listening)

    def close(self) -> None:
        """Accept no more; idempotent."""
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        """Accept no more, and end what is left; idempotent."""
        self.close()
        await self._tasks.cancel()

    def person_at(self, peer: str) -> Person:
        """Who speaks on the connection that gRPC calls so; raises LookupError."""
        return self._people[peer]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inner: Path) -> None:
        name = f"ctp-relay-{secrets.token_hex(16)}"
        peer = f"unix-abstract:{name}"
        try:
            self._people[peer] = await self._person(writer)
            async with asyncio.timeout(self._longest_silence) as silence:
                await self._pass_both_ways((reader, writer), await _connect(name, inner), peer, silence)
        except OSError:  # a timeout is one
            _log.debug("control_connection_refused")
        finally:
            self._people.pop(peer, None)
            self._open -= 1
            writer.close()

    async def _pass_both_ways(self, outer: _Streams, inner: _Streams, peer: str, silence: asyncio.Timeout) -> None:
        def heard() -> None:
            silence.reschedule(asyncio.get_running_loop().time() + self._longest_silence)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(outer[0], inner[1], heard))
                group.create_task(_pass_on(inner[0], outer[1], heard))
        except* ConnectionError:
            pass  # one side is closed
        finally:
            del self._people[peer]  # before its name is free for another connection
            inner[1].close()

    async def _person(self, writer: asyncio.StreamWriter) -> Person:
        connection: socket.socket = writer.get_extra_info("socket")
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(packed)
        return await asyncio.to_thread(self._person_of, pid, uid)


async def _connect(name: str, inner: Path) -> _Streams:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        connection.bind(f"\0{name}")
        await asyncio.get_running_loop().sock_connect(connection, str(inner))
        return await asyncio.open_unix_connection(sock=connection)
    except BaseException:
        connection.close()
        raise


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, heard: Callable[[], None]) -> None:
    """Until either side is closed: raises ConnectionError, which ends the other direction, too."""
    while data := await source.read(_CHUNK):
        heard()
        target.write(data)
        await target.drain()
    raise ConnectionResetError
