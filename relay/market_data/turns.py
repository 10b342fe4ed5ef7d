"""Whose turn it is to write ticks: a few streams in each round of the loop, so that an order's notice waits for none of the rest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

_IN_A_ROUND = 2


class WriteTurns:
    """Calls what asked, `_IN_A_ROUND` in each round of the loop, in the order in which they asked."""

    def __init__(self) -> None:
        self._asked: deque[Callable[[], object]] = deque()
        self._is_running = False

    def ask(self, begin: Callable[[], object]) -> None:
        """Call `begin` when it is its turn."""
        self._asked.append(begin)
        if not self._is_running:
            self._is_running = True
            asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        for _ in range(min(_IN_A_ROUND, len(self._asked))):
            self._asked.popleft()()
        self._is_running = bool(self._asked)
        if self._is_running:
            asyncio.get_running_loop().call_soon(self._give)
