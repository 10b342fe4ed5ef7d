"""One connection of a terminal, or of a proxy, from its first byte to its last.

In order:

1. Accepted. It has 5 s to send its PROXY header, where its peer is a proxy that writes one, and its first TLS record.
   From any other peer a header is refused, because that peer could name any address.
2. It waits for its turn.
3. TLS is agreed on (`wire`).
4. HTTP/2, and calls on it (`relay.http2`). It is idle without a stream, and a stranger until a stream on it is proved;
   both have a time. Whoever is silent is asked for a sign of life.
5. The relay leaves: the terminal has some seconds to read what is left. The terminal leaves: all is closed. The relay
   cuts: it is closed at once.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from relay.admission.origin.proxy_header import ProxyHeaderWrong, begins_like_one, parse
from relay.admission.origin.trusted_proxies import Network, Origin, is_in
from relay.edge import first_bytes
from relay.edge.allowance import Allowance
from relay.edge.causes import Cause, CauseCounts
from relay.edge.first_bytes import Beginning
from relay.edge.limits import EdgeLimits
from relay.edge.quiet_lines import QuietLines
from relay.edge.streams import OpenStream
from relay.edge.wire import Wire
from relay.http2.bucket import Bucket
from relay.http2.call import Call
from relay.http2.connection import CallLimits, HttpConnection, HttpFault

_FIRST_BYTES_SECONDS: Final = 5.0
_TURN_SECONDS: Final = 20.0
"""less than a terminal gives a connection"""
_IDLE_SECONDS: Final = 15.0
"""until the first stream; TLS is agreed on in this time, too"""
_IDLE_AGAIN_SECONDS: Final = 10.0
"""after the last stream"""
_IDLE_SECONDS_OF_A_PROXY: Final = 300.0
_BESIDE_HELLO_SECONDS: Final = 5.0
_FLUSH_SECONDS: Final = 10.0
"""how long a terminal may take to read the last bytes of a connection that the relay leaves"""
_RESET: Final = struct.pack("ii", 1, 0)
_STREAMS_OF_A_TERMINAL: Final = 8
_STREAMS_OF_A_PROXY: Final = 128
"""at a time on one connection: a terminal needs one; a proxy that carries many opens another connection"""
_FRAMES_OF_A_PROXY: Final = 2_000.0, 4_000.0


@dataclass(frozen=True, eq=False, slots=True)
class ServedDoor:
    """What is behind an address that is listened at."""

    serve: Callable[[Passage, Call], Awaitable[None]]
    """one call"""
    tls: Callable[[], ssl.SSLContext] | None
    """for each new connection; None where there is no TLS"""
    largest_message: int
    """bytes; a call that sends a larger one ends"""


class Surroundings(Protocol):
    """What a passage asks of the edge."""

    limits: EdgeLimits
    writes_header: Sequence[Network]
    carries_many: Sequence[Network]
    known: Callable[[str], bool]
    counts: CauseCounts
    lines: QuietLines
    buffer: memoryview

    @property
    def handshakes(self) -> Executor: ...

    def take_place(self, passage: Passage) -> bool: ...

    def log_in(self, passage: Passage) -> None: ...

    def leave_place(self, passage: Passage) -> None: ...

    def ask_turn(self, passage: Passage) -> None: ...

    def answered(self, passage: Passage) -> None: ...

    def left(self, passage: Passage) -> None: ...


class _At(Enum):
    BEGINNING = 1
    WAITING = 2
    AGREEING = 3
    OPEN = 4
    LEAVING = 5
    OVER = 6


class Passage:
    """The socket of a connection, its times, and the streams on it."""

    def __init__(self, edge: Surroundings, outer: socket.socket, peer: Origin, door: ServedDoor) -> None:
        self._edge = edge
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._socket = outer
        self._peer = peer
        self.origin: Origin | None = peer
        """None where a proxy names no address"""
        self.place = peer.place
        self.known = edge.known(self.place)
        self.carries_many = is_in(peer.ip, edge.carries_many)
        self._behind_proxy = is_in(peer.ip, edge.writes_header)
        self._header_read = not self._behind_proxy
        self._at = _At.BEGINNING
        self._leaves = False
        self._first = b""
        """what came before its turn"""
        self._allowance = Allowance(edge.limits.max_message)
        self._wire = Wire(self, outer, edge.buffer)
        self._http: HttpConnection | None = None
        self._streams = self._proved = self.sessions = 0
        """`sessions` are the streams on it that have a session"""
        self._time: asyncio.TimerHandle | None = None
        """until the next step, or without a stream"""
        self._proof_time: asyncio.TimerHandle | None = None

    @property
    def is_proved(self) -> bool:
        return self._proved > 0

    @property
    def peer(self) -> str:
        """Who connected, as log lines have it: the terminal, or the proxy before it."""
        return f"{self._peer.ip}:{self._peer.port}"

    @property
    def calls(self) -> int:
        """Calls that are not over."""
        return len(self._http.calls) if self._http is not None else 0

    @property
    def certificate(self) -> bytes | None:
        """What the terminal showed in TLS, DER."""
        return self._wire.certificate

    # Until it is its turn -------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wait for the first bytes."""
        header_too = Cause.HEADER if self._behind_proxy else Cause.SILENT
        self._within(_FIRST_BYTES_SECONDS, lambda: self.refuse(header_too, "nothing was sent in time"))
        self._loop.add_reader(self._socket, self._hear)

    def _hear(self) -> None:
        try:
            data = self._socket.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.end()
            return
        self._first += data
        if self._at is _At.BEGINNING:
            self._judge()
        elif len(self._first) > first_bytes.LONGEST:  # read again when it is its turn
            self._loop.remove_reader(self._socket)

    def _judge(self) -> None:
        if not self._header_read and not self._read_header():
            return
        if not self._behind_proxy and begins_like_one(self._first):
            self.refuse(Cause.HEADER, "a PROXY header from outside listen.proxy_protocol_from")
            return
        has_tls = self._door.tls is not None
        match first_bytes.judge(self._first, tls=has_tls):
            case Beginning.WRONG:
                self.refuse(Cause.NOT_TLS, "its first bytes are none of TLS" if has_tls else "it is not HTTP/2")
            case Beginning.RIGHT:
                self._at = _At.WAITING
                self._within(_TURN_SECONDS, lambda: self.refuse(Cause.QUEUE, "too many new connections"))
                self._edge.ask_turn(self)
            case Beginning.INCOMPLETE:
                pass

    def _read_header(self) -> bool:
        """Whether it is there, and the address that it names has a place for it."""
        try:
            header = parse(self._first)
        except ProxyHeaderWrong as wrong:
            self.refuse(Cause.HEADER, str(wrong))
            return False
        if header is None:
            return False
        self._first = self._first[header.size :]
        self._header_read = True
        self.origin = header.origin
        if header.origin is not None:
            self.place = header.origin.place
            self.known = self._edge.known(self.place)
            self.carries_many = is_in(header.origin.ip, self._edge.carries_many)
        return self._edge.take_place(self)

    # TLS and HTTP/2 -------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """It is its turn."""
        self._at = _At.AGREEING
        self._within(_IDLE_SECONDS, lambda: self.cut(Cause.IDLE))
        self._must_prove()
        first, self._first = self._first, b""
        self._loop.remove_reader(self._socket)
        self.took(len(first))
        if self._at is _At.AGREEING:
            tls = self._door.tls
            self._wire.start(first, tls() if tls is not None else None, self._edge.handshakes)

    def took(self, size: int) -> float:
        """So many bytes came; for how many seconds no more are read."""
        pause = 0.0 if self.carries_many else self._allowance.took(size, self._loop.time())
        if self._allowance.spent:
            self.cut(Cause.BYTES)
        return pause

    def answered(self) -> None:
        """Most of the handshake's work is done."""
        self._edge.answered(self)

    def agreed(self) -> None:
        """TLS is agreed on, or there is none: what follows is HTTP/2."""
        self._at = _At.OPEN
        streams = _STREAMS_OF_A_PROXY if self.carries_many else _STREAMS_OF_A_TERMINAL
        frames = Bucket(*_FRAMES_OF_A_PROXY) if self.carries_many else self._allowance.frames
        limits = CallLimits(streams, self._door.largest_message)
        self._http = HttpConnection(self._wire.send, functools.partial(self._door.serve, self), limits, frames)
        self._http.begin()
        self._wire.look_for_life(self._http.ping)

    def received(self, data: bytes) -> None:
        """Bytes of HTTP/2."""
        if self._http is None:
            return
        try:
            self._http.received(data)
        except HttpFault as fault:
            self._say(Cause.FRAMES, str(fault))
            self.leave()

    def blocked(self) -> None:
        """Calls begin nothing new."""
        if self._http is not None:
            self._http.blocked = True

    def unblocked(self) -> None:
        """They go on."""
        if self._http is not None:
            self._http.unblock()

    # Streams on it --------------------------------------------------------------------------------------------

    def stream_opened(self) -> OpenStream | None:
        """A stream has begun; None where it is one too many before a proof, and the connection is cut."""
        if not self.carries_many and not self._allowance.opened(self._loop.time()):
            self.cut(Cause.STREAMS)
            return None
        self._streams += 1
        self._stop_time()
        return OpenStream(self)

    def stream_proved(self) -> None:
        """A terminal on it has proved itself: it is no stranger's any more."""
        self._proved += 1
        if self._proved > 1 or self._at is not _At.OPEN or self.carries_many:
            return
        self._allowance.proved()
        self._edge.log_in(self)
        if self._proof_time is not None:
            self._proof_time.cancel()

    def stream_has_session(self) -> None:
        """A terminal on it is logged in."""
        self.sessions += 1
        if not self.carries_many:
            self._edge.leave_place(self)

    def stream_unclosed(self, *, session: bool) -> None:
        """A stream that the relay ended is not closed in time: then the connection is, unless others need it."""
        if not self.carries_many and not self.sessions - session:
            self.cut(Cause.UNCLOSED)

    def stream_closed(self, *, proved: bool, session: bool) -> None:
        """A stream is closed; without one the connection is idle, without a proved one a stranger's again."""
        self._streams -= 1
        self._proved -= proved
        self.sessions -= session
        if self._at is not _At.OPEN:
            return
        if not self._streams:
            idle = _IDLE_SECONDS_OF_A_PROXY if self.carries_many else _IDLE_AGAIN_SECONDS
            self._within(0.0 if self._leaves else idle, self.leave)
        if self.carries_many:
            return
        if proved and not self._proved:
            self._allowance.stranger_again()
            self._must_prove()
            self._edge.take_place(self)
        elif session and not self.sessions:
            self._edge.log_in(self)

    # The end --------------------------------------------------------------------------------------------------

    def refuse(self, cause: Cause, why: str = "") -> None:
        """It gets no further."""
        self.wrong(cause, why)

    def cut(self, cause: Cause) -> None:
        """End it at once, whatever is on it."""
        self.wrong(cause, cause.meaning.partition(": ")[2])

    def wrong(self, cause: Cause, why: str) -> None:
        """It cannot go on: count it, say it, close it."""
        if self._at is not _At.OVER:
            self._say(cause, why)
            self._end(None if cause.refuses else _RESET)

    def _say(self, cause: Cause, why: str) -> None:
        self._edge.counts.add(cause)
        event = "connection_refused" if cause.refuses else "connection_cut"
        self._edge.lines.say(event, self.place, cause=cause.name.lower(), peer=str(self._peer.ip), why=why)

    def go_away(self) -> None:
        """Let it open no more streams; those there are go on. One without a stream is left."""
        if self._http is None or not self._http.calls:
            self.leave()
        elif self._at is _At.OPEN:
            self._leaves = True
            self._http.go_away()

    def leave(self) -> None:
        """Say goodbye, and let the terminal read what is left, but not for ever; one that did not get so far is closed."""
        if self._at is _At.LEAVING:
            return
        if self._at is not _At.OPEN or self._http is None:
            self.end()
            return
        self._at = _At.LEAVING
        self._http.go_away()
        self._stop_times()
        self._http.lose()
        self._within(_FLUSH_SECONDS, self.end)
        self._wire.leave()

    def end(self) -> None:
        """Close it; idempotent."""
        self._end(None)

    def _end(self, reset: bytes | None) -> None:
        if self._at is _At.OVER:
            return
        self._at = _At.OVER
        self._stop_times()
        self._wire.close(reset=reset)
        if self._http is not None:
            self._http.lose()
        self._edge.left(self)

    # Times ----------------------------------------------------------------------------------------------------

    def _within(self, seconds: float, otherwise: Callable[[], object]) -> None:
        self._stop_time()
        self._time = self._loop.call_later(seconds, otherwise)

    def _stop_time(self) -> None:
        if self._time is not None:
            self._time.cancel()

    def _stop_times(self) -> None:
        for timer in (self._time, self._proof_time):
            if timer is not None:
                timer.cancel()

    def _must_prove(self) -> None:
        """Its streams may wait for their place once, and then have the time that the settings give."""
        if self.carries_many:
            return
        if self._proof_time is not None:
            self._proof_time.cancel()
        seconds = 2 * self._edge.limits.hello_seconds + _BESIDE_HELLO_SECONDS
        self._proof_time = self._loop.call_later(seconds, lambda: self.cut(Cause.UNPROVED))
