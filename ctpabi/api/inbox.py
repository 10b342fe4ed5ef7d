"""The one thread crossing: items put by foreign threads, taken by the event loop.

The loop is woken once per burst, not once per item: `call_soon_threadsafe` for every item was measured at a
fifth to a seventh of the rate.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """FIFO from one foreign thread into the loop; `on_burst` runs on the loop with everything that waited."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_burst: Callable[[list[T]], None], limit: int) -> None:
        self._loop = loop
        self._on_burst = on_burst
        self._items: deque[T] = deque()
        self._limit = limit
        self._woken = False
        self.overflowed = False
        """set when more than `limit` items waited: what came after was dropped, the session must be renewed"""

    def put(self, item: T) -> None:
        """Called on the foreign thread; never blocks it, since a blocked API thread misses its heartbeats."""
        if len(self._items) >= self._limit:
            self.overflowed = True
        else:
            self._items.append(item)
        # The flag is read after the append and cleared before the drain, so that no item is left behind.
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:  # the loop is closed: the process is going down and nobody listens any more
                self._items.clear()

    def _drain(self) -> None:
        self._woken = False
        # Taken one by one from the same deque: swapping it would lose what a thread is just appending.
        self._on_burst([self._items.popleft() for _ in range(len(self._items))])
