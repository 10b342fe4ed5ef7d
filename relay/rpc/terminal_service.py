"""ctprelay.v1.TerminalService over grpc.aio: one handler, one stream, one conversation.

The handler moves messages between gRPC and `sessions.stream`; it decides nothing. Requests are parsed
here so that a message that is too large or malformed becomes a refusal with a name instead of a broken stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.origin.trusted_proxies import Origin, OriginUnknown
from relay.admission.stream_gate import Slot, StreamGate
from relay.refusals import stream_reasons
from relay.sessions import frames
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import SLOW_READER
from relay.sessions.stream import Malformed, TerminalStream
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)

OriginOf = Callable[[str, Sequence[tuple[str, str | bytes]]], Origin]
"""(gRPC peer text, request metadata) -> the terminal's public address as the relay observed it"""

Context = Any
"""grpc.aio.ServicerContext, which is generic in messages that travel as bytes here"""

_CUT_SECONDS = 5.0
"""how long a terminal that does not read may take to read why it is cut"""


class TerminalService(grpc.GenericRpcHandler):
    """The one service terminals talk to."""

    def __init__(
        self,
        open_stream: Callable[[Origin], TerminalStream],
        origin_of: OriginOf,
        gate: StreamGate,
        max_message: int,
    ) -> None:
        self._open_stream = open_stream
        self._gate = gate
        self._origin_of = origin_of
        self.max_message = max_message
        self.origins_unknown = 0
        """streams that were refused because no trusted proxy said where they come from"""
        self._handler: Any = grpc.stream_stream_rpc_method_handler(
            self._session, request_deserializer=self._parse, response_serializer=None
        )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler for our one method, None for everything else."""
        if handler_call_details.method == "/ctprelay.v1.TerminalService/Session":
            return self._handler
        return None

    def _parse(self, data: bytes) -> pb.TerminalMessage | Malformed:
        if len(data) > self.max_message:
            return Malformed(len(data), self.max_message)
        try:
            return pb.TerminalMessage.FromString(data)
        except DecodeError:
            return Malformed(len(data), self.max_message)

    async def _session(self, requests: AsyncIterator[pb.TerminalMessage | Malformed], context: Context) -> None:
        try:
            origin = self._origin_of(context.peer(), tuple(context.invocation_metadata() or ()))
        except OriginUnknown as unknown:  # no guess goes into a report
            self.origins_unknown += 1
            _log.warning("terminal_origin_unknown", peer=context.peer(), why=str(unknown))
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"origin_unknown: {unknown}")
            return
        slot = await self._gate.enter(origin)
        if slot is None:
            _log.warning("stream_refused", place=origin.place, waiting=self._gate.waiting)
            await context.write(frames.batch([frames.rejected(stream_reasons.too_many_streams())]))
            return
        try:
            await self._converse(origin, requests, context, slot)
        finally:
            slot.leave()

    async def _converse(
        self, origin: Origin, requests: AsyncIterator[pb.TerminalMessage | Malformed], context: Context, slot: Slot
    ) -> None:
        stream = self._open_stream(origin)
        stream.on_session = slot.leave
        tasks = Tasks()
        tasks.start(_read(requests, stream), "terminal stream reader")
        writer = tasks.start(_write(context, stream), "terminal stream writer")
        cut = tasks.start(stream.outbox.overrun.wait(), "terminal stream cut")
        try:
            await asyncio.wait({writer, cut}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({writer}, timeout=_CUT_SECONDS)
        finally:
            unread = not writer.done()
            await tasks.cancel()
            await stream.ended()
        if unread:  # the goodbye could not be written any more, so the stream's status says it
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, SLOW_READER.text)


async def _read(requests: AsyncIterator[pb.TerminalMessage | Malformed], stream: TerminalStream) -> None:
    try:
        async for message in requests:
            await stream.receive(message)
    except Exception:
        stream.outbox.close(Ending(EndKind.STREAM_FAULT))
        raise
    stream.terminal_is_silent()


async def _write(context: Context, stream: TerminalStream) -> None:
    while (batch := await stream.outbox.next_batch()) is not None:
        await context.write(batch)
