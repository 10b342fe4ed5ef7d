"""What signals ask of the process: SIGINT and SIGTERM to drain, a second one to end at once, SIGHUP to reload."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.asynccontextmanager
async def stop_asked(
    on_hangup: Callable[[], object], event: asyncio.Event | None = None
) -> AsyncIterator[asyncio.Event]:
    """Set by the first SIGINT or SIGTERM; the second one is left to end the process. SIGHUP calls `on_hangup`.

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
    yield stop
