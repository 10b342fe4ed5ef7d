"""A worker's end of the socket to its supervisor: connections come in over it, and how much room there is goes out.

The supervisor alone listens, and gives each connection to one of its workers as an open descriptor, before a byte of it is
read. From there on it is as if it had been accepted here. A packet to the worker has a letter: `CONNECTION` and the key of the
address that was listened at, with one descriptor; `TOLD` and what another worker said; or `SUCCEEDED`, before the end that follows, where other workers serve
already. A packet from the worker has one as
well: `ROOM` and a `Room`; or `TOLD` and what all others are to hear. What finds the socket full is lost: nothing waits for it.

The end of the socket is the supervisor's end. A thread waits for that, and not the loop alone: a worker whose loop does
not go on ends as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

LONGEST_PACKET: Final = 4096
CONNECTION, ROOM, TOLD, SUCCEEDED = b"C", b"R", b"T", b"S"
_LOOK_SECONDS = 0.1
_AT_A_TIME = 16
_FAREWELL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker says of itself."""

    taken: int
    """connections it was handed since it started"""
    room: int
    """sessions it has room for, less the connections that may become one"""
    ready: bool
    """whether a login can succeed"""

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, packet: bytes) -> Room:
        return cls(**json.loads(packet))


class HandedConnections:
    """For the loop, but for the thread that waits for the supervisor's end."""

    def __init__(
        self,
        connection: socket.socket,
        ports: Mapping[str, int],
        supervisor: int,
        number: int = 1,
        of: Mapping[int, Path] | None = None,
    ) -> None:
        """`ports` are those that the supervisor listens at, by the key of the setting; `supervisor` is its process.

        `number` begins this worker's tokens; `of` are the sockets at which each takes streams of its sessions from the others.
        """
        self.ports = ports
        self.succeeded = False
        """whether other workers serve at these ports already"""
        self.number = number
        self.of = of or {}
        self.supervisor = supervisor
        self._orphaned = self._leaving = False
        self._longest = _FAREWELL_SECONDS
        """the end in order may take from here on"""
        self._connection = connection
        self._connection.setblocking(False)
        self.hear: Callable[[bytes], object] = lambda _: None
        """called with what another worker tells"""
        self._take: Callable[[socket.socket, str], object] = _close
        self._room: Callable[[], tuple[int, bool]] = lambda: (0, False)
        self._taken = 0
        self._said: Room | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watcher = threading.Thread(target=self._wait_for_the_end, name="supervisor's end", daemon=True)

    def watch(self) -> None:
        """From here on this process ends when the supervisor has: SIGTERM to itself, and in the end SIGKILL."""
        self._watcher.start()

    def start(self, take: Callable[[socket.socket, str], object], room: Callable[[], tuple[int, bool]]) -> None:
        """Give `take` each connection with the key of its address; `room` says for how many there is some, and if it is ready."""
        self._take, self._room = take, room
        asyncio.get_running_loop().add_reader(self._connection, self._readable)
        self._look()

    def new_token(self, size: int) -> bytes:
        """A session's token; it names this worker."""
        return bytes([self.number]) + secrets.token_bytes(size - 1)

    def owner_of(self, token: bytes) -> Path | None:
        """Where the session of this token is, if that is at another worker."""
        number = token[0] if token else 0
        return self.of.get(number) if number != self.number else None

    def leave(self, drain_seconds: float) -> float:
        """The end in order begins; returns how long terminals may take to leave: without a supervisor no time."""
        self._leaving = True
        if self._orphaned:
            return 0.0
        self._longest += drain_seconds
        return drain_seconds

    def stop(self) -> None:
        """Take no more; the supervisor hears that there is no room. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._say(Room(self._taken, 0, ready=False))
        self._take = _close

    def tell(self, what: bytes) -> None:
        """Let the other workers hear it."""
        with contextlib.suppress(OSError):
            self._connection.send(TOLD + what)

    def _readable(self) -> None:
        for _ in range(_AT_A_TIME):
            try:
                packet, descriptors, _, _ = socket.recv_fds(self._connection, LONGEST_PACKET, 1)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                packet, descriptors = b"", []
            if not packet:  # the thread sees it too
                asyncio.get_running_loop().remove_reader(self._connection)
                return
            if packet[:1] == TOLD:
                self.hear(packet[1:])
            elif packet[:1] == SUCCEEDED:
                self.succeeded = True
            self._taken += len(descriptors)
            for descriptor in descriptors:
                self._take(socket.socket(fileno=descriptor), packet[1:].decode())

    def _look(self) -> None:
        room, ready = self._room()
        self._say(Room(self._taken, room, ready))
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def _say(self, room: Room) -> None:
        if room == self._said:
            return
        with contextlib.suppress(OSError):  # full, or gone: said again at the next look
            self._connection.send(ROOM + room.packed())
            self._said = room

    def _wait_for_the_end(self) -> None:
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        poll.poll()
        self._orphaned = True
        if not self._leaving:  # a second one would end it at once
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(self._longest)
        os.kill(os.getpid(), signal.SIGKILL)


def _close(connection: socket.socket, _: str) -> None:
    connection.close()
