"""One connection: from the terminal or a proxy, and on to gRPC.

In order:

1. Accepted. It has 5 s to send its PROXY header, where its peer is a proxy that writes one, and its first TLS record.
   From any other peer a header is refused, because that peer could name any address.
2. It waits for its turn.
3. The inner socket is bound, and its local port is known to the edge. Only then it connects. gRPC names this port as
   its peer, so the edge knows the address before gRPC can ask for it.
4. Bytes go both ways. It is idle without a stream, and a stranger until a stream on it is proved; both have a time.
5. gRPC closes: the terminal has some seconds to read what is left. The terminal closes: the inner side is closed, too.
   The relay cuts: both are closed at once.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from relay.admission.origin.proxy_header import ProxyHeaderWrong, begins_like_one, parse
from relay.admission.origin.trusted_proxies import Network, Origin, is_in
from relay.edge import first_bytes
from relay.edge.allowance import Allowance
from relay.edge.causes import Cause, CauseCounts
from relay.edge.first_bytes import Beginning
from relay.edge.limits import EdgeLimits
from relay.edge.pipe import Pipe
from relay.edge.quiet_lines import QuietLines
from relay.edge.streams import OpenStream

_FIRST_BYTES_SECONDS = 5.0
_TURN_SECONDS = 20.0
"""less than a terminal gives a connection"""
_CONNECT_SECONDS = 5.0
_IDLE_SECONDS = 15.0
"""until the first stream; TLS is agreed on in this time, too"""
_IDLE_AGAIN_SECONDS = 15.0
"""after the last stream; gRPC says goodbye before that"""
_BESIDE_HELLO_SECONDS = 5.0
_FLUSH_SECONDS = 10.0
"""how long a terminal may take to read the last bytes of a connection that gRPC has closed"""
_MOST_DROPPED = 256 * 1024
"""bytes that it may still send meanwhile"""
_RESET = struct.pack("ii", 1, 0)


class Surroundings(Protocol):
    """What a passage asks of the edge."""

    limits: EdgeLimits
    tls: bool
    writes_header: Sequence[Network]
    carries_many: Sequence[Network]
    known: Callable[[str], bool]
    counts: CauseCounts
    lines: QuietLines
    buffer: memoryview

    def take_place(self, passage: Passage) -> bool: ...

    def log_in(self, passage: Passage) -> None: ...

    def leave_place(self, passage: Passage) -> None: ...

    def ask_turn(self, passage: Passage) -> None: ...

    def answered(self, passage: Passage) -> None: ...

    def at_port(self, port: int, passage: Passage) -> None: ...

    def left(self, passage: Passage, port: int) -> None: ...


class _At(Enum):
    BEGINNING = 1
    WAITING = 2
    CONNECTING = 3
    OPEN = 4
    FLUSHING = 5
    OVER = 6


class Passage:
    """Both sockets of a connection, its times, and the streams on it."""

    def __init__(self, edge: Surroundings, outer: socket.socket, peer: Origin, inner_ports: tuple[int, int]) -> None:
        """`inner_ports` are gRPC's: for terminals, and for proxies that carry many."""
        self._edge = edge
        self.inner_ports = inner_ports
        self._loop = asyncio.get_running_loop()
        self._outer = outer
        self._inner: socket.socket | None = None
        self._port = 0
        self._peer = peer
        self.origin: Origin | None = peer
        """None where a proxy names no address"""
        self.place = peer.place
        self.known = edge.known(self.place)
        self.carries_many = is_in(peer.ip, edge.carries_many)
        self._behind_proxy = is_in(peer.ip, edge.writes_header)
        self._header_read, self._is_answered = not self._behind_proxy, False
        self._at = _At.BEGINNING
        self._first = b""
        """what came before the inner connection was there"""
        self._allowance = Allowance(edge.limits.max_message)
        self._pipes: tuple[Pipe, ...] = ()
        self._dropped = self._streams = self._proved = self.sessions = 0
        """`sessions` are the streams on it that have a session"""
        self._time: asyncio.TimerHandle | None = None
        """until the next step, or without a stream"""
        self._proof_time: asyncio.TimerHandle | None = None

    @property
    def is_proved(self) -> bool:
        return self._proved > 0

    # To gRPC --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wait for the first bytes."""
        header_too = Cause.HEADER if self._behind_proxy else Cause.SILENT
        self._within(_FIRST_BYTES_SECONDS, lambda: self.refuse(header_too, "nothing was sent in time"))
        self._loop.add_reader(self._outer, self._hear)

    def go_on(self, inner_port: int) -> None:
        """It is its turn: connect to gRPC."""
        self._at = _At.CONNECTING
        self._within(_CONNECT_SECONDS, lambda: self.refuse(Cause.INNER, "gRPC did not answer"))
        try:
            inner = self._inner = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            inner.bind(("127.0.0.1", 0))
            self._port = inner.getsockname()[1]
            self._edge.at_port(self._port, self)
            error = inner.connect_ex(("127.0.0.1", inner_port))
        except OSError as failed:
            self.refuse(Cause.INNER, failed.strerror or "")
            return
        if error == errno.EINPROGRESS:
            self._loop.add_writer(inner, self._connected, inner)
        elif error:
            self.refuse(Cause.INNER, "gRPC does not take it")
        else:
            self._open(inner)

    def _hear(self) -> None:
        try:
            data = self._outer.recv(4096)
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
        elif len(self._first) > first_bytes.LONGEST:  # read again when it is passed on
            self._loop.remove_reader(self._outer)

    def _judge(self) -> None:
        if not self._header_read and not self._read_header():
            return
        if not self._behind_proxy and begins_like_one(self._first):
            self.refuse(Cause.HEADER, "a PROXY header from outside listen.proxy_protocol_from")
            return
        match first_bytes.judge(self._first, tls=self._edge.tls):
            case Beginning.WRONG:
                self.refuse(Cause.NOT_TLS, "its first bytes are none of TLS" if self._edge.tls else "it is not HTTP/2")
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

    def _connected(self, inner: socket.socket) -> None:
        self._loop.remove_writer(inner)
        error = inner.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.refuse(Cause.INNER, "gRPC does not take it")
        else:
            self._open(inner)

    def _open(self, inner: socket.socket) -> None:
        self._at = _At.OPEN
        self._loop.remove_reader(self._outer)
        inward = Pipe(self._outer, inner, self._edge.buffer, self.end, self._took)
        outward = Pipe(inner, self._outer, self._edge.buffer, self._inner_closed, self._gave)
        self._pipes = (inward, outward)
        self._idle(_IDLE_SECONDS)
        self._must_prove()
        first, self._first = self._first, b""
        self._took(len(first))
        outward.start()
        inward.start(first)  # may end it, so it is last

    def _took(self, size: int) -> float:
        pause = 0.0 if self.carries_many else self._allowance.took(size, self._loop.time())
        if self._allowance.spent:
            self.cut(Cause.BYTES)
        return pause

    def _gave(self, _: int) -> float:
        if not self._is_answered:
            self._is_answered = True
            self._edge.answered(self)
        return 0.0

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
        if self.carries_many:
            return
        if not self._streams:
            self._idle(_IDLE_AGAIN_SECONDS)
        if proved and not self._proved:
            self._allowance.stranger_again()
            self._must_prove()
            self._edge.take_place(self)
        elif session and not self.sessions:
            self._edge.log_in(self)

    # The end --------------------------------------------------------------------------------------------------

    def refuse(self, cause: Cause, why: str = "") -> None:
        """It does not reach gRPC: count it, say it, close it."""
        self._finish(cause, why)

    def cut(self, cause: Cause) -> None:
        """End it at once, whatever is on it."""
        self._finish(cause, cause.meaning.partition(": ")[2])

    def _finish(self, cause: Cause, why: str) -> None:
        if self._at is _At.OVER:
            return
        self._edge.counts.add(cause)
        event = "connection_refused" if cause.refuses else "connection_cut"
        self._edge.lines.say(event, self.place, cause=cause.name.lower(), peer=str(self._peer.ip), why=why)
        for one in (self._outer, self._inner):
            if one is not None and not cause.refuses:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.end()

    def end(self) -> None:
        """Close both sides; idempotent."""
        if self._at is _At.OVER:
            return
        self._at = _At.OVER
        self._stop_passing()
        self._outer.close()
        self._edge.left(self, self._port)

    def _inner_closed(self) -> None:
        """GRPC has closed it: let the terminal read what is left, but not for ever."""
        self._at = _At.FLUSHING
        self._stop_passing()
        self._within(_FLUSH_SECONDS, self.end)
        try:
            self._outer.shutdown(socket.SHUT_WR)
        except OSError:
            self.end()
            return
        self._loop.add_reader(self._outer, self._drop)

    def _drop(self) -> None:
        try:
            size = self._outer.recv_into(self._edge.buffer)
            self._dropped += size
            if size and self._dropped < _MOST_DROPPED:
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass
        self.end()

    def _stop_passing(self) -> None:
        for pipe in self._pipes:
            pipe.stop()
        self._loop.remove_reader(self._outer)
        if self._inner is not None:
            self._loop.remove_writer(self._inner)
            self._inner.close()
            self._inner = None
        for timer in (self._time, self._proof_time):
            if timer is not None:
                timer.cancel()

    # Times ----------------------------------------------------------------------------------------------------

    def _within(self, seconds: float, otherwise: Callable[[], object]) -> None:
        self._stop_time()
        self._time = self._loop.call_later(seconds, otherwise)

    def _stop_time(self) -> None:
        if self._time is not None:
            self._time.cancel()

    def _idle(self, seconds: float) -> None:
        self._within(seconds, lambda: self.cut(Cause.IDLE))

    def _must_prove(self) -> None:
        """Its streams may wait for their place once, and then have the time that the settings give."""
        if self.carries_many:
            return
        if self._proof_time is not None:
            self._proof_time.cancel()
        seconds = 2 * self._edge.limits.hello_seconds + _BESIDE_HELLO_SECONDS
        self._proof_time = self._loop.call_later(seconds, lambda: self.cut(Cause.UNPROVED))
