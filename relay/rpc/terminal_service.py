"""ctprelay.v1.TerminalService and MarketDataService over grpc.aio: one handler, one stream, one conversation.

The handler moves messages between gRPC and `sessions.stream`; it decides nothing. Requests are parsed
here so that a message that is too large or malformed becomes a refusal with a name instead of a broken stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from ctprelay.v1 import market_pb2
from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.client_certificates import ShownCertificate, read_certificate
from relay.admission.origin.trusted_proxies import Origin, OriginUnknown, parse_peer
from relay.edge.edge import Edge
from relay.edge.stream_gate import Slot, StreamGate
from relay.edge.streams import OpenStream
from relay.market_data.stream import MarketStream
from relay.refusals import stream_reasons
from relay.rpc.elsewhere import AnyMessage, AnyStream, OpenAny, pass_on, shown_token
from relay.rpc.health import CHECK, Health
from relay.sessions import frames
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import SLOW_READER
from relay.sessions.stream import Malformed, TerminalStream
from relay.tasks import Tasks

OriginOf = Callable[[Origin, Sequence[tuple[str, str | bytes]]], Origin]
"""(gRPC's peer, request metadata) -> the terminal's public address as the relay observed it"""

WATCH = "/ctprelay.v1.MarketDataService/Watch"
Context = Any
"""grpc.aio.ServicerContext, which is generic in messages that travel as bytes here"""

_CUT_SECONDS = 5.0
"""how long a terminal that does not read may take to read why it is cut"""
_FAREWELL_SECONDS = 15.0
"""how long a terminal that has proved itself, and reads, may take for the last it gets"""


class TerminalService(grpc.GenericRpcHandler):
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
        self._handler: Any = grpc.stream_stream_rpc_method_handler(
            self._session, request_deserializer=self._parse, response_serializer=None
        )
        self.market_handler: Any = grpc.stream_stream_rpc_method_handler(
            self._watch, request_deserializer=self._parse_market, response_serializer=None
        )
        self.health = Health()
        self.owner_of: Callable[[bytes], Path | None] = lambda _: None
        """by the token a terminal shows: where the session is, if that is at another worker of the machine"""
        self._check: Any = grpc.unary_unary_rpc_method_handler(self._check_health)
        self.no_method: Any = grpc.stream_stream_rpc_method_handler(self._refuse_method)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler for our methods and for health checks, and for all others one that counts the stream as well."""
        if handler_call_details.method == "/ctprelay.v1.TerminalService/Session":
            return self._handler
        if self.serves_market and handler_call_details.method == WATCH:
            return self.market_handler
        return self._check if handler_call_details.method == CHECK else self.no_method

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

    async def _refuse_method(self, _: AsyncIterator[bytes], context: Context) -> None:
        try:
            counted = self._opened(context, parse_peer(context.peer()))
        except OriginUnknown as unknown:
            await self._refuse_unknown(context, unknown)
            return
        if counted is not None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")

    async def _check_health(self, request: bytes, context: Context) -> bytes:
        inner = parse_peer(context.peer())
        try:
            counted = self._opened(context, inner)
        except OriginUnknown as unknown:
            await self._refuse_unknown(context, unknown)
            raise
        if counted is None:
            return b""  # its connection is cut
        metadata = tuple(context.invocation_metadata() or ())
        if not self.health.may_ask(lambda: self._origin_of(inner, metadata)):
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return await self.health.answer(request, context)

    async def _refuse_unknown(self, context: Context, unknown: OriginUnknown) -> None:
        """No guess goes into a report. Every peer here has a port of its own, so none has a line of its own."""
        self.origins_unknown += 1
        self._edge.lines.say("terminal_origin_unknown", "", peer=context.peer(), why=str(unknown))
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"origin_unknown: {unknown}")

    async def _session(self, requests: AsyncIterator[AnyMessage], context: Context) -> None:
        await self._admit(self._open_stream, requests, context)

    async def _watch(self, requests: AsyncIterator[AnyMessage], context: Context) -> None:
        if self._open_market is not None:
            await self._admit(self._open_market, requests, context)

    async def _admit(self, open_any: OpenAny, requests: AsyncIterator[AnyMessage], context: Context) -> None:
        try:
            inner = parse_peer(context.peer())
            stream = self._opened(context, inner)
            if stream is None:
                return
            origin = self._origin_of(inner, tuple(context.invocation_metadata() or ()))
        except OriginUnknown as unknown:
            await self._refuse_unknown(context, unknown)
            return
        slot = await self._gate.enter(origin)
        if slot is None:
            self._edge.lines.say("stream_refused", origin.place, waiting=self._gate.waiting)
            stream.ended()
            with contextlib.suppress(grpc.aio.BaseError):  # it is gone
                await context.write(frames.batch([(b"", frames.rejected(stream_reasons.too_many_streams()))]))
            return
        stream.on_over = slot.leave
        await self._converse(open_any(origin), requests, context, (stream, slot))

    def _opened(self, context: Context, inner: Origin) -> OpenStream | None:
        """Count a stream until gRPC has closed it; raises OriginUnknown."""
        stream = self._edge.stream_opened(inner)
        if stream is not None:
            context.add_done_callback(lambda _: stream.closed())
        return stream

    async def _converse(
        self,
        stream: AnyStream,
        requests: AsyncIterator[AnyMessage],
        context: Context,
        counted: tuple[OpenStream, Slot],
    ) -> None:
        stream.certificate = _shown(context)
        _count(stream, *counted)
        tasks = Tasks()
        tasks.start(self._read(requests, stream, context), "terminal stream reader")
        writer = tasks.start(_write(context, stream), "terminal stream writer")
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
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, SLOW_READER.text)

    async def _read(self, requests: AsyncIterator[Any], stream: AnyStream, context: Context) -> None:
        try:
            async for message in requests:
                owner = self.owner_of(shown_token(message))
                if owner is not None and await pass_on(owner, message, requests, stream, context):
                    return
                await stream.receive(message)
                del message  # or a stream that is idle keeps the last one: its login
        except grpc.aio.BaseError:
            pass  # the terminal hung up
        except Exception:
            stream.outbox.close(Ending(EndKind.STREAM_FAULT))
            raise
        stream.terminal_is_silent()


class MarketDoor(grpc.GenericRpcHandler):
    """A port where market data is had, and nothing else."""

    def __init__(self, service: TerminalService) -> None:
        self._service = service

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The one method, and for all others the handler that counts the stream."""
        if handler_call_details.method == WATCH:
            return self._service.market_handler
        return self._service.no_method


def _shown(context: Context) -> ShownCertificate | None:
    """The certificate that gRPC took from the terminal."""
    pem = (context.auth_context() or {}).get("x509_pem_cert")
    return read_certificate(pem[0]) if pem else None


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


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of gRPC's says more than that a client hung up; it writes a traceback for some of these."""
    return record.exc_info is None or type(record.exc_info[1]).__name__ != "ExecuteBatchError"


async def _write(context: Context, stream: AnyStream) -> None:
    with contextlib.suppress(grpc.aio.BaseError):  # the terminal hung up
        while (batch := await stream.outbox.next_batch()) is not None:
            await context.write(batch)
            del batch  # or a stream that is idle keeps the last one
