"""One TCP connection of a T2 client: frames in order, a cut in the middle of one where that was commanded."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from simcounter.ufx.frames import FrameError, T2Reader, encode_frame
from simcounter.ufx.lzo import LzoError
from simcounter.ufx.pack import PackError
from simcounter.ufx.tags import BodyError, Tags, Value, decode_tags, encode_tags

REGISTER_SECONDS = 5.0
"""until the client must have registered"""
MAX_WAITING = 64 << 20
"""bytes for a client that does not read; beyond, it is cut"""


class MessageOwner(Protocol):
    """What a connection reports to."""

    def take(self, connection: UfxConnection, tags: Tags) -> None:
        """One message; a BodyError or PackError ends the connection."""

    def lose(self, connection: UfxConnection) -> None: ...


class UfxConnection(asyncio.Protocol):
    """`registered` is what the client said of itself, empty until it did."""

    def __init__(self, owner: MessageOwner) -> None:
        self._owner = owner
        self._reader = T2Reader()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.registered: list[bytes] = []
        self.peer_ip = ""
        self.peer_port = 0
        self.local_port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer_ip, self.peer_port = transport.get_extra_info("peername")[:2]
        self.local_port = transport.get_extra_info("sockname")[1]
        self._timer = asyncio.get_running_loop().call_later(REGISTER_SECONDS, self._end_silent)

    def _end_silent(self) -> None:
        if not self.registered:
            self.close()

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._reader.feed(data):
                self._owner.take(self, decode_tags(body))
        except (FrameError, BodyError, PackError, LzoError):
            self.close()

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_WAITING:
            self._transport.abort()

    def send_half(self, data: bytes) -> None:
        """The first half, and then the connection is gone."""
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


Outgoing = dict[int, Value | int | str]


def message_frame(tags: Outgoing) -> bytes:
    """A message as it is sent."""
    return encode_frame(encode_tags(tags))
