"""One TCP connection to CTS: requests matched with their answers, a deadline for each, pushes passed on.

An answer is all messages of its requestId and its msgType up to the one that says it is the last. Another message (of an id
never sent, answered before, answered too late, or waiting for another msgType) is passed over and counted. What is no message of CTS's ends the connection.
When it ends, everything that waits has lost its answer.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import structlog

from relay.counter.cts.wire import DISCONNECT, PUSH, CtsReply, LineBuffer, WireFault, read_reply, write_request
from relay.counter.translated.values import AnswerLost, NotSent

_log = structlog.get_logger(__name__)
FIRST_REQUEST = 10_000_001
MOST_WAITING = 10_000
"""requests without an answer"""
MOST_ROWS = 100_000
"""messages of one answer"""
MOST_UNSENT = 4 << 20
"""bytes that the counter has not taken"""


@dataclass(slots=True)
class _Awaited:
    msg_type: int
    answer: asyncio.Future[list[CtsReply]]
    deadline: asyncio.TimerHandle
    replies: list[CtsReply] = field(default_factory=list)


class RootNetLine(asyncio.Protocol):
    """Made by `dial`. `closed` is done with why."""

    def __init__(self, numbers: itertools.count[int], answer_seconds: float, heard: Callable[[CtsReply], None]) -> None:
        """`numbers` are the process's request ids; `heard` gets every push."""
        self._loop = asyncio.get_running_loop()
        self._numbers = numbers
        self._seconds = answer_seconds
        self._heard = heard
        self._lines = LineBuffer()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, _Awaited] = {}
        self._why = ""
        self.session_id = "-1"
        self.strays = 0
        """messages that answered nothing"""
        self.is_forced_out = False
        self.last_at = self._loop.time()
        """when something was sent or heard last"""
        self.closed: asyncio.Future[str] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        plug: socket.socket | None = transport.get_extra_info("socket")
        if plug is not None:
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def send(self, msg_type: int, request: Mapping[str, Any]) -> asyncio.Future[list[CtsReply]]:
        """Send a request; the future is its whole answer, or AnswerLost. Raises NotSent where nothing was sent."""
        transport = self._transport
        if transport is None or transport.is_closing() or len(self._waiting) >= MOST_WAITING:
            raise NotSent
        if transport.get_write_buffer_size() > MOST_UNSENT:
            raise NotSent
        number = next(self._numbers)
        answer: asyncio.Future[list[CtsReply]] = self._loop.create_future()
        deadline = self._loop.call_later(self._seconds, self._late, number)
        self._waiting[number] = _Awaited(msg_type, answer, deadline)
        self.last_at = self._loop.time()
        transport.write(write_request(msg_type, number, self.session_id, request))
        return answer

    def _late(self, number: int) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_exception(AnswerLost())

    def data_received(self, data: bytes) -> None:
        self.last_at = self._loop.time()
        try:
            for line in self._lines.feed(data):
                self._take(read_reply(line))
        except WireFault as fault:
            self.end(f"unreadable: {fault}")

    def _take(self, reply: CtsReply) -> None:
        if reply.msg_type == PUSH:
            self._heard(reply)
            return
        waiting = self._waiting.get(reply.request_id)
        if waiting is None or waiting.msg_type != reply.msg_type:
            self._stray(reply)
            return
        waiting.replies.append(reply)
        if len(waiting.replies) > MOST_ROWS:
            raise WireFault("an answer does not end")
        if reply.is_last:
            del self._waiting[reply.request_id]
            waiting.deadline.cancel()
            if not waiting.answer.done():
                waiting.answer.set_result(waiting.replies)

    def _stray(self, reply: CtsReply) -> None:
        if reply.msg_type == DISCONNECT:
            self.is_forced_out = True
            self.end("10001 came unasked")
            return
        if not self.strays:
            _log.warning("cts_stray_message", msg_type=reply.msg_type)
        self.strays += 1

    def end(self, why: str) -> None:
        """End the connection; the first reason stands."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        why = self._why or (f"broke: {type(exc).__name__}" if exc is not None else "closed by the counter")
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.deadline.cancel()
            if not one.answer.done():
                one.answer.set_exception(AnswerLost())
                one.answer.exception()  # the one who asked may be gone
        if not self.closed.done():
            self.closed.set_result(why)


async def dial(
    address: tuple[str, int],
    numbers: itertools.count[int],
    heard: Callable[[CtsReply], None],
    *,
    connect_seconds: float,
    answer_seconds: float,
) -> RootNetLine:
    """A connection. Raises OSError, TimeoutError among them."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(connect_seconds):
        _, line = await loop.create_connection(lambda: RootNetLine(numbers, answer_seconds, heard), *address)
    return line
