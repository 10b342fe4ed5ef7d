"""ctprelay.v1.TerminalService over grpc.aio: one handler, one stream, one conversation.

The handler moves messages between gRPC and `services.terminal_stream`; it decides nothing. Requests are parsed
here so that a message that is too large or malformed becomes a refusal with a name instead of a broken stream.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import grpc
from google.protobuf.message import DecodeError

from ctprelay.v1 import terminal_pb2 as pb
from relay.domain.public_ip import PeerAddress
from relay.services.terminal_stream import Malformed, TerminalStream

PeerOf = Callable[[str, tuple[tuple[str, str], ...]], PeerAddress]
"""(gRPC peer text, request metadata) -> the terminal's public address as the relay observed it"""

_CUT_SECONDS = 5.0
"""how long a terminal that does not read may take to read why it is cut"""


class TerminalService(grpc.GenericRpcHandler):
    """The one service terminals talk to."""

    def __init__(self, open_stream: Callable[[PeerAddress], TerminalStream], peer_of: PeerOf, max_message: int) -> None:
        self._open_stream = open_stream
        self._peer_of = peer_of
        self._max_message = max_message
        self._handler = grpc.stream_stream_rpc_method_handler(
            self._session, request_deserializer=self._parse, response_serializer=None
        )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler for our one method, None for everything else."""
        if handler_call_details.method == "/ctprelay.v1.TerminalService/Session":
            return self._handler
        return None

    def _parse(self, data: bytes) -> pb.TerminalMessage | Malformed:
        if len(data) > self._max_message:
            return Malformed(f"a message of {len(data)} bytes; {self._max_message} is the most", too_large=True)
        try:
            return pb.TerminalMessage.FromString(data)
        except DecodeError:
            return Malformed("bytes that are not a ctprelay.v1.TerminalMessage")

    async def _session(
        self, requests: AsyncIterator[pb.TerminalMessage | Malformed], context: grpc.aio.ServicerContext
    ) -> None:
        peer = self._peer_of(context.peer(), tuple(context.invocation_metadata() or ()))
        stream = self._open_stream(peer)
        reader = asyncio.create_task(_read(requests, stream), name="terminal stream reader")
        writer = asyncio.create_task(_write(context, stream), name="terminal stream writer")
        try:
            await _until_done(stream, writer)
        finally:
            for task in (reader, writer):
                task.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            await stream.ended()


async def _read(requests: AsyncIterator[pb.TerminalMessage | Malformed], stream: TerminalStream) -> None:
    async for message in requests:
        await stream.receive(message)
    stream.terminal_is_silent()


async def _write(context: grpc.aio.ServicerContext, stream: TerminalStream) -> None:
    while (batch := await stream.outbox.next_batch()) is not None:
        await context.write(batch)


async def _until_done(stream: TerminalStream, writer: asyncio.Task[None]) -> None:
    cut = asyncio.create_task(stream.outbox.wait_overrun(), name="terminal stream cut")
    try:
        await asyncio.wait({writer, cut}, return_when=asyncio.FIRST_COMPLETED)
        if not writer.done():
            await asyncio.wait({writer}, timeout=_CUT_SECONDS)
        if writer.done():
            with contextlib.suppress(grpc.aio.UsageError, asyncio.CancelledError):
                writer.result()
    finally:
        cut.cancel()
