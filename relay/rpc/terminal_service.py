"""ctprelay.v1.TerminalService and MarketDataService: one call, one stream, one conversation.

It moves messages between `relay.http2` and `sessions.stream`; it decides nothing. Requests are parsed
here so that a message that is too large or malformed becomes a refusal with a name instead of a broken stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc
import structlog
from google.protobuf.message import DecodeError

from ctprelay.v1 import market_pb2
from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.client_certificates import ShownCertificate, read_certificate
from relay.admission.origin.trusted_proxies import Origin, OriginUnknown
from relay.edge.edge import Edge
from relay.edge.passage import Passage
from relay.edge.stream_gate import Slot, StreamGate
from relay.edge.streams import OpenStream
from relay.http2.call import Call, CallEnded
from relay.http2.call_over import CallOver
from relay.market_data.stream import MarketStream
from relay.refusals import stream_reasons
from relay.rpc.elsewhere import AnyMessage, AnyStream, OpenAny, pass_on, shown_token
from relay.rpc.health import CHECK, Health
from relay.sessions import frames
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import SLOW_READER
from relay.sessions.stream import Malformed, TerminalStream
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
OriginOf = Callable[[Origin | None, Sequence[tuple[str, str]]], Origin]
"""(the connection's origin, request metadata) -> the terminal's public address as the relay observed it"""

SESSION: Final = "/ctprelay.v1.TerminalService/Session"
WATCH: Final = "/ctprelay.v1.MarketDataService/Watch"

_CUT_SECONDS = 5.0
"""how long a terminal that does not read may take to read why it is cut"""
_FAREWELL_SECONDS = 15.0
"""how long a terminal that has proved itself, and reads, may take for the last it gets"""
_HANG_UP_SECONDS = 0.5
"""how long a terminal that has proved itself may take to hang up when it has the last word; then the stream is ended here"""


class TerminalService:
    """What terminals talk to."""

    def __init__(
        self,
        open_stream: Callable[[Origin], TerminalStream],
        origin_of: OriginOf,
        gate: StreamGate,
        edge: Edge,
        max_message: int,
        open_market: Callable[[Origin], MarketStream] | None = None,
    ) -> None:
        """`open_market` is None where there is no market data."""
        self._open_stream = open_stream
        self._open_market = open_market
        self.serves_market = open_market is not None
        """whether market data is had at the same ports as all else"""
        self._edge = edge
        self._gate = gate
        self._origin_of = origin_of
        self.max_message = max_message
        self.origins_unknown = 0
        """streams that were refused because no trusted proxy said where they come from"""
        self.health = Health()
        self.owner_of: Callable[[bytes], Path | None] = lambda _: None
        """by the token a terminal shows: where the session is, if that is at another worker of the machine"""

    async def serve(self, passage: Passage, call: Call) -> None:
        """One call, whatever its method is."""
        method = call.head.method
        if method == SESSION:
            await self._admit(passage, call, self._open_stream, self._parse)
        elif method == WATCH and self.serves_market and self._open_market is not None:
            await self._admit(passage, call, self._open_market, self._parse_market)
        elif method == CHECK:
            await self._check_health(passage, call)
        else:
            self._refuse_method(passage, call)

    async def serve_market(self, passage: Passage, call: Call) -> None:
        """One call at a port where market data is had, and nothing else."""
        if call.head.method == WATCH and self._open_market is not None:
            await self._admit(passage, call, self._open_market, self._parse_market)
        else:
            self._refuse_method(passage, call)

    def _parse(self, data: bytes) -> pb.TerminalMessage | Malformed:
        if len(data) > self.max_message:
            return Malformed(len(data), self.max_message)
        try:
            return pb.TerminalMessage.FromString(data)
        except DecodeError:
            return Malformed(len(data), self.max_message)

    def _parse_market(self, data: bytes) -> market_pb2.MarketDataRequest | Malformed:
        if len(data) > self.max_message:
            return Malformed(len(data), self.max_message)
        try:
            return market_pb2.MarketDataRequest.FromString(data)
        except DecodeError:
            return Malformed(len(data), self.max_message)

    def _refuse_method(self, passage: Passage, call: Call) -> None:
        """It counts as a stream all the same."""
        if _opened(passage, call) is not None:
            raise _no_method()

    async def _check_health(self, passage: Passage, call: Call) -> None:
        if _opened(passage, call) is None:
            return  # its connection is cut
        if not self.health.may_ask(lambda: self._origin_of(passage.origin, call.head.metadata)):
            raise _no_method()
        await call.write(self.health.answer(await call.read() or b""))

    def _unknown(self, peer: str, unknown: OriginUnknown) -> CallEnded:
        """No guess goes into a report. Every peer here has a port of its own, so none has a line of its own."""
        self.origins_unknown += 1
        self._edge.lines.say("terminal_origin_unknown", "", peer=peer, why=str(unknown))
        return CallEnded(grpc.StatusCode.INVALID_ARGUMENT, f"origin_unknown: {unknown}")

    async def _admit(
        self, passage: Passage, call: Call, open_any: OpenAny, parse: Callable[[bytes], AnyMessage]
    ) -> None:
        stream = _opened(passage, call)
        if stream is None:
            return
        try:
            origin = self._origin_of(passage.origin, call.head.metadata)
        except OriginUnknown as unknown:
            raise self._unknown(passage.peer, unknown) from None
        slot = await self._gate.enter(origin)
        if slot is None:
            self._edge.lines.say("stream_refused", origin.place, waiting=self._gate.waiting)
            stream.ended()
            await call.write(frames.batch([(b"", frames.rejected(stream_reasons.too_many_streams()))]))
            return
        stream.on_over = slot.leave
        conversation = open_any(origin)
        if isinstance(conversation, TerminalStream):
            call.at_once = partial(self._take, conversation)
        conversation.certificate = _shown(passage)
        await self._converse(conversation, _Messages(call, parse), call, (stream, slot))

    async def _converse(
        self,
        stream: AnyStream,
        requests: AsyncIterator[AnyMessage],
        call: Call,
        counted: tuple[OpenStream, Slot],
    ) -> None:
        _count(stream, *counted)
        tasks = Tasks()
        tasks.start(self._read(requests, stream, call), "terminal stream reader")
        writer = tasks.start(_write(call, stream), "terminal stream writer")
        over = stream.outbox.when_over()
        try:
            await asyncio.wait({writer, over}, return_when=asyncio.FIRST_COMPLETED)
            counted[0].ended()
            reads = counted[0].is_proved and not stream.outbox.overrun.is_set()
            await asyncio.wait({writer}, timeout=_FAREWELL_SECONDS if reads else _CUT_SECONDS)
        finally:
            unread = not writer.done()
            try:
                await tasks.cancel()
            finally:  # also where the terminal hangs up while this waits
                await stream.ended()
        if unread:  # the goodbye could not be written any more, so the stream's status says it
            raise CallEnded(grpc.StatusCode.RESOURCE_EXHAUSTED, SLOW_READER.text)
        if counted[0].is_proved:
            call.at_once = lambda _: False
            await _hung_up(call)

    def _take(self, stream: TerminalStream, data: bytes) -> bool:
        """A message in the moment in which it comes; false where it is `_read`'s."""
        try:
            return len(data) <= self.max_message and stream.take_call(data)
        except Exception:  # noqa: BLE001 - it may have been sent, so nobody takes it again; what came with it goes on
            _log.exception("call_died", method=SESSION)
            stream.outbox.close(Ending(EndKind.STREAM_FAULT))
            return True

    async def _read(self, requests: AsyncIterator[Any], stream: AnyStream, call: Call) -> None:
        try:
            async for message in requests:
                owner = self.owner_of(shown_token(message))
                if owner is not None and await pass_on(owner, message, requests, stream, call):
                    return
                await stream.receive(message)
                del message  # or a stream that is idle keeps the last one: its login
        except CallOver:
            pass  # the terminal hung up
        except Exception:
            stream.outbox.close(Ending(EndKind.STREAM_FAULT))
            raise
        stream.terminal_is_silent()


async def _hung_up(call: Call) -> None:
    """Return when the terminal says no more, or has had time for it; what it still says is dropped.

    gRPC's clients fail a write that meets the end of the stream, and the call with it: what came before the end and was not
    read yet, the goodbye, is lost then. One that reads the goodbye first writes no more.
    """
    with contextlib.suppress(CallOver, TimeoutError):
        async with asyncio.timeout(_HANG_UP_SECONDS):
            while await call.read() is not None:
                pass


def _opened(passage: Passage, call: Call) -> OpenStream | None:
    """Count a stream until it is closed; None where its connection is cut because of it."""
    stream = passage.stream_opened()
    if stream is not None:
        call.on_closed = stream.closed
    return stream


def _no_method() -> CallEnded:
    return CallEnded(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


class _Messages:
    """What the terminal says on a call, message by message."""

    __slots__ = ("_call", "_parse")

    def __init__(self, call: Call, parse: Callable[[bytes], AnyMessage]) -> None:
        self._call = call
        self._parse = parse

    def __aiter__(self) -> AsyncIterator[AnyMessage]:
        return self

    async def __anext__(self) -> AnyMessage:
        data = await self._call.read()
        if data is None:
            raise StopAsyncIteration
        return self._parse(data)


def _shown(passage: Passage) -> ShownCertificate | None:
    """The certificate that TLS took from the terminal."""
    shown = passage.certificate
    return read_certificate(ssl.DER_cert_to_PEM_cert(shown).encode()) if shown is not None else None


def _count(stream: AnyStream, counted: OpenStream, slot: Slot) -> None:
    """Keep the edge and the gate informed of what the stream becomes."""

    def proved() -> None:
        slot.leave()
        counted.proved()

    def has_session() -> None:
        slot.leave()
        counted.has_session()

    def gives_way() -> None:
        stream.outbox.put(frames.rejected(stream_reasons.too_many_streams()))
        stream.outbox.close()

    stream.on_proved, stream.on_session, slot.on_give_way = proved, has_session, gives_way


async def _write(call: Call, stream: AnyStream) -> None:
    stream.outbox.write_at_once = call.write_at_once
    with contextlib.suppress(CallOver):  # the terminal hung up
        while (batch := await stream.outbox.next_batch()) is not None:
            await call.write(batch)
            del batch  # or a stream that is idle keeps the last one
