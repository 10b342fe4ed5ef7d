"""The recent events of one terminal session, numbered without gaps: what a terminal resumes from.

A terminal that reads too slowly is told at the high mark and cut at the limit; it is never skipped silently.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """How much is kept for resuming, and how far a reader may fall behind."""

    items: int = 20_000
    size_bytes: int = 16 * 1024 * 1024
    lag_warn: int = 5_000
    """events not taken yet at which the terminal is told that it is slow"""
    lag_cut: int = 15_000
    """events not taken yet at which the stream is cut; the session stays for a resume"""


class Lag(Enum):
    """How a reader keeps up."""

    FINE = auto()
    SLOW = auto()
    CUT = auto()


@dataclass(frozen=True, slots=True)
class Replay:
    """What a resuming terminal gets."""

    items: tuple[tuple[int, bytes], ...]
    """sequence and event, in order"""
    lost_history: bool
    """events between what the terminal has and the first item are no longer kept"""


class Journal:
    """Events by sequence, from 1; the oldest are dropped at the limits."""

    def __init__(self, limits: JournalLimits) -> None:
        self._limits = limits
        self._kept: deque[bytes] = deque()
        self._bytes = 0
        self._last = 0
        self._taken = 0

    @property
    def last_sequence(self) -> int:
        """0 where nothing was written yet."""
        return self._last

    @property
    def first_kept(self) -> int:
        """The oldest sequence that can still be replayed; `last_sequence` + 1 where none can."""
        return self._last - len(self._kept) + 1

    def append(self, event: bytes) -> int:
        """Keep an event; returns its sequence."""
        self._last += 1
        self._kept.append(event)
        self._bytes += len(event)
        while len(self._kept) > self._limits.items or (self._bytes > self._limits.size_bytes and len(self._kept) > 1):
            self._bytes -= len(self._kept.popleft())
        return self._last

    def replay(self, after: int) -> Replay:
        """Everything later than sequence `after`. A sequence from the future is history of another session: lost."""
        if after > self._last:
            return Replay(self._from(self.first_kept), lost_history=True)
        first = max(after + 1, self.first_kept)
        return Replay(self._from(first), lost_history=first > after + 1)

    def taken(self, sequence: int) -> None:
        """The stream took everything up to `sequence`."""
        self._taken = max(self._taken, min(sequence, self._last))

    def resumed(self, after: int) -> None:
        """A new stream reads on from `after`, which may be earlier than what the old one took."""
        self._taken = max(0, min(after, self._last))

    @property
    def lag(self) -> Lag:
        """How far the reader is behind. What was dropped before it was taken always cuts."""
        behind = self._last - self._taken
        if behind >= self._limits.lag_cut or self._taken + 1 < self.first_kept:
            return Lag.CUT
        return Lag.SLOW if behind >= self._limits.lag_warn else Lag.FINE

    def _from(self, first: int) -> tuple[tuple[int, bytes], ...]:
        skip = first - self.first_kept
        return tuple(enumerate(islice(self._kept, skip, None), first))
