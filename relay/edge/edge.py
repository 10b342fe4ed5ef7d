"""The accept loop of the terminal service: every connection comes in here, and is a `Passage` until its end.

The rules are pure and stand beside this file: `shares` says who holds how many places, `pace` who goes next, `allowance`
what one may spend. What is inside a connection is `relay.http2`'s.

Words: a **stranger** is a connection on which nothing was proved yet. It holds a place in `shares` and may have to give
way. The terminal service says when a stream on it is opened, proved, ended and closed (`OpenStream`). From the first
proof on it is **logging in** and holds a place of another kind; with a session it holds none and never gives way. A
connection **carries many** where its address is a trusted proxy's that speaks HTTP/2: it has a bound of its own, and its
terminals are bounded by their streams.

What holds between two events:

* A passage is in `_shares` exactly while it is a stranger's, in `_logging_in` exactly while it has a proof and no
  session, in `_pace` exactly while it waits for its turn.
* A passage is in `_unanswered` from its turn until the relay's first step is taken. So no more handshakes are begun than get done,
  however fast connections come; a terminal cannot hold such a place, because only the relay's own step is waited for.
* Where the process has no descriptors left, the accept loop lets the fullest address give one up, and pauses; it never
  spins and never ends.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from relay.admission.origin.trusted_proxies import Network, Origin, is_in, origin_at
from relay.edge.causes import Cause, CauseCounts
from relay.edge.descriptors import MOST_LOGGING_IN
from relay.edge.limits import EdgeLimits
from relay.edge.pace import Pace
from relay.edge.passage import Passage, ServedDoor
from relay.edge.quiet_lines import QuietLines
from relay.edge.shares import ShareLimits, Shares
from relay.edge.wire import BUFFER_BYTES
from relay.settings.values import split_address

_log = structlog.get_logger(__name__)
_BACKLOG = 1024
_AT_A_TIME = 4
"""connections accepted before other work of the loop has its turn"""
_UNANSWERED = 4
"""connections that are not answered yet, each of them a handshake's work; the next wait in order, and none runs out of time there"""
_HANDSHAKING_THREADS = 1
"""one for the step that signs: two would keep both cores of a small machine from the orders"""
_PAUSE_SECONDS = 0.2
_LOOK_SECONDS = 0.02
_LAST_WORDS_SECONDS = 1.0
"""how long terminals may take to read them and to hang up, before a socket with bytes that nobody read resets them away"""
_LONGEST_TURN_SECONDS = 0.05
"""so that one who comes while others wait is seen in time"""
_NONE_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(eq=False, slots=True)
class _Listening:
    """One address that is listened at."""

    address: str
    """as the settings have it"""
    socket: socket.socket
    door: ServedDoor


class Edge:
    """All connections of the terminal service."""

    def __init__(self, limits: EdgeLimits, known: Callable[[str], bool]) -> None:
        """`known` says whether an investor has logged in from a place before."""
        self.limits = limits
        self.writes_header: Sequence[Network] = ()
        """the peers that begin with a PROXY header; all others must not"""
        self.carries_many: Sequence[Network] = ()
        self.known = known
        self.counts = CauseCounts()
        self.lines = QuietLines()
        self.buffer = memoryview(bytearray(BUFFER_BYTES))
        self.passages: set[Passage] = set()
        self._shares: Shares[Passage] = Shares(limits.strangers)
        self._logging_in: Shares[Passage] = Shares(limits.logging_in)
        self._pace: Pace[Passage] = Pace(limits.pace)
        self._carrying: set[Passage] = set()
        self._unanswered: set[Passage] = set()
        self._loop = asyncio.get_running_loop()
        self._turns: asyncio.TimerHandle | None = None
        self._listening: list[_Listening] = []
        self._handed: dict[str, ServedDoor] = {}
        """behind each address that the supervisor listens at"""
        self.handshakes = ThreadPoolExecutor(_HANDSHAKING_THREADS, "tls handshake")
        self._pause: asyncio.TimerHandle | None = None
        self.inherited: dict[str, socket.socket] = {}
        """listening sockets that another process opened, by address"""

    @property
    def strangers(self) -> int:
        """Connections on which nothing was proved yet."""
        return len(self._shares)

    @property
    def waiting(self) -> int:
        """Connections that wait for their turn."""
        return len(self._pace)

    @property
    def with_session(self) -> int:
        """Connections with a terminal session on them."""
        return sum(passage.sessions > 0 for passage in tuple(self.passages))

    @property
    def proved(self) -> int:
        """Connections on which a terminal has proved itself and has no session yet."""
        return sum(passage.is_proved and not passage.sessions for passage in tuple(self.passages))

    @property
    def logging_in(self) -> int:
        """Connections between proof and session, as they are counted."""
        return len(self._logging_in)

    async def start(self, address: str, door: ServedDoor) -> int:
        """Listen at `address`, and let what comes in at this door; returns the port. Raises OSError. For several addresses."""
        host, port = split_address(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = self.inherited.pop(address, None)
        if listening is None:
            found = await self._loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
            listening = socket.create_server(
                found[0][4][:2],
                family=family,
                backlog=_BACKLOG,
                dualstack_ipv6=host == "::",  # as servers of gRPC do
            )
        listening.setblocking(False)
        at = _Listening(address, listening, door)
        self._listening.append(at)
        self._loop.add_reader(listening, self._accept, at)
        return int(listening.getsockname()[1])

    def serve_handed(self, key: str, door: ServedDoor) -> None:
        """Let connections that another process accepts at the address `key` in at this door."""
        self._handed[key] = door

    def take_handed(self, connection: socket.socket, key: str) -> None:
        """One of them."""
        door = self._handed.get(key)
        try:
            address = connection.getpeername() if door is not None else None
        except OSError:  # gone already
            address = None
        if door is None or address is None:
            connection.close()
            return
        self._take(connection, address, door)

    def listening_at(self) -> dict[str, socket.socket]:
        """The listening sockets, by address: for a process that takes them over."""
        return {at.address: at.socket for at in self._listening}

    def pause(self) -> None:
        """Accept nothing for now; who comes waits in the kernel's queue."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        for at in self._listening:
            self._loop.remove_reader(at.socket)

    def go_on(self) -> None:
        """Accept again."""
        self._accept_again()

    def close(self) -> None:
        """Take no more connections; those there are go on. Idempotent."""
        self._handed.clear()
        if self._pause is not None:
            self._pause.cancel()
        for at in self._listening:
            self._loop.remove_reader(at.socket)
            at.socket.close()
        self._listening.clear()

    async def leave(self, seconds: float) -> None:
        """Let connections open no more streams, and those streams end that there are, within this time; the last words are read."""
        until = self._loop.time() + seconds
        for passage in tuple(self.passages):
            passage.go_away()
        while any(passage.calls for passage in self.passages) and self._loop.time() < until:  # noqa: ASYNC110 - of many
            await asyncio.sleep(_LOOK_SECONDS)
        until = min(until, self._loop.time() + _LAST_WORDS_SECONDS)
        while self.passages and self._loop.time() < until:  # noqa: ASYNC110 - of many
            await asyncio.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """End what is left; idempotent."""
        self.close()
        self.handshakes.shutdown(wait=False, cancel_futures=True)
        self._unanswered.clear()
        for passage in tuple(self.passages):
            passage.end()
        if self._turns is not None:
            self._turns.cancel()
        self.lines.sum_up()

    def take_limits(self, limits: EdgeLimits) -> None:
        """These hold from the next connection on."""
        self.limits = limits
        self._shares.limits = limits.strangers
        if limits.pace != self._pace.limits:
            self._pace.take_limits(limits.pace)

    # What a passage asks --------------------------------------------------------------------------------------

    def take_place(self, passage: Passage) -> bool:
        """Count it among the strangers; false where it is refused."""
        self.leave_place(passage)
        if passage.carries_many:
            if len(self._carrying) >= self.limits.carrying_many:
                passage.refuse(Cause.FULL)
                return False
            self._carrying.add(passage)
            return True
        gives_way = self._shares.enter(passage, passage.place, known=passage.known)
        if gives_way is None:
            passage.refuse(self._why_full(passage.place))
            return False
        for other in gives_way:
            other.cut(Cause.GAVE_WAY)
        return True

    def log_in(self, passage: Passage) -> None:
        """It has proved itself and has no session yet; where there are too many, the fullest address gives one up."""
        self.leave_place(passage)
        most = min(MOST_LOGGING_IN, self.limits.logging_in.total + self._left_by_sessions)
        self._logging_in.limits = ShareLimits(most, most)
        gives_way = self._logging_in.enter(passage, passage.place, known=passage.known)
        for other in [passage] if gives_way is None else gives_way:
            other.cut(Cause.LOGGING_IN)

    @property
    def _left_by_sessions(self) -> int:
        """Connections that sessions may have and do not, beside one that logs in now: a thousand that log in become them."""
        others = len(self._shares) + len(self._logging_in) + len(self._carrying) + 1
        return max(0, self.limits.sessions - (len(self.passages) - others))

    def leave_place(self, passage: Passage) -> None:
        """It has a session, holds another place, or is over."""
        self._shares.leave(passage)
        self._logging_in.leave(passage)
        self._carrying.discard(passage)

    def ask_turn(self, passage: Passage) -> None:
        """Let it go on when it is its turn."""
        if passage.carries_many:
            passage.go_on()
            return
        self._pace.ask(passage, passage.place, known=passage.known)
        if self._has_room and (self._turns is None or self._pace.is_ready(passage.place, self._loop.time())):
            self._give_turns()

    @property
    def _has_room(self) -> bool:
        return len(self._unanswered) < _UNANSWERED

    def answered(self, passage: Passage) -> None:
        """Most of a handshake's work is done, or it is over."""
        if passage in self._unanswered:
            self._unanswered.discard(passage)
            if self._pace and self._turns is None:  # not at once: one whose turn fails at its start comes here, too
                self._turns = self._loop.call_later(0, self._give_turns)

    def left(self, passage: Passage) -> None:
        """It is over."""
        self.passages.discard(passage)
        self._pace.leave(passage)
        self.leave_place(passage)
        self.answered(passage)

    def _give_turns(self) -> None:
        if self._turns is not None:
            self._turns.cancel()
            self._turns = None
        while self._has_room and (passage := self._pace.next(self._loop.time())) is not None:
            self._unanswered.add(passage)
            passage.go_on()
        wait = self._pace.wait(self._loop.time()) if self._has_room else None
        if wait is not None:
            self._turns = self._loop.call_later(min(max(wait, 0.001), _LONGEST_TURN_SECONDS), self._give_turns)

    # The accept loop ------------------------------------------------------------------------------------------

    def _accept(self, at: _Listening) -> None:
        for _ in range(_AT_A_TIME):
            if at not in self._listening:
                return
            try:
                connection, address = at.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NONE_LEFT:
                    self._none_left(error)
                    return
                continue  # this one was gone before it was taken
            self._take(connection, address, at.door)

    def _take(self, connection: socket.socket, address: Sequence[object], door: ServedDoor) -> None:
        try:
            peer = origin_at(ipaddress.ip_address(str(address[0]).partition("%")[0]), int(str(address[1])))
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, ValueError, IndexError):  # gone already
            connection.close()
            return
        writes_header = is_in(peer.ip, self.writes_header)
        is_proxy = writes_header or is_in(peer.ip, self.carries_many)
        if not is_proxy and self._shares.refuses(peer.place, known=self.known(peer.place)):
            self._refuse_at_once(connection, peer)
            return
        passage = Passage(self, connection, peer, door)
        self.passages.add(passage)
        if writes_header or self.take_place(passage):
            passage.begin()

    def _refuse_at_once(self, connection: socket.socket, peer: Origin) -> None:
        """A flood costs an accept and a close for each, and nothing else."""
        connection.close()
        cause = self._why_full(peer.place)
        self.counts.add(cause)
        self.lines.say("connection_refused", peer.place, cause=cause.name.lower(), peer=str(peer.ip), why="")

    def _why_full(self, place: str) -> Cause:
        return Cause.PLACE_FULL if self._shares.held_at(place) >= self.limits.strangers.at_place else Cause.FULL

    def _none_left(self, error: OSError) -> None:
        """No descriptors: let one connection go, and wait a little for the others."""
        self.lines.say("connections_not_accepted", "", why=error.strerror or "", advice="raise the limit of open files")
        held = max(self._shares, self._logging_in, key=len)
        if held:
            held.fullest().cut(Cause.GAVE_WAY if held is self._shares else Cause.LOGGING_IN)
        for at in self._listening:
            self._loop.remove_reader(at.socket)
        if self._listening and self._pause is None:
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._accept_again)

    def _accept_again(self) -> None:
        self._pause = None
        for at in self._listening:
            self._loop.add_reader(at.socket, self._accept, at)
