"""What lasts at an admin door has fewer places than the door: who watches never keeps out who acts.

Streams last as long as the caller wants, calls with one answer do not. So streams of all methods together (a status that is
watched, gRPC's reflection) have a bound of their own, below that of calls and of connections.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc

MOST_STREAMS: Final = 24
"""at a time; of the doors' bounds, the control socket's 32 connections is the lowest"""
_FULL = "查看者过多，请稍后再试 / too many streams are open here: close one, or try again later"
_Handler = Any  # grpc.RpcMethodHandler, which takes no types when it runs
_Context = grpc.aio.ServicerContext[Any, Any]


class FewStreams(grpc.aio.ServerInterceptor):
    """Of one server."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._open = 0

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[_Handler]], handler_call_details: Any
    ) -> _Handler:
        """The method's own handler, behind a place where it streams; None from gRPC is a method that is not known."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler.response_streaming:
            return handler
        make = (
            grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        )
        return make(
            self._bounded(handler.stream_stream if handler.request_streaming else handler.unary_stream),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _bounded(self, answers: Any) -> Any:
        async def with_a_place(request: Any, context: _Context) -> AsyncIterator[Any]:
            if self._open >= self._most:
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, _FULL)
            self._open += 1
            try:
                async for answer in answers(request, context):
                    yield answer
            finally:
                self._open -= 1

        return with_a_place
