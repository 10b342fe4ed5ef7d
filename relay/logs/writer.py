"""Log lines on their way out: a thread of its own writes them, so that a reader who stops reading stops nothing else.

`put` never waits. What the reader does not take waits in memory up to a bound; beyond it lines are dropped and
counted. Lines of one kind are limited a second, because some kinds can be caused by anybody who can connect.
Whenever the queue has run empty the writer says how many lines are missing, and of which kinds.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

CAPACITY_BYTES = 4 * 1024 * 1024
BURST_LINES, LINES_PER_SECOND = 200, 10.0
_NOTE_SECONDS = 5.0
_CHUNK_LINES = 256


class LineLimit:
    """How many lines of each kind may be written: a burst, then some a second."""

    def __init__(self, clock: Callable[[], float], burst: int = BURST_LINES, rate: float = LINES_PER_SECOND) -> None:
        self._clock = clock
        self._burst = burst
        self._rate = rate
        self._room: dict[str, tuple[float, float]] = {}
        """kind -> (lines it may still write, when that was so)"""
        self._left_out: dict[str, int] = {}
        self._lock = threading.Lock()

    def admit(self, kind: str) -> bool:
        """Whether one more line of this kind may be written now; counts it where not."""
        now = self._clock()
        with self._lock:
            room, since = self._room.get(kind, (float(self._burst), now))
            room = min(float(self._burst), room + (now - since) * self._rate)
            admitted = room >= 1
            self._room[kind] = (room - 1 if admitted else room, now)
            if not admitted:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
        return admitted

    def take_left_out(self) -> Mapping[str, int]:
        """How many lines of which kinds were left out since this was last asked."""
        with self._lock:
            taken, self._left_out = self._left_out, {}
        return taken


class LineWriter:
    """A bounded queue of lines and the thread that writes them."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        notes: Callable[[int], Iterable[bytes]],
        *,
        capacity: int = CAPACITY_BYTES,
    ) -> None:
        """`notes` makes the lines that say what is missing, given how many lines were dropped; on the writer's thread."""
        self._write = write
        self._notes = notes
        self._capacity = capacity
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._closing = False
        self._unsaid = 0
        self.dropped = 0
        """lines that could not be written since the start"""
        # A daemon: one that is stuck in a write must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    def put_line(self, line: bytes) -> None:
        """Queue one line; dropped and counted where too much waits already."""
        with self._changed:
            if self._closing or self._size + len(line) > self._capacity:
                self._drop(1)
                return
            self._lines.append(line)
            self._size += len(line)
            self._changed.notify()

    def close(self, seconds: float) -> None:
        """Write what waits, for at most this long; idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._unsaid += count

    def _run(self) -> None:
        said_at = 0.0
        while True:
            with self._changed:
                if not self._lines and not self._closing:
                    self._changed.wait(_NOTE_SECONDS)
                lines = [self._lines.popleft() for _ in range(min(len(self._lines), _CHUNK_LINES))]
                self._size -= sum(map(len, lines))
                empty, closing = not self._lines, self._closing
                noting = empty and (closing or time.monotonic() - said_at > _NOTE_SECONDS)
                unsaid, self._unsaid = (self._unsaid, 0) if noting else (0, self._unsaid)
            if noting:
                said_at = time.monotonic()
                lines += self._notes(unsaid)
            self._write_out(lines)
            if empty and closing:
                return

    def _write_out(self, lines: list[bytes]) -> None:
        if not lines:
            return
        try:
            self._write(b"".join(lines))
        except (OSError, ValueError):  # the reader is gone, the disk is full, the stream is closed
            with self._changed:
                self._drop(len(lines))


def to_descriptor(descriptor: int) -> Callable[[bytes], None]:
    """Write to a file descriptor, past Python's own buffer: its lock would keep the process from ending."""

    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # the descriptor was handed over as non-blocking
                time.sleep(0.05)

    return write
