"""The one crossing from a vendor thread into the event loop.

Theory of operation
-------------------
`put` runs on one vendor thread, `_drain` on the loop. They share a deque and a flag, and no lock: an append and a
popleft of a deque are atomic.

* The loop is woken once for a burst, not once for each item: `call_soon_threadsafe` for every item was measured at a
  fifth to a seventh of the rate. `_woken` says that a wake-up is on its way.
* `put` appends before it reads the flag; `_drain` clears the flag before it reads the deque. So an item that arrives
  while the deque is emptied is either taken by this drain or wakes the loop again. None is left behind.
* At most `limit` items wait. A vendor thread cannot be made to wait, because its heartbeats would stop. What comes on
  top is dropped and `overflowed` is set for good. Order and completeness are then lost: the owner looks at
  `overflowed` after every burst, and must end or renew the connection.
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
        """set when more than `limit` items waited: items were dropped, the connection must be ended or renewed"""

    def put(self, item: T) -> None:
        """Called on the foreign thread; never blocks it, since a blocked API thread misses its heartbeats."""
        if len(self._items) >= self._limit:
            self.overflowed = True
        else:
            self._items.append(item)
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:  # the loop is closed: the process is going down and nobody listens any more
                self._items.clear()

    def close(self) -> None:
        """Nobody reads it any more: what waits is forgotten."""
        self._items.clear()

    def _drain(self) -> None:
        self._woken = False
        # Taken one by one from the same deque: swapping it would lose what a thread is just appending.
        self._on_burst([self._items.popleft() for _ in range(len(self._items))])
