"""One thread for the library's functions that may block: what is given to it is done in order, and answered in the loop."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class T2Worker:
    """A daemon thread: one that hangs in the library does not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], _T]) -> asyncio.Future[_T]:
        """Done after everything that was submitted before; what it raises is the future's."""
        future: asyncio.Future[_T] = self._loop.create_future()
        self._jobs.put((job, future))
        return future

    def stop(self) -> None:
        """After what was submitted; waits for nothing."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (found := self._jobs.get()) is not None:
            job, future = found
            try:
                result, error = job(), None
            except Exception as raised:  # noqa: BLE001 - it is the future's, in the loop
                result, error = None, raised
            # A loop that is closed has nothing left that waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_finish, future, result, error)


def _finish(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
