"""A private thread that runs the event loop, for the blocking form of what needs one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from terminal_client.subscriptions import Subscription

T = TypeVar("T")
_SETTLE_SECONDS = 1.0


class LoopThread:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="terminal-loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the loop and wait for it; interrupting the wait cancels the work."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` on the loop's thread and wait for it."""

        async def work() -> T:
            return function()

        return self.run(work())

    def begin(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Run `work` on the loop without waiting for it; canceling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call `function` on the loop's thread, after what was asked before; nothing where the loop has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        self.run(_settled())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class LoopCalls(Generic[T]):
    """Hands what any thread puts to a function on the loop's thread, in order; a burst wakes the loop once."""

    def __init__(self, thread: LoopThread, take: Callable[[T], object]) -> None:
        self._thread = thread
        self._take = take
        self._items: deque[T] = deque()
        self._is_due = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        # In this order: who finds the loop woken already has put its item before the loop looks.
        self._items.append(item)
        if not self._is_due:
            self._is_due = True
            self._thread.call_soon(self._take_all)

    def _take_all(self) -> None:
        self._is_due = False
        while self._items:
            self._take(self._items.popleft())


async def _settled() -> None:
    """Wait for what still runs, such as the last steps of a connection's end; a loop that is closed over it complains."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=_SETTLE_SECONDS)


class SyncSubscription(Generic[T]):
    """A blocking iterator over notices; see `Subscription`."""

    def __init__(self, thread: LoopThread, subscription: Subscription[T]) -> None:
        self._thread = thread
        self._subscription = subscription

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            return self.next()
        except StopAsyncIteration:
            raise StopIteration from None

    def next(self, timeout_seconds: float | None = None) -> T:
        """The next notice. TimeoutError after `timeout_seconds`; SlowConsumer; StopAsyncIteration at the end."""

        async def wait() -> T:
            async with asyncio.timeout(timeout_seconds):
                return await anext(self._subscription)

        return self._thread.run(wait())

    def close(self) -> None:
        self._thread.call(self._subscription.close)
