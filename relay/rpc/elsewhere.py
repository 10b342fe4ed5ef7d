"""A stream whose session is at another worker of the machine: what the terminal says is passed there, and what is answered back.

A token names its worker. A stream on which one of another worker is shown is passed on from that message on, with all that the
owner needs to judge it as if it had come in there: the challenge, the address, the certificate. Nothing is believed of the
worker that passes it on but these, and the socket between them is the relay's user's own. Where the owner is gone the stream
is judged here, where its session is not: `session_gone`, and the terminal logs in again.

A packet is a letter, four bytes of length and its content: the opening and each message one way, batches and what became of
the stream the other way.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from google.protobuf.message import DecodeError

from ctprelay.v1 import market_pb2
from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.client_certificates import ShownCertificate
from relay.admission.origin.trusted_proxies import Origin
from relay.market_data.stream import MarketStream
from relay.sessions.stream import Begun, Malformed, TerminalStream
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
AnyMessage = pb.TerminalMessage | market_pb2.MarketDataRequest | Malformed
AnyStream = TerminalStream | MarketStream
OpenAny = Callable[[Origin], AnyStream]
"""a stream of either kind, from where its terminal is"""
_MESSAGE, _MALFORMED, _SILENT, _BATCH, _PROVED, _SESSION = b"M", b"X", b"H", b"B", b"P", b"S"
_CONNECT_SECONDS = 2.0
_OPENING_SECONDS = 5.0
_LAST_SECONDS = 15.0
"""how long the last that a terminal gets may take on its way"""
_LONGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Opening:
    """What the owner hears first."""

    market: bool
    origin: Origin
    begun: Begun
    certificate: ShownCertificate | None

    def packed(self) -> bytes:
        marks = sorted(self.certificate.marks) if self.certificate is not None else None
        at, begun = self.origin, self.begun
        said = [begun.app_id, begun.client_version, begun.challenge.hex(), begun.challenged_ago]
        return json.dumps([self.market, str(at.ip), at.port, said, marks]).encode()

    @classmethod
    def unpacked(cls, packet: bytes) -> Opening:
        market, ip, port, (app_id, version, challenge, ago), marks = json.loads(packet)
        certificate = ShownCertificate(frozenset(marks)) if marks is not None else None
        begun = Begun(app_id, version, bytes.fromhex(challenge), ago)
        return cls(market, Origin(ipaddress.ip_address(ip), port), begun, certificate)


class Writes(Protocol):
    """gRPC's context, of which this alone is asked."""

    async def write(self, message: Any, /) -> None: ...


def shown_token(message: AnyMessage) -> bytes:
    """The token of a session that the terminal shows; empty where it shows none."""
    match message:
        case pb.TerminalMessage(resume=resume) if message.WhichOneof("body") == "resume":
            return resume.resume_token
        case market_pb2.MarketDataRequest(attach=attach) if message.WhichOneof("body") == "attach":
            return attach.token
        case _:
            return b""


async def pass_on(
    owner: Path, first: AnyMessage, requests: AsyncIterator[Any], stream: AnyStream, context: Writes
) -> bool:
    """Let the worker at `owner` have this stream from here on; false where it is not there. Returns at the stream's end."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(owner))
    except OSError:  # a timeout is one
        return False
    tasks = Tasks()
    try:
        opening = Opening(isinstance(stream, MarketStream), stream.origin, stream.hand_on(), stream.certificate)
        await _send(writer, _MESSAGE, opening.packed())
        await _send_message(writer, first)
        up = tasks.start(_up(requests, writer), "stream to its owner")
        down = tasks.start(_down(reader, stream, context), "stream from its owner")
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done():  # the terminal hung up, or says no more and still reads
            await asyncio.wait({down})
    finally:
        writer.close()
        await tasks.cancel()
        stream.outbox.close()
    return True


async def _up(requests: AsyncIterator[Any], writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        async for message in requests:
            await _send_message(writer, message)
        await _send(writer, _SILENT, b"")


async def _down(reader: asyncio.StreamReader, stream: AnyStream, context: Writes) -> None:
    while (packet := await _receive(reader)) is not None:
        kind, content = packet
        if kind == _BATCH:
            await context.write(content)
        elif kind == _PROVED:
            stream.on_proved()
        elif kind == _SESSION:
            stream.on_session()


class PassedStreams:
    """Where other workers bring the streams of this one's sessions."""

    def __init__(self, path: Path, open_terminal: OpenAny, open_market: OpenAny | None) -> None:
        self._path = path
        self._open_terminal = open_terminal
        self._open_market = open_market
        self._tasks = Tasks()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Serve. Raises OSError."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(self._path))

    async def stop(self) -> None:
        """Take no more, and end what is left, when its last words have had their time; idempotent."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        deadline = asyncio.get_running_loop().time() + _LAST_SECONDS / 3
        while len(self._tasks) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - tasks of many streams
            await asyncio.sleep(0.02)
        await self._tasks.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start(self._serve(reader, writer), "stream of another worker")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_OPENING_SECONDS):
                packet = await _receive(reader)
            if packet is None:
                return
            opening = Opening.unpacked(packet[1])
            open_any = self._open_market if opening.market else self._open_terminal
            if open_any is not None:
                await self._converse(open_any(opening.origin), opening, reader, writer)
        except OSError:  # the other worker is gone
            _log.debug("passed_stream_lost")
        finally:
            writer.close()

    async def _converse(
        self, stream: AnyStream, opening: Opening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        stream.certificate = opening.certificate
        stream.on_proved = lambda: writer.write(_framed(_PROVED, b""))
        stream.on_session = lambda: writer.write(_framed(_SESSION, b""))
        stream.take_over(opening.begun)
        tasks = Tasks()
        read = tasks.start(_hear(reader, stream, market=opening.market), "passed stream reader")
        write = tasks.start(_say(writer, stream), "passed stream writer")
        over = stream.outbox.when_over()
        try:
            await asyncio.wait({read, write, over}, return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                await asyncio.wait({write}, timeout=_LAST_SECONDS)
        finally:
            try:
                await tasks.cancel()
            finally:
                await stream.ended()


async def _hear(reader: asyncio.StreamReader, stream: AnyStream, *, market: bool) -> None:
    kind = market_pb2.MarketDataRequest if market else pb.TerminalMessage
    while (packet := await _receive(reader)) is not None:
        letter, content = packet
        if letter == _SILENT:
            stream.terminal_is_silent()
        else:
            await stream.receive(_read(letter, content, kind))


def _read(letter: bytes, content: bytes, kind: Any) -> Any:
    if letter == _MALFORMED:
        return Malformed(*json.loads(content))
    try:
        return kind.FromString(content)
    except DecodeError:
        return Malformed(len(content), _LONGEST)


async def _say(writer: asyncio.StreamWriter, stream: AnyStream) -> None:
    with contextlib.suppress(ConnectionError):
        while (batch := await stream.outbox.next_batch()) is not None:
            await _send(writer, _BATCH, batch)
            del batch  # or a stream that is idle keeps the last one


async def _send_message(writer: asyncio.StreamWriter, message: AnyMessage) -> None:
    if isinstance(message, Malformed):
        await _send(writer, _MALFORMED, json.dumps([message.size, message.most]).encode())
    else:
        await _send(writer, _MESSAGE, message.SerializeToString())


async def _send(writer: asyncio.StreamWriter, letter: bytes, content: bytes) -> None:
    writer.write(_framed(letter, content))
    await writer.drain()


def _framed(letter: bytes, content: bytes) -> bytes:
    return letter + len(content).to_bytes(4, "big") + content


async def _receive(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """The next packet; None at the end."""
    try:
        head = await reader.readexactly(5)
        return head[:1], await reader.readexactly(int.from_bytes(head[1:], "big"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
