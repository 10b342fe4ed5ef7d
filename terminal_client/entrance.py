"""Which relay it is, and how a stream with a session on it is had there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc

from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.v1 import terminal_pb2_grpc
from terminal_client import conversation
from terminal_client.channel import Tls, open_channel
from terminal_client.secret import Secret
from terminal_client.session import Credentials, Deadlines
from terminal_client.stream import Stream, StreamBroken


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which relay, and as which terminal software."""

    address: str
    """host:port"""
    app_id: str
    auth_code: Secret
    tls: Tls
    client_version: str


@dataclass(frozen=True, slots=True)
class LoggedInStream:
    """A stream with a session on it."""

    stream: Stream
    logged_in: pb.LoggedIn


class Entrance:
    """Opens streams at one relay, over one connection."""

    def __init__(self, endpoint: Endpoint, deadlines: Deadlines) -> None:
        self._endpoint = endpoint
        self._deadlines = deadlines
        self._channel: grpc.aio.Channel | None = None

    async def log_in(self, credentials: Credentials) -> LoggedInStream:
        """A new session. LoginRejected, or StreamBroken when the relay does not answer."""
        endpoint = self._endpoint
        async with self._fresh_stream() as stream:
            logged_in = await conversation.log_in(
                stream, endpoint.app_id, endpoint.auth_code, endpoint.client_version, credentials
            )
        return LoggedInStream(stream, logged_in)

    async def resume(self, token: Secret, after_sequence: int) -> LoggedInStream:
        """The session of `token` again. LoginRejected when the relay has it no more; StreamBroken."""
        endpoint = self._endpoint
        async with self._fresh_stream() as stream:
            logged_in = await conversation.resume(
                stream, endpoint.app_id, endpoint.client_version, token, after_sequence
            )
        return LoggedInStream(stream, logged_in)

    async def reached(self) -> None:
        """Wait until the relay is connected. StreamBroken when it is not in time."""
        seconds = self._deadlines.login_seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._connection().channel_ready()
                return
        raise StreamBroken(f"the relay was not reached within {seconds:g} s")

    async def close(self) -> None:
        """Let go of the connection."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    @contextlib.asynccontextmanager
    async def _fresh_stream(self) -> AsyncIterator[Stream]:
        """A new stream, cancelled again when the conversation on it fails or takes too long."""
        seconds = self._deadlines.login_seconds
        stub = terminal_pb2_grpc.TerminalServiceStub(self._connection())  # type: ignore[no-untyped-call]  # generated
        stream = Stream(stub.Session())
        try:
            async with asyncio.timeout(seconds):
                yield stream
        except TimeoutError:
            stream.cancel()
        except BaseException:
            stream.cancel()
            raise
        else:
            return
        # Outside the handler: what is raised there would refer to gRPC's frames, and they to the connection.
        raise StreamBroken(f"no answer to the login within {seconds:g} s")

    def _connection(self) -> grpc.aio.Channel:
        if self._channel is None:
            endpoint = self._endpoint
            self._channel = open_channel(endpoint.address, endpoint.tls, self._deadlines.keepalive_seconds)
        return self._channel
