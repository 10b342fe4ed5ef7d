"""One TCP connection of a shim: frames in order, packets paced, a reader too slow is cut.

What is kept: the transport; `_held`, frames above the packet limit; `session`, once the hello was accepted.

The order: the first frame must be a hello, within HELLO_SECONDS; its answer is the first thing sent. Then every frame
goes to the owner, or waits. The owner is the trader's front, or after `hand_to` that of market data.

What holds between two events:

* Frames reach the owner in the order in which they were sent. While `_held` is not empty every new frame is held too.
* The packet limit counts by the second of the loop's clock, as CTP's does: the excess is not refused, it waits for the
  next second.
* A shim that does not read its events may not send requests (`pause_writing`). One that is MAX_UNSENT bytes behind is
  cut, as CTP cuts a session with a backlog.
* A frame that cannot be read ends this connection and no other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from ctpabi.codec.layout import LayoutError
from ctpabi.shim.wire import Frame, FrameReader, FrameType, WireError, json_body, json_frame
from simcounter.session import Session

HELLO_SECONDS = 5.0
"""until the shim must have said hello"""
MAX_UNSENT = 64 << 20
"""bytes waiting for a slow shim; beyond, the connection is cut as CTP cuts a session with a backlog"""
MAX_HELD = 100_000
"""frames held back by packet pacing"""


class ConnectionOwner(Protocol):
    """What a connection reports to."""

    def greet(self, connection: Connection, hello: dict[str, object]) -> dict[str, object]: ...

    def greeted(self, connection: Connection) -> None: ...

    def receive(self, connection: Connection, frame: Frame) -> None: ...

    def lost(self, connection: Connection) -> None: ...

    def cut_slow_reader(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """`session` exists once the hello is accepted."""

    def __init__(self, owner: ConnectionOwner, packets_per_second: Callable[[], int]) -> None:
        self._owner = owner
        self._packets_per_second = packets_per_second
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._held: deque[Frame] = deque()
        self._second = -1
        self._packets = 0
        self._timer: asyncio.TimerHandle | None = None
        self.session: Session | None = None
        self.peer_ip = ""
        self.peer_port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked by isinstance: uvloop's TCP transport does all that asyncio.Transport does without being one.
        self._transport = cast("asyncio.Transport", transport)
        self.peer_ip, self.peer_port = transport.get_extra_info("peername")[:2]
        self._timer = asyncio.get_running_loop().call_later(HELLO_SECONDS, self.close)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except (WireError, LayoutError):
            self.close()

    def _take(self, frame: Frame) -> None:
        if self.session is None:
            self._greet(frame)
        elif self._held or self._is_over_pace():
            self._hold(frame)
        else:
            self._owner.receive(self, frame)

    def _greet(self, frame: Frame) -> None:
        if frame.type is not FrameType.HELLO:
            raise WireError("the first frame must be a hello")
        if self._timer is not None:
            self._timer.cancel()
        answer = self._owner.greet(self, json_body(frame))
        self.send(json_frame(FrameType.HELLO, answer).encode())
        if not answer["ok"]:
            self.close()
        else:
            self._owner.greeted(self)

    def _is_over_pace(self) -> bool:
        limit = self._packets_per_second()
        if not limit:
            return False
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._packets = second, 0
        self._packets += 1
        return self._packets > limit

    def _hold(self, frame: Frame) -> None:
        """CTP's packet limit: no error, the excess simply waits for the next second."""
        if len(self._held) >= MAX_HELD:
            raise WireError("too many packets held back")
        if not self._held:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(int(loop.time()) + 1, self._release)
        self._held.append(frame)

    def _release(self) -> None:
        held, self._held = self._held, deque()
        try:
            for frame in held:
                self._take(frame)
        except (WireError, LayoutError):
            self.close()

    def hand_to(self, owner: ConnectionOwner) -> None:
        """Another owner from now on, at which packets are not paced."""
        self._owner = owner
        self._packets_per_second = lambda: 0

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._owner.cut_slow_reader(self)
            self._transport.abort()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the shim to read."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def pause_writing(self) -> None:
        """A shim that does not read its events may not send more requests either."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Sends what is written, then ends the connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection now, as a broken line would."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._timer is not None:
            self._timer.cancel()
        self._held.clear()
        self._owner.lost(self)
