"""The words on one stream: hello, challenge, then login or resume.

A stream is one try. What becomes of a session whose stream broke is `link`'s business.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import grpc

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.errors import LoginRejected, Refusal
from terminal_client.proof import auth_info
from terminal_client.secret import Secret
from terminal_client.session import Credentials
from terminal_client.translation import refusal_of

PROTOCOL = 1


class StreamBroken(Exception):
    """The stream ended without a word from the relay; trying again can help."""


class Stream:
    """One open stream, message by message in both directions."""

    def __init__(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        self._call = call
        self._received: deque[pb.RelayMessage] = deque()
        self._writing = asyncio.Lock()
        self._write_tasks: set[asyncio.Task[None]] = set()

    async def send(self, message: pb.TerminalMessage) -> None:
        """Hand one message to the transport. StreamBroken when that is not possible any more."""
        # Cancelling gRPC's write cancels the whole stream: a caller's deadline must not do that.
        task = asyncio.get_running_loop().create_task(self._write(message), name="terminal-write")
        self._write_tasks.add(task)
        task.add_done_callback(self._written)
        await asyncio.shield(task)

    async def _write(self, message: pb.TerminalMessage) -> None:
        try:
            async with self._writing:
                await self._call.write(message)
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise StreamBroken(f"writing to the relay failed: {_cause(error)}") from None

    def _written(self, task: asyncio.Task[None]) -> None:
        self._write_tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; if nobody waits any more, the reader notices the break

    async def receive(self) -> pb.RelayMessage:
        """The next message. StreamBroken at the stream's end."""
        while not self._received:
            try:
                batch = await self._call.read()
            except grpc.RpcError as error:
                raise StreamBroken(_cause(error)) from None
            if not isinstance(batch, pb.RelayBatch):
                raise StreamBroken(await self._end_reason())
            self._received.extend(batch.messages)
        return self._received.popleft()

    async def messages(self) -> AsyncIterator[pb.RelayMessage]:
        """Every further message; ends by StreamBroken."""
        while True:
            yield await self.receive()

    async def _end_reason(self) -> str:
        code = await self._call.code()
        details = await self._call.details()
        return "the relay closed the stream" if code is grpc.StatusCode.OK else f"{code.name}: {details}"

    def cancel(self) -> None:
        """End the stream at once."""
        self._call.cancel()
        for task in self._write_tasks:
            task.cancel()


def _cause(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__


async def log_in(
    stream: Stream, app_id: str, auth_code: Secret, client_version: str, credentials: Credentials
) -> pb.LoggedIn:
    """Prove the terminal and log the investor in. LoginRejected with the relay's reason; StreamBroken."""
    timestamp = await _challenge(stream, app_id, client_version)
    collected = credentials.collected
    login = pb.Login(
        auth_info=auth_info(auth_code.reveal(), timestamp),
        broker_id=credentials.broker_id,
        investor_id=credentials.investor_id,
        password=credentials.password.reveal(),
        system_info=collected.system_info,
        system_info_length=collected.length,
        collector_code=collected.code,
        collector_version=collected.version,
        mac_address=credentials.mac_address,
        login_remark=credentials.login_remark,
        confirm_settlement=credentials.confirm_settlement,
        report_kind=pb.REPORT_KIND_TERMINAL,
        one_time_password=credentials.one_time_password.reveal(),
        start_from=pb.START_FROM_NOW if credentials.live_only else pb.START_FROM_DAY,
    )
    await stream.send(pb.TerminalMessage(login=login))
    return await _logged_in(stream)


async def resume(stream: Stream, app_id: str, client_version: str, token: Secret, after: int) -> pb.LoggedIn:
    """Attach to the session of `token` again, with every event after sequence `after`."""
    await _challenge(stream, app_id, client_version)
    request = pb.Resume(resume_token=bytes.fromhex(token.reveal()), after_sequence=after)
    await stream.send(pb.TerminalMessage(resume=request))
    return await _logged_in(stream)


async def _challenge(stream: Stream, app_id: str, client_version: str) -> bytes:
    hello = pb.Hello(protocol=PROTOCOL, app_id=app_id, client_version=client_version)
    await stream.send(pb.TerminalMessage(hello=hello))
    message = await stream.receive()
    _refuse(message)
    if message.WhichOneof("body") != "challenge":
        raise StreamBroken(f"the relay answered hello with {message.WhichOneof('body')}")
    return message.challenge.timestamp


async def _logged_in(stream: Stream) -> pb.LoggedIn:
    message = await stream.receive()
    _refuse(message)
    if message.WhichOneof("body") != "logged_in":
        raise StreamBroken(f"the relay answered the login with {message.WhichOneof('body')}")
    return message.logged_in


def _refuse(message: pb.RelayMessage) -> None:
    match message.WhichOneof("body"):
        case "rejected":
            raise LoginRejected(refusal_of(message.rejected))
        case "goodbye":
            raise LoginRejected(Refusal("relay", message.goodbye.reason, "the relay said goodbye"))
        case _:
            return
