"""Whose turn it is to write: a few streams in each round of the loop, so that an order and its notice wait for none of the rest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class WriteTurns:
    """Calls what asked, so many in each round of the loop, in the order in which they asked.

    The first ones of a round are called at once. Between two rounds the loop takes what came in meanwhile.
    """

    def __init__(self, in_a_round: int) -> None:
        self._in_a_round = in_a_round
        self._asked: deque[Callable[[], object]] = deque()
        self._given = 0
        """in this round"""

    def ask(self, begin: Callable[[], object]) -> None:
        """Call `begin` when it is its turn; it must not raise."""
        if not self._given:
            asyncio.get_running_loop().call_soon(self._next_round)
        if self._given < self._in_a_round:
            self._given += 1
            begin()
        else:
            self._asked.append(begin)

    def _next_round(self) -> None:
        self._given = min(self._in_a_round, len(self._asked))
        if self._given:
            asyncio.get_running_loop().call_soon(self._next_round)
        for _ in range(self._given):
            self._asked.popleft()()
