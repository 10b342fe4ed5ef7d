"""Bytes from one socket to another, in their order, at most one read of them waiting.

It reads when there is something, sends at once, and reads no more while the other side does not take it. So the end of
the bytes is seen when all before it is sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

BUFFER_BYTES = 64 * 1024


class Pipe:
    def __init__(
        self,
        source: socket.socket,
        target: socket.socket,
        buffer: memoryview,
        on_end: Callable[[], object],
        on_read: Callable[[int], float] = lambda _: 0.0,
    ) -> None:
        """`buffer` may be shared: nothing stays in it. `on_read` gets how much was read, and returns a pause in seconds."""
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._target = target
        self._buffer = buffer
        self._on_end = on_end
        self._on_read = on_read
        self._waits = b""
        self._pause: asyncio.TimerHandle | None = None
        self._open = True

    def start(self, first: bytes = b"") -> None:
        """Pass on what was read before, and then what comes."""
        self._loop.add_reader(self._source, self._readable)
        if first:
            self._send(memoryview(first))

    def stop(self) -> None:
        """Pass nothing more on; the sockets may be closed afterwards."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._source)
        self._loop.remove_writer(self._target)
        if self._pause is not None:
            self._pause.cancel()

    def _readable(self) -> None:
        try:
            size = self._source.recv_into(self._buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            size = 0
        if not size:
            self._on_end()
            return
        pause = self._on_read(size)
        if not self._open:
            return
        if pause:
            self._loop.remove_reader(self._source)
            self._pause = self._loop.call_later(pause, self._go_on)
        self._send(self._buffer[:size])

    def _send(self, data: memoryview) -> None:
        try:
            sent = self._target.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._on_end()
            return
        if sent < len(data):
            if not self._waits:
                self._loop.remove_reader(self._source)
                self._loop.add_writer(self._target, self._writable)
            self._waits = bytes(data[sent:])
        elif self._waits:
            self._waits = b""
            self._loop.remove_writer(self._target)
            if self._pause is None:
                self._loop.add_reader(self._source, self._readable)

    def _writable(self) -> None:
        self._send(memoryview(self._waits))

    def _go_on(self) -> None:
        self._pause = None
        if not self._waits:
            self._loop.add_reader(self._source, self._readable)
