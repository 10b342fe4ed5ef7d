"""Bounded queues between the session's reader and the program that reads the notices.

The reader never waits for a slow consumer. A queue that is full drops what does not fit, and the
consumer learns how much it lost as soon as it has read what was kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from terminal_client.errors import SlowConsumer, TerminalError

T = TypeVar("T")


class Subscription(Generic[T]):
    """An async iterator over what is offered to it; leaving `async with` or `close` ends it."""

    def __init__(self, capacity: int, forget: Callable[[Subscription[T]], None]) -> None:
        self.capacity = capacity
        self.lost = 0
        """dropped and not yet reported"""
        self._items: deque[T] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._error: TerminalError | None = None
        self._forget = forget

    def __len__(self) -> int:
        return len(self._items)

    def offer(self, item: T) -> None:
        """Queue `item`, or count it as lost."""
        # After a loss nothing is queued until the consumer knows: order and gap stay in the right place.
        if self.lost or len(self._items) >= self.capacity:
            self.lost += 1
        else:
            self._items.append(item)
        self._arrived.set()

    def end(self, error: TerminalError | None = None) -> None:
        """No more will come; the consumer still gets what is queued, then `error` where there is one."""
        self._ended, self._error = True, error
        self._arrived.set()

    def close(self) -> None:
        """The consumer is done."""
        self._items.clear()
        self.end()
        self._forget(self)

    def __aiter__(self) -> Subscription[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            if self._items:
                return self._items.popleft()
            if self.lost:
                lost, self.lost = self.lost, 0
                raise SlowConsumer(lost)
            if self._ended:
                error, self._error = self._error, None
                raise error if error is not None else StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()

    async def __aenter__(self) -> Subscription[T]:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()


class Feed(Generic[T]):
    """Offers each item to every subscription."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._subscriptions: list[Subscription[T]] = []
        self._ended = False

    def subscribe(self, capacity: int = 0) -> Subscription[T]:
        """A new subscription; it sees what is published from now on. 0 takes the feed's own capacity."""
        subscription = Subscription[T](capacity or self._capacity, self._forget)
        if self._ended:
            subscription.end()
        else:
            self._subscriptions.append(subscription)
        return subscription

    def publish(self, item: T) -> None:
        for subscription in self._subscriptions:
            subscription.offer(item)

    def end(self, error: TerminalError | None = None) -> None:
        """End every subscription, and every later one at once."""
        self._ended = True
        for subscription in self._subscriptions:
            subscription.end(error)
        self._subscriptions.clear()

    def _forget(self, subscription: Subscription[T]) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
