"""The event loop's clock moved by hand, so that a test of an hour takes no time and never races one."""

from __future__ import annotations

import asyncio


class HandLoop:
    """The running loop with its clock standing still until `move`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time()
        loop.time = lambda: self._now  # type: ignore[method-assign]

    async def move(self, seconds: float) -> None:
        """Let this much time pass, and everything due happen."""
        self.pass_by(seconds)
        await settled()

    def pass_by(self, seconds: float) -> None:
        """Let this much time pass; what is due has not happened yet."""
        self._now += seconds


async def settled() -> None:
    """Returns when everything that can happen without the passing of time has happened."""
    for _ in range(30):
        await asyncio.sleep(0)
