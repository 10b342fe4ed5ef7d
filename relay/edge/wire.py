"""The socket of one connection with its TLS: what is inside the records comes out, what is to go is sealed and sent.

The dear step of a handshake, which signs, is taken by a thread; meanwhile nothing is read. What does not fit into the socket
waits in `_left`, and its owner hears that the road is blocked and begins nothing new. So it is bounded by one message,
and by answers to pings and settings, which have a bound of their own.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, Protocol

from relay.edge.causes import Cause
from relay.edge.tls import TlsEnd, TlsWrong

BUFFER_BYTES: Final = 64 * 1024
_MOST_LEFT: Final = 512 * 1024
"""bytes that wait for the socket"""
_MOST_DROPPED: Final = 256 * 1024
"""bytes that the terminal may still send when the relay has left"""
_SILENCE_SECONDS: Final = 20.0
_SIGN_OF_LIFE_SECONDS: Final = 10.0
_LATE_SECONDS: Final = 1.0
"""after so long it is asked for a sign of life, and has so long to give one"""


class WireOwner(Protocol):
    """Who is told."""

    def took(self, size: int) -> float:
        """So many bytes came; for how many seconds no more are read. May close the wire."""

    def answered(self) -> None:
        """The relay's step is taken: the next is the terminal's."""

    def agreed(self) -> None:
        """TLS is agreed on, where there is some. `received` follows."""

    def received(self, data: bytes) -> None:
        """What came; at once after `agreed`, also where nothing did, so that both are answered together."""

    def blocked(self) -> None:
        """The socket takes no more for now."""

    def unblocked(self) -> None: ...

    def wrong(self, cause: Cause, why: str) -> None:
        """It cannot go on."""

    def end(self) -> None:
        """The other side is gone."""


class Wire:
    """For the loop, which it never holds: the socket is non-blocking."""

    def __init__(self, owner: WireOwner, connection: socket.socket, buffer: memoryview) -> None:
        """`buffer` may be shared: nothing stays in it."""
        self._owner = owner
        self._socket = connection
        self._buffer = buffer
        self._loop = asyncio.get_running_loop()
        self._tls: TlsEnd | None = None
        self._left = b""
        self._dropped = 0
        self._closed = self._leaves = False
        self._pause: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        self._silence: asyncio.TimerHandle | None = None

    @property
    def certificate(self) -> bytes | None:
        """What the terminal showed, DER."""
        return self._tls.certificate if self._tls is not None else None

    def start(self, first: bytes, context: ssl.SSLContext | None, handshakes: Executor) -> None:
        """Go on after the first bytes."""
        if context is None:
            self._owner.answered()
            self._owner.agreed()
            self._loop.add_reader(self._socket, self._readable)
            self._owner.received(first)
            return
        self._tls = TlsEnd(context)
        self._tls.give(first)
        self._loop.run_in_executor(handshakes, self._tls.agree).add_done_callback(self._answer)

    def send(self, data: bytes) -> None:
        """Seal it and send it."""
        self._put(data if self._tls is None else self._tls.sealed(data))

    def look_for_life(self, ask: Callable[[], object], due: float = 0.0) -> None:
        """From here on: where nothing comes for a while, `ask`; where nothing comes then either, it is over.

        `due` is when this look was to be. One that comes late says that this machine stood still: the terminal is asked anew.
        """
        now = self._loop.time()
        silent, is_late = now - self._heard_at, bool(due) and now - due > _LATE_SECONDS
        if silent >= _SILENCE_SECONDS + _SIGN_OF_LIFE_SECONDS and not is_late:
            self._owner.end()
            return
        wait = _SILENCE_SECONDS - silent
        if wait <= 0:
            ask()
            wait = _SIGN_OF_LIFE_SECONDS
        self._silence = self._loop.call_later(wait, self.look_for_life, ask, now + wait)

    def leave(self) -> None:
        """Send what is left, say that no more comes, in TLS and below it, and drop what the terminal still sends."""
        if self._tls is not None:
            self._put(self._tls.farewell())
        self._leaves = True
        self._read_no_more()
        if not self._left:
            self._shut()

    def close(self, *, reset: bytes | None = None) -> None:
        """At once; idempotent. `reset` is the value of SO_LINGER that lets the kernel throw away what is left."""
        if self._closed:
            return
        self._closed = True
        self._read_no_more()
        self._loop.remove_writer(self._socket)
        self._left = b""
        if reset is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        self._socket.close()

    # What comes -----------------------------------------------------------------------------------------------

    def _answer(self, step: asyncio.Future[None]) -> None:
        """The first step of the handshake is taken; the next is the terminal's."""
        wrong = None if step.cancelled() else step.exception()
        if self._closed or self._tls is None:
            return
        self._owner.answered()  # also where there is nothing to say: it holds no place while it is waited for
        self._put(self._tls.to_send())
        if wrong is not None:
            self._owner.wrong(Cause.HANDSHAKE, str(wrong))
        else:
            self._loop.add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        try:
            size = self._socket.recv_into(self._buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            size = 0
        if not size:
            self._owner.end()
            return
        pause = self._owner.took(size)
        if self._closed:
            return
        if pause:
            self._loop.remove_reader(self._socket)
            self._pause = self._loop.call_later(pause, self._read_on)
        self._heard_at = self._loop.time()
        if self._tls is None:
            self._owner.received(bytes(self._buffer[:size]))
        else:
            self._open(self._tls, self._buffer[:size])

    def _read_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._readable)

    def _open(self, tls: TlsEnd, records: memoryview) -> None:
        tls.give(records)
        cause, begins = Cause.BROKEN if tls.agreed else Cause.HANDSHAKE, not tls.agreed
        try:
            if begins and not self._agree(tls):
                return
            data = tls.opened()
        except TlsWrong as wrong:
            self._put(tls.to_send())  # it is told why
            self._owner.wrong(cause, str(wrong))
            return
        self._put(tls.to_send())
        if data or begins:
            self._owner.received(data)
        if tls.ended:
            self._owner.end()

    def _agree(self, tls: TlsEnd) -> bool:
        tls.agree()
        self._put(tls.to_send())
        if not tls.agreed:
            return False
        if tls.protocol != "h2":
            raise TlsWrong("it does not offer HTTP/2 (ALPN h2)")
        self._owner.agreed()
        return True

    # What goes ------------------------------------------------------------------------------------------------

    def _put(self, data: bytes) -> None:
        """Into the socket, as far as it takes it; its owner hears of an end later, not inside of what it has to send."""
        if not data or self._closed:
            return
        if self._left:
            self._left += data
            if len(self._left) > _MOST_LEFT:
                self._loop.call_soon(self._owner.wrong, Cause.UNREAD, "it reads nothing and asks on")
            return
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._loop.call_soon(self._owner.end)
            return
        if sent < len(data):
            self._left = data[sent:]
            self._loop.add_writer(self._socket, self._writable)
            self._owner.blocked()

    def _writable(self) -> None:
        try:
            sent = self._socket.send(self._left)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._owner.end()
            return
        self._left = self._left[sent:]
        if self._left:
            return
        self._loop.remove_writer(self._socket)
        if self._leaves:
            self._shut()
        else:
            self._owner.unblocked()

    # The end --------------------------------------------------------------------------------------------------

    def _read_no_more(self) -> None:
        self._loop.remove_reader(self._socket)
        for timer in (self._pause, self._silence):
            if timer is not None:
                timer.cancel()

    def _shut(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._owner.end()
            return
        self._loop.add_reader(self._socket, self._drop)

    def _drop(self) -> None:
        try:
            size = self._socket.recv_into(self._buffer)
            self._dropped += size
            if size and self._dropped < _MOST_DROPPED:
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass
        self._owner.end()
