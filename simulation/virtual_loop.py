"""An event loop whose time jumps: when nothing is ready, it is the time of the next timer at once.

Callbacks run in the order in which asyncio runs them, because the relay's code relies on that order; a turn of the loop
takes a moment or none, as the seed says. A callback belongs
to the process whose context it was made in (`PROCESS`). `kill` leaves out every callback of a process from this moment on,
those that are waiting and those that are made later, and keeps its tasks from the collector until the run is over: a
process that was killed runs no `finally`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
import warnings
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from random import Random
from typing import Any, Protocol, TypeVarTuple, cast

PROCESS: contextvars.ContextVar[LoopProcess | None] = contextvars.ContextVar("PROCESS", default=None)
_GRID = 2048.0
"""moments a second: coarse, so that things often happen in the same turn of the loop, and a power of two, so that sums are exact"""
_TURNS = (0, 0, 0, 1)
"""moments that a turn of the loop takes: what arrives may come between any two turns of what is under way"""
_THREAD_SECONDS = 0.0005
"""how long what runs in a thread takes"""
_Ts = TypeVarTuple("_Ts")


class Stuck(Exception):
    """Nothing is ready and no timer is set: what is waited for can never come."""


class LoopProcess(Protocol):
    """Whose callbacks can be left out together."""

    killed: bool


class _Steps:
    """The two kinds of handles, made to count what they run."""

    _loop: VirtualLoop
    _cancelled: bool


class _Handle(asyncio.Handle):
    __slots__ = ()

    def _run(self) -> None:
        super()._run()
        cast("_Steps", self)._loop.stepped()


class _TimerHandle(asyncio.TimerHandle):
    __slots__ = ()

    def _run(self) -> None:
        super()._run()
        cast("_Steps", self)._loop.stepped()


class _NextTimer:
    """In the place of a selector: waiting is to move the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self._loop.now += timeout if timeout > 0 else self._loop.dice.choice(_TURNS) / _GRID
        return []

    def close(self) -> None:
        """Nothing is open."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: no sockets, no threads, one order."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.now = 0.0
        self.dice = Random(f"{seed}/turns")
        self.steps = 0
        self.on_step: Callable[[], None] = lambda: None
        """called after every callback"""
        self.faults: list[str] = []
        """what no code caught"""
        self._selector = _NextTimer(self)
        self._processes: weakref.WeakKeyDictionary[asyncio.Task[Any], LoopProcess | None] = weakref.WeakKeyDictionary()
        self._graveyard: list[asyncio.Task[Any]] = []
        self.set_exception_handler(self._fault)
        self.set_debug(enabled=False)

    def time(self) -> float:
        return self.now

    def stepped(self) -> None:
        """One callback ran."""
        self.steps += 1
        self.on_step()

    # What asyncio's own loop does, with handles that count ---------------------------------------------------------

    def _call_soon(self, callback: Any, args: Any, context: contextvars.Context | None) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        if _is_killed(handle):
            handle.cancel()
        else:
            self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = super().call_at(math.ceil(when * _GRID) / _GRID, callback, *args, context=context)
        handle.__class__ = _TimerHandle
        if _is_killed(handle):
            handle.cancel()
        return handle

    def create_task(self, coro: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Task[Any]:  # type: ignore[override]
        task = super().create_task(coro, **more)
        context = more.get("context")
        self._processes[task] = PROCESS.get() if context is None else context.get(PROCESS)
        return task

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], Any], *args: *_Ts
    ) -> asyncio.Future[Any]:
        """As in a thread that takes a moment."""
        del executor
        done: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - it belongs to the caller
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(result)

        self.call_later(_THREAD_SECONDS, work)
        return done

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no other thread."""

    def _fault(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.faults.append(f"{context['message']}: {error!r}" if error is not None else str(context["message"]))

    # Processes -----------------------------------------------------------------------------------------------------

    def kill(self, process: LoopProcess) -> None:
        """Nothing of this process happens any more."""
        process.killed = True
        self._graveyard += self.tasks_of(process)
        for handle in (*self._ready, *self._scheduled):  # type: ignore[attr-defined]
            if _is_killed(handle):
                handle.cancel()

    def tasks_of(self, process: LoopProcess) -> list[asyncio.Task[Any]]:
        """Its tasks that are not done, in the order of their names."""
        found = [task for task, of in self._processes.items() if of is process and not task.done()]
        return sorted(found, key=lambda task: task.get_name())

    def handles_of(self, process: LoopProcess) -> list[asyncio.Handle]:
        """Its callbacks and timers that wait."""
        waiting: tuple[asyncio.Handle, ...] = (*self._ready, *self._scheduled)  # type: ignore[attr-defined]
        return [handle for handle in waiting if not handle.cancelled() and _process_of(handle) is process]

    def bury(self) -> None:
        """The run is over: what was killed is taken apart, and nothing of it runs again."""
        for process in {of for of in self._processes.values() if of is not None}:
            process.killed = True
        left = [task for task in self._processes if not task.done()]
        for task in {*left, *self._graveyard}:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with warnings.catch_warnings(), contextlib.suppress(Exception, asyncio.CancelledError):
                warnings.simplefilter("ignore", RuntimeWarning)  # what its cleaning up would begin is not awaited
                task.get_coro().close()
        self._graveyard.clear()
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()  # type: ignore[attr-defined]
        self.close()


def _process_of(handle: asyncio.Handle) -> LoopProcess | None:
    context: contextvars.Context = handle._context  # type: ignore[attr-defined]
    return context.get(PROCESS)


def _is_killed(handle: asyncio.Handle) -> bool:
    process = _process_of(handle)
    return process is not None and process.killed
