"""What waits to be written to one terminal stream: bounded, batched when there is a backlog, never delayed.

Who writes waits in `next_batch`. Where it waits, and has nothing left to do, a burst of events is written in its place, in the moment in
which it comes (`write_at_once`): a turn of the loop and a task's step cost more than the write. Where the terminal has no room, or the
writer is on its way to look, the writer writes. So messages are written in the order in which they were put, whichever of the two does it.

A terminal that stops reading costs at most `limit` bytes: then the backlog is dropped, the terminal gets a
last Goodbye, and the stream is cut. Its events stay in the session's journal, so that it may resume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from relay.lean_event import LeanEvent
from relay.sessions import frames
from relay.sessions.endings import Ending, EndKind
from relay.turns import LoopTurns

_BATCH_MESSAGES: Final = 256
_BATCH_BYTES: Final = 128 * 1024
SLOW_READER: Final = Ending(EndKind.SLOW_READER)


class Outbox:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._most_at_once = min(limit, _BATCH_BYTES)
        self._waiting: list[tuple[bytes, bytes]] = []
        """what each message begins with, its sequence say, and the rest, which many may share"""
        self._bytes = 0
        self._has_asked = False
        self._ready = LeanEvent()
        self.closed = False
        self._over: asyncio.Future[None] | None = None
        self.write_at_once: Callable[[bytes], bool] = lambda _: False
        """takes a batch that can be on its way at once; false where it cannot"""
        self.overrun = LeanEvent()
        """set when the terminal did not keep up: its stream is to be cut even if it never reads again"""

    @property
    def waiting(self) -> tuple[int, int]:
        """Messages, and their bytes, that wait to be written."""
        return len(self._waiting), self._bytes

    def put(self, message: bytes, beginning: bytes = b"", turns: LoopTurns | None = None) -> None:
        """Queue one message, to be written with what else is put in this round of the loop, or in its turn; ignored once closed."""
        if not self.closed:
            self._add([(beginning, message)])
            self._begin_in_turn(turns, self._ready.set)

    def put_burst(self, first: int, messages: Sequence[bytes], turns: LoopTurns | None = None) -> None:
        """Write messages, which get sequences from `first` on, and what was put before; now, or in their turn. Ignored once closed."""
        if not self.closed and not ((turns is None or turns.is_given) and self._write_alone(first, messages)):
            self._add([(frames.sequence(number), message) for number, message in enumerate(messages, first)])
            self._begin_in_turn(turns, self._write)

    def _write_alone(self, first: int, messages: Sequence[bytes]) -> bool:
        """At once where nothing is before them, and they are one batch; whether they were."""
        if self._waiting or not self._ready.is_waited_for or len(messages) > _BATCH_MESSAGES:
            return False
        batch = frames.numbered_batch(first, messages)
        return len(batch) <= self._most_at_once and self.write_at_once(batch)

    def _add(self, messages: Sequence[tuple[bytes, bytes]]) -> None:
        self._waiting += messages
        for beginning, message in messages:
            self._bytes += len(beginning) + len(message)
        if self._bytes > self._limit:
            self.overrun.set()
            self._waiting.clear()
            self._bytes = 0
            self.close(SLOW_READER)

    def _begin_in_turn(self, turns: LoopTurns | None, begin: Callable[[], object]) -> None:
        if turns is None:
            begin()
        elif not self._has_asked and not self._ready.is_set():
            self._has_asked = True
            turns.ask(self._turn_comes)

    def _turn_comes(self) -> None:
        self._has_asked = False
        self._write()

    def _write(self) -> None:
        """In the writer's place where it waits; what cannot be written is left to it."""
        while self._waiting:
            count, size = self._next()
            if not (self._ready.is_waited_for and self.write_at_once(frames.batch(self._waiting[:count]))):
                self._ready.set()
                break
            self._forget(count, size)

    def close(self, ending: Ending | None = None) -> None:
        """Nothing more will be put; what waits is still written, and a Goodbye last where there is an ending."""
        if self.closed:
            return
        if ending is not None:
            goodbye = frames.goodbye(ending)
            self._waiting.append((b"", goodbye))
            self._bytes += len(goodbye)
        self.closed = True
        if self._over is not None:
            self._over.set_result(None)
        self._ready.set()

    def when_over(self) -> asyncio.Future[None]:
        """Done when nothing more will be put; for one that waits."""
        self._over = asyncio.get_running_loop().create_future()
        if self.closed:
            self._over.set_result(None)
        return self._over

    async def next_batch(self) -> bytes | None:
        """One serialized RelayBatch with everything that waits, up to a batch's size; None at the end."""
        while not self._waiting:
            if self.closed:
                return None
            self._ready.clear()
            await self._ready.wait()
        count, size = self._next()
        batch = frames.batch(self._waiting[:count])
        self._forget(count, size)
        return batch

    def _next(self) -> tuple[int, int]:
        """How many messages the next batch has, and their bytes."""
        if len(self._waiting) <= _BATCH_MESSAGES and self._bytes <= _BATCH_BYTES:
            return len(self._waiting), self._bytes
        count = size = 0
        for beginning, rest in self._waiting[:_BATCH_MESSAGES]:
            count += 1
            size += len(beginning) + len(rest)
            if size >= _BATCH_BYTES:
                break
        return count, size

    def _forget(self, count: int, size: int) -> None:
        del self._waiting[:count]
        self._bytes -= size
