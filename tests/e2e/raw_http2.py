"""A client of HTTP/2 over TLS without manners: it may close its window, send any frames, and leave anything unfinished."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from ctprelay.v1 import terminal_pb2 as pb

METHOD = "/ctprelay.v1.TerminalService/Session"
DEADLINE_SECONDS = 90.0


def message(body: pb.TerminalMessage | bytes, *, compressed: bool = False) -> bytes:
    """A message with gRPC's prefix."""
    data = body if isinstance(body, bytes) else body.SerializeToString()
    return struct.pack(">BI", compressed, len(data)) + data


class RawHttp2:
    """One connection. What it receives is kept in `events`; `closed` is set when the relay has closed it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: int | None) -> None:
        self._reader = reader
        self.writer = writer
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        if window is not None:
            self.h2.local_settings = h2.settings.Settings(
                client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
            )
        self.h2.initiate_connection()
        self.events: list[h2.events.Event] = []
        self.closed = asyncio.Event()
        self._has_heard = asyncio.Event()
        self._listening = asyncio.ensure_future(self._listen())
        self.flush()

    def flush(self) -> None:
        self.raw(self.h2.data_to_send())

    def raw(self, data: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(data)

    def open_stream(self, *headers: tuple[str, str], method: str = METHOD) -> int:
        """Begin a stream; returns its number."""
        stream = self.h2.get_next_available_stream_id()
        about = [(":method", "POST"), (":scheme", "https"), (":path", method), (":authority", "127.0.0.1")]
        self.h2.send_headers(stream, [*about, ("te", "trailers"), ("content-type", "application/grpc"), *headers])
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, last: bool = False) -> None:
        self.h2.send_data(stream, data, end_stream=last)
        self.flush()

    def hang_up(self) -> None:
        """Close it at once, with a reset."""
        self.writer.transport.abort()

    def trailers(self) -> dict[str, str]:
        """Everything that came in headers and trailers."""
        kinds = (h2.events.ResponseReceived, h2.events.TrailersReceived)
        found = [dict(event.headers) for event in self.events if isinstance(event, kinds)]
        return {str(key): str(value) for headers in found for key, value in headers.items()}

    async def is_closed(self) -> None:
        """Wait until the relay has closed it."""
        await asyncio.wait_for(self.closed.wait(), DEADLINE_SECONDS)

    async def received(self, kind: type[h2.events.Event]) -> None:
        """Wait until something of this kind has come."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not any(isinstance(event, kind) for event in self.events):
                self._has_heard.clear()
                await self._has_heard.wait()

    async def end(self) -> None:
        self._listening.cancel()
        self.writer.transport.abort()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            while data := await self._reader.read(65536):
                with contextlib.suppress(h2.exceptions.ProtocolError):  # an answer to frames that h2 did not send
                    self.events += self.h2.receive_data(data)
                self.flush()
                self._has_heard.set()
        except (OSError, ssl.SSLError):
            pass
        finally:
            self.closed.set()
            self._has_heard.set()


def trusting(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.set_alpn_protocols(["h2"])
    return context


def client_hello() -> bytes:
    """The first bytes of a TLS connection."""
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


async def connect(port: int, authority: Path, source: str = "127.0.0.1", window: int | None = None) -> RawHttp2 | None:
    """A connection from this address; None where the relay does not take it."""
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting(authority), local_addr=(source, 0)
        )
    except (OSError, ssl.SSLError):
        return None
    return RawHttp2(reader, writer, window)


@asynccontextmanager
async def raw_http2(
    port: int, authority: Path, source: str = "127.0.0.1", window: int | None = None
) -> AsyncIterator[RawHttp2]:
    """One that the relay takes."""
    connection = await connect(port, authority, source, window)
    assert connection is not None
    try:
        yield connection
    finally:
        await connection.end()
