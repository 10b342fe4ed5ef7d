"""An `asyncio.Event` that weighs little while it is not waited for.

asyncio's has a deque from its beginning, 760 bytes. A terminal has several events, is idle most of the time, and has
thousands beside it.
"""

from __future__ import annotations

import asyncio


class LeanEvent:
    """For the loop alone."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        return self._is_set

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits who was not let go yet."""
        return self._waiting is not None

    def set(self) -> None:
        """Let go all that wait, and all that will, until it is cleared."""
        self._is_set = True
        waiting, self._waiting = self._waiting, None
        for one in waiting or ():
            if not one.done():
                one.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        """Return when it is set, at once where it is."""
        if self._is_set:
            return
        one: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(one)
        try:
            await one
        finally:
            self._forget(one)

    def _forget(self, one: asyncio.Future[None]) -> None:
        """It may have given up."""
        if self._waiting is not None and one in self._waiting:
            self._waiting.remove(one)
            self._waiting = self._waiting or None
