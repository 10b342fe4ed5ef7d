"""The thread a session lives on: vn.py calls from many threads, and none of these calls may wait."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

from vnpy_relay.session import GatewaySession

STOP_SECONDS = 5.0
"""a logout takes milliseconds; a relay that does not answer keeps no program open"""


class SessionThread:
    """Runs one session from its login to its end."""

    def __init__(self, session: GatewaySession, after: SessionThread | None = None) -> None:
        """`after`: the session that this one replaces; it is logged out first."""
        self.session = session
        self._after = after
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._main, name="vnpy-relay", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive() and not self._is_stopped

    def post(self, function: Callable[..., None], *arguments: Any) -> bool:
        """Call it on the session's thread, in the order of these calls; False where the session has ended."""
        with self._lock:
            if self._loop is None or self._is_stopped:
                return False
            self._loop.call_soon_threadsafe(function, *arguments)
            return True

    def stop(self) -> None:
        """Log out and end; does not wait for it."""
        with self._lock:
            self._is_stopped = True
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)

    def join(self, seconds: float = STOP_SECONDS) -> None:
        """Wait for its end; not for ever."""
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join(seconds)

    def _main(self) -> None:
        if self._after is not None:
            self._after.join()
            self._after = None
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        with self._lock:
            if self._is_stopped:
                return
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            await self.session.run()
        finally:
            with self._lock:
                self._loop = self._task = None
