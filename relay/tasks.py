"""Background tasks with an owner: named, kept, and never lost without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Tasks:
    """The background tasks of one object; the object's owner cancels them all at its end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` in the background; what it raises is logged under `name`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def finish(self, work: Coroutine[Any, Any, _T], name: str) -> _T:
        """What `work` returns or raises; whoever waits for it may be cancelled, and it goes on to its end."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._done)  # what it raises from here on has no other reader
            raise

    async def cancel(self) -> None:
        """Cancel everything that runs, but for the task that asks, and wait until it has ended.

        Where the one that waits is cancelled meanwhile, they are not cancelled a second time: they may be cleaning up.
        """
        others = self._running - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)

    async def over(self) -> None:
        """Wait until everything that runs has ended by itself."""
        while self._running:
            await asyncio.wait(self._running)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task_died", task=task.get_name(), exc_info=error)
