"""One TCP connection of a CTS client: lines in order, an answer late or cut when that was commanded."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from simcounter.cts.lines import CtsLines, LineError

CONNECT_SECONDS = 5.0
"""until the client must have sent its 10000"""
MAX_WAITING = 64 << 20
"""bytes for a client that does not read; beyond, it is cut"""


class LineOwner(Protocol):
    """What a connection reports to."""

    def take_line(self, connection: CtsConnection, line: bytes) -> None: ...

    def lose(self, connection: CtsConnection) -> None: ...


class CtsConnection(asyncio.Protocol):
    """`session_id` is empty until the connect was answered."""

    def __init__(self, owner: LineOwner, passkey: str) -> None:
        self._owner = owner
        self._lines = CtsLines()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.passkey = passkey
        self.session_id = ""
        self.peer_ip = ""
        self.peer_port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer_ip, self.peer_port = transport.get_extra_info("peername")[:2]
        self._timer = asyncio.get_running_loop().call_later(CONNECT_SECONDS, self._end_silent)

    def _end_silent(self) -> None:
        if not self.session_id:
            self.close()

    def data_received(self, data: bytes) -> None:
        try:
            for line in self._lines.feed(data):
                self._owner.take_line(self, line)
        except LineError:
            self.close()

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_WAITING:
            self._transport.abort()

    def send_half(self, data: bytes) -> None:
        """The first half of the line, and then the connection is gone."""
        self.send(data[: len(data) // 2])
        self.close()

    def close(self) -> None:
        """Sends what is written, then ends the connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._timer is not None:
            self._timer.cancel()
        self._owner.lose(self)
