"""A way to the relay that can be cut: a TCP forwarder that knows nothing of what passes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_PIECE = 64 * 1024


class Way:
    """Connections to `port` here arrive at the relay from `source`."""

    def __init__(self, target: int, source: str) -> None:
        self.port = 0
        self.opened = 0
        """connections so far"""
        self._target = target
        self._source = source
        self._is_open = True
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self.release()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Every connection breaks, unannounced, and what was held is lost; the next one gets through."""
        for writer in self._writers:
            writer.transport.abort()
        self.release()

    def hold_requests(self) -> None:
        """What is sent to the relay from now on stays on the way."""
        self._up.clear()

    def hold_answers(self) -> None:
        """What the relay sends from now on stays on the way."""
        self._down.clear()

    def release(self) -> None:
        """Let everything pass."""
        self._up.set()
        self._down.set()

    def lead_to(self, target: int) -> None:
        """Connections from now on arrive at this port."""
        self._target = target

    def close(self) -> None:
        """Cut, and accept no connection."""
        self._is_open = False
        self.cut()

    def open(self) -> None:
        self._is_open = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        if not self._is_open:
            writer.transport.abort()
            return
        self.opened += 1
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target, local_addr=(self._source, 0))
        except OSError:
            writer.transport.abort()
            return
        # What is held stays at the relay, and not in a buffer of the kernel's.
        there[1].get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE)
        both = {writer, there[1]}
        self._writers |= both
        try:
            await asyncio.wait(
                [
                    asyncio.ensure_future(_copy(reader, there[1], self._up)),
                    asyncio.ensure_future(_copy(there[0], writer, self._down)),
                ],
                return_when=asyncio.ALL_COMPLETED,
            )
        finally:
            self._writers -= both
            for one in both:
                one.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_pass: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_PIECE):
            await may_pass.wait()
            if writer.transport.is_closing():
                return
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def way_to(target: int, source: str = "127.0.0.1") -> AsyncIterator[Way]:
    """A way to the relay's port; `source` is the loopback address the relay sees."""
    way = Way(target, source)
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        way.close()
        await asyncio.sleep(0)
