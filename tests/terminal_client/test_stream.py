"""One stream's words, where the transport misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import grpc
import pytest

from terminal_client.stream import Stream, StreamBroken


class FailingCall:
    """A call that fails at the moment somebody cancels its reader, as gRPC's own do."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.broken = asyncio.Event()

    def cancel(self) -> None:
        """Too late."""

    async def read(self) -> Any:
        self.reading.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self.broken.wait()
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())


async def test_a_reader_that_is_canceled_while_the_call_fails_stays_canceled() -> None:
    """The failure must not hide the cancellation: the session would reconnect instead of closing."""
    call: Any = FailingCall()
    stream = Stream(call)
    reader = asyncio.ensure_future(stream.receive())
    await call.reading.wait()

    reader.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reader
    stream.cancel()


async def test_a_call_that_fails_by_itself_is_a_broken_stream() -> None:
    """With gRPC's own word for why."""
    call: Any = FailingCall()
    call.broken.set()

    stream = Stream(call)
    with pytest.raises(StreamBroken, match="UNAVAILABLE"):
        await stream.receive()
    stream.cancel()
