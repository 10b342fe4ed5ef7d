"""The recent events of one terminal session, numbered without gaps: what a terminal resumes from.

What is dropped at the limits is said to be lost when a terminal resumes from before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Replay:
    items: tuple[tuple[int, bytes], ...]
    """sequence and event, in order"""
    lost_history: bool
    """events between what the terminal has and the first item are no longer kept"""


class Journal:
    """Events by sequence, from 1; the oldest are dropped at the limits."""

    def __init__(self, *, items: int, size_bytes: int) -> None:
        """How much is kept for resuming."""
        self._most = items
        self._most_bytes = size_bytes
        self._kept: deque[bytes] = deque()
        self._bytes = 0
        self._last = 0

    @property
    def first_kept(self) -> int:
        """The oldest sequence that can still be replayed; the next one where none can."""
        return self._last - len(self._kept) + 1

    @property
    def kept(self) -> tuple[int, int]:
        """Events, and their bytes."""
        return len(self._kept), self._bytes

    def extend(self, events: Sequence[bytes]) -> int:
        """Keep events; returns the sequence of the first one, which the others follow."""
        kept, first = self._kept, self._last + 1
        self._last += len(events)
        kept += events
        for event in events:
            self._bytes += len(event)
        while len(kept) > self._most or (self._bytes > self._most_bytes and len(kept) > 1):
            self._bytes -= len(kept.popleft())
        return first

    def forget(self) -> None:
        """Nobody resumes any more."""
        self._kept.clear()
        self._bytes = 0

    def replay(self, after: int) -> Replay:
        """Everything later than sequence `after`. A sequence from the future is history of another session: lost."""
        if after > self._last:
            return Replay(self._from(self.first_kept), lost_history=True)
        first = max(after + 1, self.first_kept)
        return Replay(self._from(first), lost_history=first > after + 1)

    def _from(self, first: int) -> tuple[tuple[int, bytes], ...]:
        skip = first - self.first_kept
        return tuple(enumerate(islice(self._kept, skip, None), first))
