"""The service of the stand-in bridge: one session at a time, over gRPC on loopback.

Answers are made as bytes, so that a rule can send others than the protocol's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from ctprelay.bridge.v1 import bridge_pb2 as pb
from simcounter.bridge.commands import BridgeCommands
from simcounter.bridge.library import PlayedLibrary, not_logged_in
from simcounter.bridge.misbehavior import BridgeMisbehavior
from simcounter.events import TopicNotice
from simcounter.other_front import FrontParts

PROTOCOL = 1
ALIVE_SECONDS = 2.0
_SERVICE = "ctprelay.bridge.v1.BridgeService"
_Context = grpc.aio.ServicerContext[Any, Any]


class BridgeFront:
    """Listens in the place of CTP's front."""

    def __init__(self, parts: FrontParts) -> None:
        self.library = PlayedLibrary(tuple(parts.config.users))
        self.misbehavior = BridgeMisbehavior()
        self.protocol = PROTOCOL
        self.alive_seconds = ALIVE_SECONDS
        self.session = ""
        self.logged_in = False
        self.heard: list[tuple[str, Message]] = []
        """every request, in order; the newest thousand"""
        self._clock = parts.clock
        self._server: grpc.aio.Server | None = None
        self._host, self._port = "", 0
        self._streams: set[asyncio.Queue[pb.BridgeEvent | None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> int:
        if self._server is not None:
            return self._port
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers((handlers_of(self),))
        self._host, self._port = host, self._server.add_insecure_port(f"{host}:{port}")
        if not self._port:
            raise OSError(f"{host}:{port} cannot be listened on")
        await self._server.start()
        return self._port

    @property
    def listeners(self) -> int:
        """Streams of events that are open."""
        return len(self._streams)

    async def stop_listening(self) -> None:
        server, self._server = self._server, None
        self.session, self.logged_in = "", False
        if server is not None:
            await server.stop(None)

    def drop(self, user_id: str = "") -> int:
        """Ends the streams; the session stays."""
        del user_id
        for stream in self._streams:
            stream.put_nowait(None)
        return len(self._streams)

    def force_out(self, user_id: str) -> int:
        """The library loses its counter."""
        del user_id
        return self.lose(-1, "柜台强制登出")

    def lose(self, code: int, text: str) -> int:
        """Says so on every stream, and ends it."""
        self.logged_in = False
        for stream in self._streams:
            stream.put_nowait(pb.BridgeEvent(lost=pb.PluginError(code=code, text=text)))
            stream.put_nowait(None)
        return len(self._streams)

    def hear(self, notice: TopicNotice) -> None:
        """The library says nothing of orders here."""

    def start_day(self) -> None:
        """Nothing to do."""

    def commands(self) -> dict[str, Callable[..., Any]]:
        return BridgeCommands(self).commands()

    def restart(self, seconds: float = 0.0) -> None:
        """End everything now and listen again after so long, as a process that was started anew."""
        task = asyncio.get_running_loop().create_task(self._restarted(seconds), name="bridge restarts")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _restarted(self, seconds: float) -> None:
        await self.stop_listening()
        await asyncio.sleep(seconds)
        await self.listen(self._host, self._port)

    # The methods ----------------------------------------------------------------------------------------------

    async def answer(self, method: str, request: Message, context: _Context) -> bytes:
        """One request, after the rules."""
        self.heard = [*self.heard[-999:], (method, request)]
        if self.misbehavior.use("silence", method):
            await asyncio.Event().wait()
        if self.misbehavior.use("restart", method):
            self.restart()
            await asyncio.Event().wait()
        if rule := self.misbehavior.use("garbage", method):
            return rule.content
        if rule := self.misbehavior.use("refuse", method):
            refused: Message = _REFUSED[method](error=pb.PluginError(code=rule.code, text=rule.text, part=rule.part))
            return refused.SerializeToString()
        if method != "Open" and getattr(request, "session", "") != self.session:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such session")
        answer: Message = getattr(self, f"_{method.lower()}")(request)
        return answer.SerializeToString()

    def _open(self, request: pb.OpenRequest) -> pb.OpenReply:
        if request.protocol != self.protocol:
            return pb.OpenReply(protocol=self.protocol)
        self.session, self.logged_in = secrets.token_hex(8), False
        return self.library.opened(self.session, self.protocol)

    def _login(self, request: pb.LoginRequest) -> pb.LoginReply:
        error = self.library.log_in(request)
        self.logged_in = error is None
        return pb.LoginReply(error=error)

    def _describe(self, _: pb.DescribeRequest) -> pb.DescribeReply:
        if not self.logged_in:
            return pb.DescribeReply(error=not_logged_in())
        return self.library.described(self._clock().strftime("%H:%M:%S"))

    def _call(self, _: pb.CallRequest) -> pb.CallReply:
        return pb.CallReply(error=pb.PluginError(code=-1, text="no request is offered"))

    def _close(self, _: pb.CloseRequest) -> pb.CloseReply:
        self.session, self.logged_in = "", False
        return pb.CloseReply()

    async def events(self, request: pb.EventsRequest, context: _Context) -> AsyncIterator[bytes]:
        """Alive again and again, until something else is said."""
        self.heard = [*self.heard[-999:], ("Events", request)]
        if request.session != self.session:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such session")
        if rule := self.misbehavior.use("garbage", "Events"):
            yield rule.content
        stream: asyncio.Queue[pb.BridgeEvent | None] = asyncio.Queue()
        self._streams.add(stream)
        try:
            while True:
                if self.misbehavior.use("silence", "Events"):
                    await asyncio.Event().wait()
                yield pb.BridgeEvent(alive=pb.Alive(server_time=self._clock().strftime("%H:%M:%S"))).SerializeToString()
                event = await _next(stream, self.alive_seconds)
                if event is None:
                    return
                if event.HasField("lost"):
                    yield event.SerializeToString()
        finally:
            self._streams.discard(stream)


_REFUSED: dict[str, Any] = {
    "Open": lambda error: pb.OpenReply(protocol=PROTOCOL, error=error),
    "Login": pb.LoginReply,
    "Describe": pb.DescribeReply,
    "Call": pb.CallReply,
    "Close": pb.CloseReply,
}
_REQUESTS: dict[str, type[Message]] = {
    "Open": pb.OpenRequest,
    "Login": pb.LoginRequest,
    "Describe": pb.DescribeRequest,
    "Call": pb.CallRequest,
    "Close": pb.CloseRequest,
}


async def _next(stream: asyncio.Queue[pb.BridgeEvent | None], seconds: float) -> pb.BridgeEvent | None:
    """What is to be said next; an empty event where nothing is."""
    try:
        async with asyncio.timeout(seconds):
            return await stream.get()
    except TimeoutError:
        return pb.BridgeEvent()


def handlers_of(front: BridgeFront) -> grpc.GenericRpcHandler:
    """The service, for a server of one's own."""

    def unary(method: str, kind: type[Message]) -> grpc.RpcMethodHandler[Any, Any]:
        async def answered(content: bytes, context: _Context) -> bytes:
            request = kind()
            try:
                request.ParseFromString(content)
            except DecodeError:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not the protocol's")
            return await front.answer(method, request, context)

        return grpc.unary_unary_rpc_method_handler(answered)

    async def events(content: bytes, context: _Context) -> AsyncIterator[bytes]:
        async for said in front.events(pb.EventsRequest.FromString(content), context):
            yield said

    methods: dict[str, Any] = {name: unary(name, kind) for name, kind in _REQUESTS.items()}
    return grpc.method_handlers_generic_handler(
        _SERVICE, {**methods, "Events": grpc.unary_stream_rpc_method_handler(events)}
    )
