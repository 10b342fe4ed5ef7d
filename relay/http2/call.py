"""One call of gRPC as its handler sees it: messages come, messages go, and it ends with a status.

What a terminal sent and the handler has not read is bounded: the stream's window is opened again only while less than
`_AHEAD` bytes wait, beside one message that is not complete. While the handler waits, a message may be taken in the moment in which
it comes (`at_once`): then no task runs for it, and messages keep their order, because nothing is before it. A write goes out at once where the terminal's windows and its
socket have room, and else waits for them; no message is in two places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import grpc

from ctprelay.wire.frames import LARGEST_PAYLOAD, LARGEST_WINDOW, USUAL_WINDOW, ErrorCode, ProtocolBroken
from ctprelay.wire.messages import PREFIX, MessagePieces, framed
from relay.http2.call_over import CallOver
from relay.http2.heads import RequestHead

_AHEAD: Final = 64 * 1024
_WORTH_SAYING: Final = USUAL_WINDOW // 2
"""bytes that a window is opened by at a time"""


class CallEnded(Exception):
    """Raised by a handler: the call ends with this status and these words, which the terminal reads."""

    def __init__(self, status: grpc.StatusCode, words: str) -> None:
        super().__init__(status, words)
        self.status = status
        self.words = words


class CallRoad(Protocol):
    """What a call asks of its connection."""

    window: int
    blocked: bool
    """whether the socket has bytes left that it does not take"""

    def send(self, stream: int, data: bytes | memoryview) -> None: ...

    def send_message(self, stream: int, message: bytes) -> None: ...

    def begin_answer(self, stream: int) -> None: ...

    def open_window(self, stream: int, more: int) -> None: ...

    def wait_for_room(self) -> asyncio.Future[None]: ...


class Call:
    """For the loop. Its handler reads, writes, and returns or raises `CallEnded`."""

    __slots__ = (
        "_held",
        "_messages",
        "_read_future",
        "_ready",
        "_ready_bytes",
        "_road",
        "_window_in",
        "answered",
        "at_once",
        "head",
        "no_more",
        "on_closed",
        "over",
        "stream",
        "task",
        "timer",
        "window",
    )

    def __init__(self, road: CallRoad, stream: int, head: RequestHead, window: int, most: int) -> None:
        """`window` is what the terminal takes on this stream, `most` the largest message in bytes."""
        self._road = road
        self.stream = stream
        self.head = head
        self.window = window
        self.answered = False
        """whether the answer's headers are sent"""
        self.no_more = False
        """whether the terminal says no more"""
        self.over = False
        self.on_closed: Callable[[], object] = lambda: None
        """called once, when nothing of it is left to send, or the terminal is gone"""
        self.at_once: Callable[[bytes], bool] = _leave_it
        """asked with each message that comes while the handler waits for one; true: it is taken, and the handler waits on"""
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self._messages = MessagePieces(most)
        self._ready: list[bytes] = []
        self._ready_bytes = 0
        self._held = 0
        """bytes by which the terminal's window is to be opened"""
        self._window_in = USUAL_WINDOW
        self._read_future: asyncio.Future[None] | None = None

    # The handler's side ---------------------------------------------------------------------------------------

    async def read(self) -> bytes | None:
        """The next message; None where the terminal says no more. Raises CallOver."""
        while not self._ready:
            if self.over:
                raise CallOver
            if self.no_more:
                return None
            self._read_future = asyncio.get_running_loop().create_future()
            await self._read_future
        message = self._ready.pop(0)
        self._ready_bytes -= PREFIX + len(message)
        if self._held >= _WORTH_SAYING:
            self._open_window()
        return message

    async def write(self, message: bytes) -> None:
        """Send one message; returns when all of it is on its way. Raises CallOver."""
        if self.over:
            raise CallOver
        if not self.write_at_once(message):
            self._begin_answer()
            await self._write_in_pieces(memoryview(framed(message)))

    def write_at_once(self, message: bytes) -> bool:
        """Send one message where all of it can be on its way now; whether it could. What `write` has begun must be over."""
        road, size = self._road, PREFIX + len(message)
        if self.over or road.blocked or size > self.window or size > road.window:
            return False
        if not self.answered:
            self._begin_answer()
        self.window -= size
        road.send_message(self.stream, message)
        return True

    def _begin_answer(self) -> None:
        if not self.answered:
            self.answered = True
            self._road.begin_answer(self.stream)

    async def _write_in_pieces(self, data: memoryview) -> None:
        while data:
            room = 0 if self._road.blocked else min(self.window, self._road.window, LARGEST_PAYLOAD)
            if room > 0:
                piece, data = data[:room], data[room:]
                self.window -= len(piece)
                self._road.send(self.stream, piece)
                continue
            await self._road.wait_for_room()
            if self.over:
                raise CallOver

    # The connection's side ------------------------------------------------------------------------------------

    def take(self, data: bytes, size: int) -> None:
        """Bytes came; `size` is what they cost of the window. Raises MessageWrong, ProtocolBroken."""
        self._window_in -= size
        if self._window_in < 0:
            raise ProtocolBroken(ErrorCode.FLOW_CONTROL_ERROR, "more data than the stream's window")
        self._held += size
        for message in self._messages.take(data):
            if self._ready or self._read_future is None or self._read_future.done() or not self.at_once(message):
                self._ready.append(message)
                self._ready_bytes += PREFIX + len(message)
        if self._ready:
            self._wake()
        if self._held >= _WORTH_SAYING:
            self._open_window()

    def say_no_more(self) -> None:
        """The terminal has said all it has to say; half a message that it leaves is none."""
        self.no_more = True
        self._wake()

    def widen(self, more: int) -> bool:
        """The terminal takes more, or less where its settings say so; false where that is more than HTTP/2 knows."""
        self.window += more
        return self.window <= LARGEST_WINDOW

    def lose(self) -> None:
        """The terminal is gone: whoever reads or writes hears it."""
        self.over = True
        self._wake()

    def close(self) -> None:
        """Nothing of it is left; idempotent."""
        on_closed, self.on_closed = self.on_closed, lambda: None
        on_closed()

    def _open_window(self) -> None:
        if self._ready_bytes <= _AHEAD and not self.over and not self.no_more:
            self._window_in += self._held
            self._road.open_window(self.stream, self._held)
            self._held = 0

    def _wake(self) -> None:
        waiting, self._read_future = self._read_future, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


def _leave_it(_message: bytes) -> bool:
    """It is for the handler to read."""
    return False
