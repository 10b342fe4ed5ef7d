"""One opening of the bridge, from the connection to its close; every step has a deadline and raises BridgeTrouble."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from ctprelay.bridge.v1 import bridge_pb2 as pb
from relay.counter.bridge.tradables import require_protocol, require_success
from relay.counter.bridge.trouble import BridgeTrouble, TroubleKind, trouble_of

PROTOCOL = 1
_LARGEST = 16 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _LARGEST),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new opening is a new connection
)
_CLOSE_SECONDS = 2.0
_METHOD = "/ctprelay.bridge.v1.BridgeService/{}"
_Answer = TypeVar("_Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class BridgeDoor:
    """Where the bridge is, and with which files its connection is trusted; none on this machine."""

    target: str
    files: tuple[Path, Path, Path] | None = None
    """authority, key and certificate, as PEM"""
    connect_seconds: float = 10.0
    answer_seconds: float = 10.0
    silence_seconds: float = 10.0

    def channel(self) -> grpc.aio.Channel:
        """A new connection; raises BridgeTrouble where a file cannot be read."""
        if self.files is None:
            return grpc.aio.insecure_channel(self.target, _OPTIONS)
        try:
            authority, key, certificate = (path.read_bytes() for path in self.files)
        except OSError as error:
            raise BridgeTrouble(TroubleKind.UNREACHABLE, f"{error.filename}: {error.strerror}") from None
        return grpc.aio.secure_channel(self.target, grpc.ssl_channel_credentials(authority, key, certificate), _OPTIONS)


@dataclass(slots=True)
class BridgeConversation:
    """What was opened; use `opened`."""

    channel: grpc.aio.Channel
    door: BridgeDoor
    reply: pb.OpenReply = field(default_factory=pb.OpenReply)

    async def open(self, relay: str) -> None:
        """Shake hands and have the library loaded."""
        request = pb.OpenRequest(protocol=PROTOCOL, relay=relay, relay_version=version("ctp-relay"))
        seconds = self.door.connect_seconds + self.door.answer_seconds
        self.reply = await self._ask("Open", request, pb.OpenReply, seconds)
        require_protocol(self.reply, PROTOCOL)
        require_success(self.reply.error, "Open")

    async def log_in(self, request: pb.LoginRequest) -> None:
        """Have the library log in; `request` is without the session."""
        request.session = self.reply.session
        reply = await self._ask("Login", request, pb.LoginReply, self.door.answer_seconds)
        require_success(reply.error, "Login")

    async def describe(self) -> pb.DescribeReply:
        """What may be traded."""
        request = pb.DescribeRequest(session=self.reply.session)
        reply = await self._ask("Describe", request, pb.DescribeReply, self.door.answer_seconds)
        require_success(reply.error, "Describe")
        return reply

    async def listen(self) -> None:
        """Until something is wrong, which is raised: silence too."""
        listen: Any = self.channel.unary_stream(_METHOD.format("Events"), pb.EventsRequest.SerializeToString)
        events = listen(pb.EventsRequest(session=self.reply.session))
        try:
            while True:
                try:
                    async with asyncio.timeout(self.door.silence_seconds):
                        event = await events.read()
                except TimeoutError:
                    why = f"Events: no word for {self.door.silence_seconds:g} s"
                    raise BridgeTrouble(TroubleKind.SILENT, why) from None
                except grpc.aio.AioRpcError as error:
                    raise trouble_of(error, "Events") from None
                _heard(event)
        finally:
            events.cancel()

    async def close(self) -> None:
        """Have the library log out; what is wrong now is passed over, because nothing can follow."""
        with contextlib.suppress(BridgeTrouble):
            request = pb.CloseRequest(session=self.reply.session)
            await self._ask("Close", request, pb.CloseReply, min(_CLOSE_SECONDS, self.door.answer_seconds))

    async def _ask(self, step: str, request: Message, kind: type[_Answer], seconds: float) -> _Answer:
        """Answers come as bytes and are read here, so that one which cannot be read is not gRPC's to complain of."""
        call: Any = self.channel.unary_unary(_METHOD.format(step), type(request).SerializeToString)
        try:
            content = await call(request, timeout=seconds)
        except grpc.aio.AioRpcError as error:
            raise trouble_of(error, step) from None
        return _read(step, content, kind)


@contextlib.asynccontextmanager
async def opened(door: BridgeDoor, relay: str) -> AsyncIterator[BridgeConversation]:
    """An opening of the bridge, closed on the way out where it came about."""
    channel = door.channel()
    try:
        conversation = BridgeConversation(channel, door)
        await conversation.open(relay)
        try:
            yield conversation
        finally:
            await conversation.close()
    finally:
        await channel.close()


def _heard(content: object) -> None:
    if not isinstance(content, bytes):
        raise BridgeTrouble(TroubleKind.UNREACHABLE, "Events: it ended the stream")
    event = _read("Events", content, pb.BridgeEvent)
    match event.WhichOneof("body"):
        case "alive":
            return
        case "lost":
            require_success(event.lost, "Events")
            raise BridgeTrouble(TroubleKind.UNREACHABLE, "Events: the library lost its counter")
        case _:
            raise BridgeTrouble(TroubleKind.UNREADABLE, "Events: it says something that the protocol has not")


def _read(step: str, content: bytes, kind: type[_Answer]) -> _Answer:
    answer = kind()
    try:
        answer.ParseFromString(content)
    except DecodeError:
        raise BridgeTrouble(TroubleKind.UNREADABLE, f"{step}: its answer cannot be read") from None
    return answer
