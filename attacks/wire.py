"""HTTP/2 over TLS as an attacker speaks it: any frame at any time, from an address of his choice.

`Connection` opens with the preface and settings of his choice, reads what the relay answers in the background, and
acknowledges SETTINGS and PING, because a peer that does not is cut for that alone. Its own window is wide as a whole;
those of its streams are what the settings say. A gRPC client cannot misbehave so.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from hpack import Encoder, NeverIndexedHeaderTuple
from hyperframe.frame import (
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from ctprelay.v1 import terminal_pb2 as pb

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LARGEST_FRAME = 16_384
FIRST_WINDOW = 65_535
CANCEL = 8
_HEAD = struct.Struct(">HBBBL")
_LINGER_NOT = struct.pack("ii", 1, 0)
_READ = 65_536
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK = 0x1, 0x1
_CONNECT_SECONDS = 5.0

CUT = (OSError, EOFError, ssl.SSLError, TimeoutError)
"""what a connection that the relay ended, or did not take, raises"""


class StreamEnded(EOFError):
    """The relay ended this stream."""


def block(*further: tuple[str, str], path: str = "/ctprelay.v1.TerminalService/Session") -> bytes:
    """The header block of a gRPC request. Nothing in it is indexed, so it may be sent for every stream."""
    headers = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", "127.0.0.1"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *further,
    ]
    return bytes(Encoder().encode([NeverIndexedHeaderTuple(*header) for header in headers]))


_BLOCK = block()


def message(body: pb.TerminalMessage | bytes, *, compressed: bool = False) -> bytes:
    """One gRPC message: a byte that says whether it is compressed, its length, the bytes."""
    data = body if isinstance(body, bytes) else body.SerializeToString()
    return struct.pack(">BL", compressed, len(data)) + data


def headers_frame(stream: int, header_block: bytes = _BLOCK, flags: Iterable[str] = ("END_HEADERS",)) -> bytes:
    return HeadersFrame(stream, data=header_block, flags=list(flags)).serialize()


def data_frame(stream: int, data: bytes) -> bytes:
    return DataFrame(stream, data=data).serialize()


def reset_frame(stream: int) -> bytes:
    return RstStreamFrame(stream, error_code=CANCEL).serialize()


def window_frame(stream: int, more: int) -> bytes:
    return WindowUpdateFrame(stream, window_increment=more).serialize()


def trusting_context() -> ssl.SSLContext:
    """TLS to anybody: an attacker does not ask whom he talks to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


async def connect(port: int, source: str) -> socket.socket:
    """A TCP connection from this address; closing it sends a reset, so that no port waits afterwards."""
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        connection.bind((source, 0))
        async with asyncio.timeout(_CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except BaseException:
        connection.close()
        raise
    return connection


async def over_tls(
    port: int, source: str, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The same with TLS on it."""
    connection = await connect(port, source)
    # The loop closes it where this fails: closed here, its number would be another connection's while the loop still has it.
    async with asyncio.timeout(_CONNECT_SECONDS):
        return await asyncio.open_connection(
            sock=connection, ssl=context, server_hostname="127.0.0.1", ssl_shutdown_timeout=0.1
        )


class Connection:
    """One HTTP/2 connection; `opened` makes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard: Counter[int] = Counter()
        """frames from the relay, by type"""
        self.closed = asyncio.Event()
        """the relay ended the connection, or said GOAWAY"""
        self.on_end: Callable[[int], object] = lambda _: None
        """called with each stream that the relay ends"""
        self.logged_in = pb.LoggedIn()
        """what the latest login on this connection gave"""
        self._reader = reader
        self._writer = writer
        self._next = 1
        self._messages: dict[int, deque[pb.RelayMessage]] = {}
        self._partial: dict[int, bytearray] = {}
        self._ended: set[int] = set()
        self._window = FIRST_WINDOW
        self._stream_window = FIRST_WINDOW
        self._sent: Counter[int] = Counter()
        self._granted: Counter[int] = Counter()
        self._news = asyncio.Event()

    # What is sent ----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Any bytes. ConnectionError where the relay is gone."""
        if self._writer.is_closing() or self.closed.is_set():
            raise ConnectionResetError
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def new_stream(self, header_block: bytes = _BLOCK) -> int:
        """Open a stream; returns its number."""
        stream = self.next_stream()
        self.write(headers_frame(stream, header_block))
        return stream

    def next_stream(self) -> int:
        """A number for a stream that is not opened yet."""
        stream, self._next = self._next, self._next + 2
        return stream

    def say(self, stream: int, body: pb.TerminalMessage | bytes) -> None:
        """One message, small enough for one frame and the windows."""
        self.write(data_frame(stream, message(body)))

    async def pour(self, stream: int, data: bytes) -> None:
        """Bytes of any number, as fast as the relay's windows let them through."""
        view = memoryview(data)
        while view:
            room = min(LARGEST_FRAME, self._window, self._stream_window + self._granted[stream] - self._sent[stream])
            if room <= 0:
                await self._next_news(stream)
                continue
            piece, view = view[:room], view[room:]
            self._window -= len(piece)
            self._sent[stream] += len(piece)
            self.write(data_frame(stream, bytes(piece)))
            await self.drain()

    # What is heard ---------------------------------------------------------------------------------------------

    async def heard_message(self, stream: int) -> pb.RelayMessage:
        """The next message on this stream; StreamEnded, ConnectionError."""
        while not (waiting := self._messages.get(stream)):
            await self._next_news(stream)
        return waiting.popleft()

    async def heard_until(self, stream: int, body: str) -> pb.RelayMessage:
        """The next message of this kind; StreamEnded where there is none."""
        while (heard := await self.heard_message(stream)).WhichOneof("body") != body:
            pass
        return heard

    def has_heard(self, stream: int, body: str) -> bool:
        """Whether a message of this kind came on the stream and was not taken yet."""
        return any(heard.WhichOneof("body") == body for heard in self._messages.get(stream, ()))

    async def stream_ended(self, stream: int) -> None:
        """Wait until the relay has ended this stream, or the connection."""
        with contextlib.suppress(*CUT):
            while True:
                await self._next_news(stream)

    async def _next_news(self, stream: int) -> None:
        if stream in self._ended:
            raise StreamEnded
        if self.closed.is_set():
            raise ConnectionResetError
        self._news.clear()
        await self._news.wait()

    async def listen(self) -> None:
        """Read until the relay ends the connection."""
        buffer = bytearray()
        try:
            while data := await self._reader.read(_READ):
                buffer += data
                self._take_frames(buffer)
                self._news.set()
        except CUT:
            pass
        finally:
            self.closed.set()
            self._news.set()

    def _take_frames(self, buffer: bytearray) -> None:
        while len(buffer) >= _HEAD.size:
            high, low, kind, flags, stream = _HEAD.unpack_from(buffer)
            end = _HEAD.size + (high << 8 | low)
            if len(buffer) < end:
                return
            self._take(kind, flags, stream & 0x7FFFFFFF, bytes(buffer[_HEAD.size : end]))
            del buffer[:end]

    def _take(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        self.heard[kind] += 1
        if kind == _DATA:
            self._take_data(stream, body)
        elif kind in {_SETTINGS, _PING} and not flags & _ACK:
            self._acknowledge(kind, body)
        elif kind == _WINDOW:
            self._take_window(stream, int.from_bytes(body, "big"))
        elif kind == _GOAWAY:
            self.closed.set()
        is_end = kind == _RESET or (kind in {_DATA, _HEADERS} and flags & _END_STREAM)
        if is_end and stream not in self._ended:
            self._ended.add(stream)
            self.on_end(stream)

    def _take_data(self, stream: int, body: bytes) -> None:
        partial = self._partial.setdefault(stream, bytearray())
        partial += body
        while len(partial) >= 5 and len(partial) >= (end := 5 + int.from_bytes(partial[1:5], "big")):
            batch = pb.RelayBatch.FromString(bytes(partial[5:end]))
            self._messages.setdefault(stream, deque()).extend(batch.messages)
            del partial[:end]

    def _take_window(self, stream: int, increment: int) -> None:
        if stream:
            self._granted[stream] += increment
        else:
            self._window += increment

    def _acknowledge(self, kind: int, body: bytes) -> None:
        frame: Frame
        if kind == _SETTINGS:
            for place in range(0, len(body), 6):
                if int.from_bytes(body[place : place + 2], "big") == SettingsFrame.INITIAL_WINDOW_SIZE:
                    self._stream_window = int.from_bytes(body[place + 2 : place + 6], "big")
            frame = SettingsFrame(0, flags=["ACK"])
        else:
            frame = PingFrame(0, opaque_data=body, flags=["ACK"])
        with contextlib.suppress(ConnectionError):
            self.write(frame.serialize())

    def abort(self) -> None:
        """Gone at once, without a word."""
        self._writer.transport.abort()


@asynccontextmanager
async def opened(
    port: int, source: str, context: ssl.SSLContext, settings: dict[int, int] | None = None
) -> AsyncIterator[Connection]:
    """A connection that has said its preface and settings; cut at the end."""
    reader, writer = await over_tls(port, source, context)
    connection = Connection(reader, writer)
    listening = asyncio.ensure_future(connection.listen())
    try:
        connection.write(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())
        connection.write(window_frame(0, 2**30))
        yield connection
    finally:
        connection.abort()
        listening.cancel()
        await asyncio.wait({listening})
