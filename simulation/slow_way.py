"""A way for things in one direction: each takes its time, and none overtakes another."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SlowWay(Generic[T]):
    """FIFO; `deliver` runs in the receiver's context."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: contextvars.Context, deliver: Callable[[T], object]
    ) -> None:
        self._loop, self._context, self._deliver = loop, context, deliver
        self._on_way: deque[T] = deque()
        self._last = 0.0
        self.cut = False
        """what is on its way is lost"""

    def put(self, item: T, seconds: float) -> None:
        """It arrives in so many seconds, or when what went before it has."""
        self._last = max(self._last, self._loop.time() + seconds)
        self._on_way.append(item)
        self._loop.call_at(self._last, self._arrive, context=self._context)

    def _arrive(self) -> None:
        item = self._on_way.popleft()
        if not self.cut:
            self._deliver(item)
