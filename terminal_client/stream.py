"""One gRPC stream to the relay, message by message in both directions."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Generic, TypeVar, cast

import grpc

from ctprelay.v1 import terminal_pb2 as pb

log = logging.getLogger(__name__)


class StreamBroken(Exception):
    """The stream ended without a word from the relay; trying again can help."""


Sent = TypeVar("Sent")
Batch = TypeVar("Batch")


class BatchStream(Generic[Sent, Batch]):
    """One open stream: messages out, batches of them in.

    gRPC keeps the connection as long as anything refers to the call, also when the call is over and the channel is
    closed. So the call is let go in `cancel`, and no exception that leaves this module refers to gRPC's frames.
    """

    def __init__(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        self._call: grpc.aio.StreamStreamCall[Any, Any] | None = call
        self._unsent: deque[Sent] = deque()
        self._more = asyncio.Event()
        self._writer: asyncio.Task[None] | None = asyncio.get_running_loop().create_task(
            self._write_all(), name="terminal-writer"
        )

    def send(self, message: Sent) -> None:
        """Queue one message; that it cannot be sent any more shows in `receive_batch`."""
        # Not written here: a caller's deadline would cancel gRPC's write, and that cancels the whole stream.
        self._unsent.append(message)
        self._more.set()

    def withdraw(self, message: Sent) -> bool:
        """Take back a message that is not written yet; whether it was."""
        for index, waiting in enumerate(self._unsent):
            if waiting is message:
                del self._unsent[index]
                return True
        return False

    async def _write_all(self) -> None:
        while self._call is not None:
            while self._unsent:
                try:
                    await self._call.write(self._unsent.popleft())
                except (grpc.RpcError, asyncio.InvalidStateError) as error:
                    log.debug("the stream takes nothing any more: %s", _cause(error))
                    return
            self._more.clear()
            await self._more.wait()

    async def receive_batch(self) -> Batch:
        """The next batch. StreamBroken at the stream's end."""
        batch = await self._read()
        if isinstance(batch, str):
            raise StreamBroken(batch)
        return batch

    async def _read(self) -> Batch | str:
        """The next batch, or why there is none any more."""
        call = self._call
        if call is None:
            return "the stream was ended here"
        try:
            batch: Any = await call.read()
        except grpc.RpcError as error:
            _honor_cancellation()
            return _cause(error)
        if batch is not grpc.aio.EOF:
            return cast("Batch", batch)
        code, details = await call.code(), await call.details()
        return "the relay closed the stream" if code is grpc.StatusCode.OK else f"{code.name}: {details}"

    def cancel(self) -> None:
        """End the stream at once; may be called again."""
        call, self._call = self._call, None
        writer, self._writer = self._writer, None
        if call is not None and writer is not None:
            call.cancel()
            writer.cancel()


class Stream(BatchStream[pb.TerminalMessage, pb.RelayBatch]):
    """The stream of a terminal's session, message by message in both directions."""

    def __init__(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        super().__init__(call)
        self._received: deque[pb.RelayMessage] = deque()

    async def receive(self) -> pb.RelayMessage:
        """The next message. StreamBroken at the stream's end."""
        while not self._received:
            self._received.extend((await self.receive_batch()).messages)
        return self._received.popleft()


def _honor_cancellation() -> None:
    """Raise the CancelledError that gRPC swallowed.

    A cancellation that meets a call failing at the same moment comes out of gRPC as the call's failure; whoever
    canceled would wait for this task forever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _cause(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__
