"""A terminal stream without manners: any message at any time, any bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from ctprelay.v1 import terminal_pb2 as pb

DEADLINE_SECONDS = 90.0
_METHOD = "/ctprelay.v1.TerminalService/Session"


class RawStream:
    """One stream; `receive` gives None at its end."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._received: deque[pb.RelayMessage] = deque()

    async def send(self, message: pb.TerminalMessage | bytes) -> None:
        data = message if isinstance(message, bytes) else message.SerializeToString()
        await self._call.write(data)

    async def receive(self) -> pb.RelayMessage | None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not self._received:
                batch = await self._call.read()
                if not isinstance(batch, pb.RelayBatch):
                    return None
                self._received.extend(batch.messages)
        return self._received.popleft()

    async def read_on(self) -> None:
        """Read until its end, however long that takes, and keep nothing."""
        while isinstance(await self._call.read(), pb.RelayBatch):
            pass

    async def receive_until(self, body: str) -> Any:
        """The first message of this kind, whatever came before it."""
        while (message := await self.receive()) is not None:
            if message.WhichOneof("body") == body:
                return getattr(message, body)
        raise AssertionError(f"the stream ended without {body}")

    async def hello(self, app_id: str, protocol: int = 1) -> bytes:
        """Say hello; returns the challenge."""
        await self.send(pb.TerminalMessage(hello=pb.Hello(protocol=protocol, app_id=app_id)))
        timestamp: bytes = (await self.receive_until("challenge")).timestamp
        return timestamp

    async def log_in(self, login: pb.Login) -> pb.LoggedIn:
        await self.send(pb.TerminalMessage(login=login))
        answer: pb.LoggedIn = await self.receive_until("logged_in")
        return answer

    async def rejection(self) -> pb.Rejected:
        """The refusal; a goodbye follows where there was a session, and nothing else."""
        rejected: pb.Rejected = await self.receive_until("rejected")
        last = await self.receive()
        if last is not None:
            assert last.goodbye.kind == pb.Goodbye.KIND_PROTOCOL_ERROR
            assert await self.receive() is None
        return rejected


@asynccontextmanager
async def open_raw(port: int, authority: bytes, options: Sequence[tuple[str, int]] = ()) -> AsyncIterator[RawStream]:
    """A stream to the relay at this port; `authority` is the PEM certificate to trust, `options` are gRPC's."""
    credentials = grpc.ssl_channel_credentials(authority)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=tuple(options)) as channel:
        call: Any = channel.stream_stream(_METHOD, response_deserializer=pb.RelayBatch.FromString)()
        try:
            yield RawStream(call)
        finally:
            call.cancel()
