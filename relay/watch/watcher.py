"""Looks at each thing again and again, each on its own period and thread, so that one that hangs holds up no other."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import FrameType
from typing import Any

import structlog

from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_STUCK_SECONDS = 2.0
"""a loop that is silent for so long serves no terminal: an answer to a terminal takes milliseconds"""
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at."""

    name: str
    look: Callable[[], object]
    """blocks; begins and ends the faults it finds"""
    seconds: Callable[[], float]
    """between two looks, asked after each"""
    patience: float = 10.0
    """how long one look may take"""
    too_long: Callable[[str], object] = lambda _: None
    """called where it takes longer, with how long"""


class Watcher:
    """The checks of one process, until `stop`."""

    def __init__(self) -> None:
        self._tasks = Tasks()

    def start(self, check: Check) -> None:
        """Look at once, and then again and again."""
        self._tasks.start(self._repeat(check), f"watch {check.name}")

    def start_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """The same for something that looks by itself, on the loop."""
        self._tasks.start(work, f"watch {name}")

    async def stop(self) -> None:
        """Look no more; what a thread still waits for is left to it."""
        await self._tasks.cancel()

    async def _repeat(self, check: Check) -> None:
        loop = asyncio.get_running_loop()
        while True:
            looking = loop.run_in_executor(None, check.look)
            done, _ = await asyncio.wait({looking}, timeout=check.patience)
            if not done:
                check.too_long(f"no answer within {check.patience:g} s")
            try:
                await looking
            except Exception:  # noqa: BLE001 - the next look may go better, and the others go on
                _log.exception("check_failed", check=check.name)
            await asyncio.sleep(check.seconds())


class LoopWatch:
    """A thread that asks the event loop to answer, and says where it stands when it does not."""

    def __init__(self, loop: asyncio.AbstractEventLoop, faults: Faults, seconds: float = _STUCK_SECONDS) -> None:
        """To be made on the loop's thread. `seconds` is how long it may be silent."""
        self._loop = loop
        self._faults = faults
        self._seconds = seconds
        self._loops_thread = threading.get_ident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loop watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; does not wait for the thread."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._seconds / 2):
            heard = threading.Event()
            try:
                self._loop.call_soon_threadsafe(heard.set)
            except RuntimeError:
                return  # the loop is closed
            if not heard.wait(self._seconds) and not self._over.is_set():
                self._faults.begin(Fault.LOOP_STUCK, f"no answer within {self._seconds:g} s", where=self._where())
                heard.wait()
            self._faults.end(Fault.LOOP_STUCK)

    def _where(self) -> list[str]:
        """The innermost calls of the loop's thread: files, lines and names, no values."""
        frame: FrameType | None = sys._current_frames().get(self._loops_thread)  # noqa: SLF001 - documented, for this
        stack = traceback.extract_stack(frame)[-_DEEPEST:] if frame is not None else []
        return [f"{found.filename.rpartition('/')[2]}:{found.lineno} {found.name}" for found in stack]
