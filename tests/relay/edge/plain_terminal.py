"""A terminal on a plain socket that speaks HTTP/2 by the h2 library, where bytes and cuts matter; and an edge for it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import h2.events
from h2.config import H2Configuration
from h2.connection import H2Connection

from relay.edge.edge import Edge
from relay.edge.limits import EdgeLimits
from relay.edge.pace import PaceLimits
from relay.edge.passage import Passage, ServedDoor
from relay.edge.shares import ShareLimits
from relay.http2.call import Call
from tests.relay.http2.peer import HEADERS, framed

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LIMITS = EdgeLimits(ShareLimits(6, 4), ShareLimits(3, 3), PaceLimits(100.0, 20.0), 4096, 5.0, 10)


async def echo(_: Passage, call: Call) -> None:
    """What is said on a call is said again."""
    while (message := await call.read()) is not None:
        await call.write(message)


@asynccontextmanager
async def edge_at_work(
    limits: EdgeLimits = LIMITS,
    known: Callable[[str], bool] = lambda _: False,
    tls: Callable[[], ssl.SSLContext] | None = None,
) -> AsyncIterator[tuple[Edge, int]]:
    """An edge whose calls are said again, and its port."""
    edge = Edge(limits, known)
    port = await edge.start("127.0.0.1:0", ServedDoor(echo, tls, 1 << 20))
    try:
        yield edge, port
    finally:
        edge.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what nothing says."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - see there
            await asyncio.sleep(0.005)


async def opened(port: int, source: str, first: bytes = b"") -> socket.socket:
    """A connection from this address, on which this was said."""
    connection = socket.socket()
    connection.bind((source, 0))
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", port))
    await loop.sock_sendall(connection, first)
    return connection


async def came(connection: socket.socket) -> bytes:
    """What came, empty where the edge closed it."""
    try:
        async with asyncio.timeout(10):
            return await asyncio.get_running_loop().sock_recv(connection, 65_536)
    except ConnectionResetError:
        return b""


async def ended(connection: socket.socket) -> None:
    """Returns when the edge has closed it."""
    while await came(connection):
        pass


class PlainTerminal:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._h2 = H2Connection(H2Configuration(client_side=True))
        self._data: dict[int, bytes] = {}
        self._stream = 0

    @classmethod
    async def connect(cls, port: int, source: str) -> PlainTerminal:
        """It has said its first word."""
        terminal = cls(await opened(port, source))
        terminal._h2.initiate_connection()
        await terminal._say()
        return terminal

    async def is_greeted(self) -> bool:
        """Whether the relay has said its first word; false where it has closed the connection."""
        data = await came(self.socket)
        self._h2.receive_data(data)
        return bool(data)

    async def is_served(self, message: bytes = b"still there") -> bool:
        """Whether a message comes back."""
        if not self._stream:
            self._stream = self._h2.get_next_available_stream_id()
            self._h2.send_headers(self._stream, list(HEADERS))
            self._data[self._stream] = b""
        before = len(self._data[self._stream])
        wanted = framed(message)
        sending = asyncio.ensure_future(self._send(wanted))
        while len(self._data[self._stream]) - before < len(wanted) and await self._hear():
            pass
        if len(self._data[self._stream]) - before < len(wanted):
            sending.cancel()
            return False
        await sending
        return self._data[self._stream][before:] == wanted

    def close(self) -> None:
        self.socket.close()

    async def _send(self, data: bytes) -> None:
        while data:
            room = min(self._h2.local_flow_control_window(self._stream), self._h2.max_outbound_frame_size)
            if not room:
                await asyncio.sleep(0.001)
                continue
            piece, data = data[:room], data[room:]
            self._h2.send_data(self._stream, piece)
            await self._say()

    async def _hear(self) -> bool:
        data = await came(self.socket)
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                self._data[event.stream_id or 0] += event.data or b""
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        await self._say()
        return bool(data)

    async def _say(self) -> None:
        if data := self._h2.data_to_send():
            await asyncio.get_running_loop().sock_sendall(self.socket, data)
