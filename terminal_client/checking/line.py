"""The network between the terminal and the lesson: it can be cut, and it can fall silent without a word."""

from __future__ import annotations

import asyncio
import contextlib

_PIECE = 65536
MOST_CONNECTIONS = 64
"""at a time; one terminal has one, and what comes beyond is cut"""


class Line:
    """Passes connections on to a port of this machine."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection at once, as a reset."""
        for writer in self._writers:
            writer.transport.abort()

    def fall_silent(self) -> None:
        """From here on nothing passes on the connections there are, and none is closed."""
        self._silent |= self._writers

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if len(self._tasks) >= 2 * MOST_CONNECTIONS:
            writer.transport.abort()
            return
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, inner_writer}
        self._writers |= pair
        for source, sink in ((reader, inner_writer), (inner_reader, writer)):
            task = asyncio.get_running_loop().create_task(self._pass_on(source, sink, pair), name="checking-line")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, pair: set[asyncio.StreamWriter]
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE):
                if sink not in self._silent:
                    sink.write(piece)
                    await sink.drain()
        if not pair & self._silent:
            for writer in pair:
                writer.transport.abort()
        self._writers -= pair
