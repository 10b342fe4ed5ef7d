"""One call of gRPC at a relay: messages go, messages come, and it ends with words.

What the relay sent and nobody has read is bounded: the stream's window is opened again only while less than a window waits,
beside one message that is not complete. What the relay does not take waits here, one message at most; `has_room` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, Protocol
from urllib.parse import unquote

from ctprelay.wire.frames import LARGEST_PAYLOAD, USUAL_WINDOW
from ctprelay.wire.messages import PREFIX, MessagePieces, framed

LARGEST_MESSAGE: Final = 16 * 1024 * 1024
"""One batch of a day's replay is the largest; the relay refuses larger ones from us by itself."""
WINDOW: Final = 1024 * 1024
"""what the relay may send before the terminal has read it"""


class GrpcCode(IntEnum):
    """gRPC's."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RelayCallOver(Exception):
    """The call has ended; the words say why."""


class RelayCallRoad(Protocol):
    """What a call asks of its connection."""

    window: int
    blocked: bool
    """whether the socket has bytes left that it does not take"""

    def send(self, stream: int, data: bytes | memoryview) -> None: ...

    def open_window(self, stream: int, more: int) -> None: ...

    def reset(self, stream: int) -> None: ...


class RelayCall:
    """For the loop alone. Nothing is sent until `begin`."""

    def __init__(self) -> None:
        self.on_room: Callable[[], object] = lambda: None
        """called when `has_room` has become true"""
        self.ended: str | None = None
        """why it is over"""
        self._road: RelayCallRoad | None = None
        self._stream = 0
        self._window = USUAL_WINDOW
        self._rest = memoryview(b"")
        self._pieces = MessagePieces(LARGEST_MESSAGE)
        self._ready: deque[bytes] = deque()
        self._ready_bytes = 0
        self._owed = 0
        """bytes by which the relay's window is to be opened"""
        self._reading: asyncio.Future[None] | None = None

    # Who calls ------------------------------------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether `write` may be called."""
        return self._road is not None and self.ended is None and not self._rest and not self._road.blocked

    def write(self, message: bytes) -> None:
        """Send one message; only while `has_room`."""
        self._rest = memoryview(framed(message))
        self._push()

    async def read(self) -> bytes:
        """The next message. Raises RelayCallOver."""
        while not self._ready:
            if self.ended is not None:
                raise RelayCallOver(self.ended)
            self._reading = asyncio.get_running_loop().create_future()
            await self._reading
        message = self._ready.popleft()
        self._ready_bytes -= PREFIX + len(message)
        self._open_window()
        return message

    def cancel(self) -> None:
        """End it; idempotent."""
        road, stream = self._road, self._stream
        if self.ended is None and road is not None:
            road.reset(stream)
        self.end("the stream was ended here")

    # The connection -------------------------------------------------------------------------------------------

    def begin(self, road: RelayCallRoad, stream: int, window: int) -> None:
        """It has a stream on a connection; `window` is what the relay takes on it."""
        self._road, self._stream, self._window = road, stream, window
        self.on_room()

    def take(self, data: bytes, size: int) -> None:
        """Bytes came; `size` is what they cost of the window. Raises MessageWrong."""
        self._owed += size
        for message in self._pieces.take(data):
            self._ready.append(message)
            self._ready_bytes += PREFIX + len(message)
        if self._ready:
            self._wake()
        self._open_window()

    def widen(self, more: int) -> None:
        """The relay takes more, or less where its settings say so."""
        self._window += more
        self.go_on()

    def go_on(self) -> None:
        """A window has grown, or the socket takes more."""
        self._push()
        if self.has_room:
            self.on_room()

    def _push(self) -> None:
        """Send what there is room for."""
        road = self._road
        while road is not None and self._rest and not road.blocked:
            room = min(self._window, road.window, LARGEST_PAYLOAD)
            if room <= 0:
                break
            piece, self._rest = self._rest[:room], self._rest[room:]
            self._window -= len(piece)
            road.send(self._stream, piece)

    def end(self, words: str) -> None:
        """It is over: what came can still be read. Idempotent."""
        if self.ended is None:
            self.ended = words
            self._road = None
            self.on_room = lambda: None
            self._wake()

    def _open_window(self) -> None:
        if self._owed >= WINDOW // 2 and self._ready_bytes < WINDOW and self._road is not None:
            self._road.open_window(self._stream, self._owed)
            self._owed = 0

    def _wake(self) -> None:
        waiting, self._reading = self._reading, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


def words_of(status: str, trailers: Iterable[tuple[str, str]]) -> str:
    """Why a call ended, as its trailers say; `status` is HTTP's."""
    fields = dict(trailers)
    with contextlib.suppress(ValueError):
        code = GrpcCode(int(fields.get("grpc-status", "")))
        if code is GrpcCode.OK:
            return "the relay closed the stream"
        return f"{code.name}: {unquote(fields.get('grpc-message', ''))}"
    return f"the other end speaks no gRPC: HTTP status {status or '?'}"
