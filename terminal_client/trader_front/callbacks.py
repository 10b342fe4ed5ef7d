"""The thread on which the callbacks of one front run, one after the other, so that a slow one keeps nothing else waiting."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

from ctpabi.api.spi import Put, RawEvent

log = logging.getLogger(__name__)
_END: Final = None


class CallbackThread:
    """Runs `put` with what is offered, in that order. Its queue has a bound; what is over it is refused."""

    def __init__(self, put: Put, capacity: int, failed: Callable[[BaseException], None] | None = None) -> None:
        """`failed` gets what `put` raised; without it that is logged, and the next callback comes."""
        self._put = put
        self._capacity = capacity
        self._failed = failed
        self._items: queue.SimpleQueue[RawEvent | None] = queue.SimpleQueue()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="ctp-callbacks", daemon=True)
        self._thread.start()

    def offer(self, item: RawEvent, *, always: bool = False) -> bool:
        """Queue one callback; False where the queue is full. `always` is for what must not be missing."""
        if not always and self._items.qsize() >= self._capacity:
            return False
        self._items.put(item)
        return True

    def end(self) -> None:
        """Let the callback that runs come to its end and begin no other."""
        self._ended = True
        self._items.put(_END)

    def join(self, seconds: float) -> None:
        """Wait for its end, at most so long; nothing on the thread itself, where a callback releases its API."""
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)

    def _run(self) -> None:
        while (item := self._items.get()) is not _END and not self._ended:
            try:
                self._put(item)
            except BaseException as error:
                if self._failed is None:
                    log.exception("a callback raised")
                else:
                    self._failed(error)
