"""What signals ask of the process: SIGINT and SIGTERM to drain, a second one to end at once, SIGHUP to reload, SIGUSR2 to be replaced."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable

SUCCEEDS = "CTP_RELAY_SUCCEEDS"
"""the variable by which a process that was asked to be replaced starts the next one"""
_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.asynccontextmanager
async def stop_asked(
    on_hangup: Callable[[], object],
    event: asyncio.Event | None = None,
    on_replace: Callable[[], object] = lambda: None,
) -> AsyncIterator[asyncio.Event]:
    """Set by the first SIGINT or SIGTERM; the second one is left to end the process. SIGHUP calls `on_hangup`, SIGUSR2 `on_replace`.

    `event` is what is set, where something else may set it too.
    """
    stop, loop = event or asyncio.Event(), asyncio.get_running_loop()

    def heard() -> None:
        stop.set()
        for number in _STOPPING:
            loop.remove_signal_handler(number)

    for number in _STOPPING:
        loop.add_signal_handler(number, heard)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    loop.add_signal_handler(signal.SIGUSR2, on_replace)
    yield stop
