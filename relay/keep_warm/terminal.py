"""A terminal without a person: it sends the same message again and again, and does not look at what comes back."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection

from ctprelay.wire import frames
from ctprelay.wire.cutter import Cutter
from ctprelay.wire.frames import FrameKind
from ctprelay.wire.messages import MessagePieces, framed

_STREAM: Final = 1
_BUFFER_BYTES, _LARGEST_MESSAGE = 16 * 1024, 1 << 20
_WORTH_SAYING = 16 * 1024
"""bytes that were read, before the relay hears that as many more may come"""
_NO_CONNECTION = "the made-up terminal's connection is gone"


def connected_pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a TCP connection inside this process: an order's way leads through the kernel's TCP. Raises OSError."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listening:
        theirs = socket.create_connection(listening.getsockname())
        while True:
            ours, address = listening.accept()
            if address == theirs.getsockname():
                break
            ours.close()  # somebody else was quicker
    for end in (theirs, ours):
        end.setblocking(False)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return theirs, ours


class MadeUpTerminal:
    """One stream to the relay on one connection."""

    def __init__(self, connection: socket.socket, method: str, *, tls: bool) -> None:
        """`method` is the call's path."""
        self._loop = asyncio.get_running_loop()
        self._socket = connection
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context().wrap_bio(self._in, self._out) if tls else None
        self._agreed = not tls
        self._cutter = Cutter(begun=True)
        self._pieces = MessagePieces(_LARGEST_MESSAGE)
        self._read = 0
        """bytes of the relay's windows that are to be opened again"""
        self._first = [_first_word(method)]
        self.on_batch: Callable[[bytes], object] = lambda _: None
        """called with each RelayBatch"""
        self.heard: asyncio.Future[None] = self._loop.create_future()
        """done with the relay's first message"""

    def begin(self, messages: Iterable[bytes]) -> None:
        """Agree on TLS, open the stream, and say these."""
        self._first += (_framed(message) for message in messages)
        self._loop.add_reader(self._socket, self._readable)
        if self._tls is None:
            self._say_first()
        else:
            self._agree(self._tls)

    def send(self, message: bytes) -> None:
        """One message on the stream. Raises ConnectionError."""
        self._put(_framed(message))

    def close(self) -> None:
        """Hang up; idempotent."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _agree(self, tls: ssl.SSLObject) -> None:
        try:
            tls.do_handshake()
            self._agreed = True
        except ssl.SSLWantReadError:
            pass
        self._send_sealed()
        if self._agreed:
            self._say_first()

    def _say_first(self) -> None:
        self._put(b"".join(self._first))

    def _put(self, data: bytes) -> None:
        if self._tls is None:
            self._send(data)
        else:
            self._tls.write(data)
            self._send_sealed()

    def _send_sealed(self) -> None:
        if self._out.pending:
            self._send(self._out.read())

    def _send(self, data: bytes) -> None:
        """The socket always has room: nothing is sent before what was sent last has been answered."""
        if self._socket.fileno() < 0 or self._socket.send(data) < len(data):
            raise ConnectionError(_NO_CONNECTION)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_BUFFER_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.close()
        elif self._tls is None:
            self._received(data)
        else:
            self._in.write(data)
            if not self._agreed:
                self._agree(self._tls)
            if self._agreed:
                self._received(_opened(self._tls))

    def _received(self, data: bytes) -> None:
        for kind, _, _, payload in self._cutter.cut(data):
            if kind == FrameKind.DATA:
                self._read += len(payload)
                for batch in self._pieces.take(payload):
                    self._hear(batch)
        if self._read >= _WORTH_SAYING:
            more, self._read = self._read, 0
            self._put(frames.window_update(0, more) + frames.window_update(_STREAM, more))

    def _hear(self, batch: bytes) -> None:
        if not self.heard.done():
            self.heard.set_result(None)
        self.on_batch(batch)


def _opened(tls: ssl.SSLObject) -> bytes:
    parts: list[bytes] = []
    try:
        while True:
            parts.append(tls.read(_BUFFER_BYTES))
    except ssl.SSLWantReadError:
        return b"".join(parts)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the other end is this process
    context.set_alpn_protocols(["h2"])
    return context


def _framed(message: bytes) -> bytes:
    data = framed(message)
    return frames.head(FrameKind.DATA, 0, _STREAM, len(data)) + data


def _first_word(method: str) -> bytes:
    """Preface, settings, and the headers that open the stream."""
    h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    h2.initiate_connection()
    asked = (":method", "POST"), (":scheme", "https"), (":path", method), (":authority", "localhost")
    h2.send_headers(_STREAM, [*asked, ("te", "trailers"), ("content-type", "application/grpc")])
    return h2.data_to_send()
