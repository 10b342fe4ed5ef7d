"""Whose turn it is, where many terminals are to be given something: a few in each round of the loop.

What asks, asks for one turn, or for as many as an iterator has steps. The first turns are taken at once. Between two rounds the loop takes
what came in meanwhile, an order say. Those that ask are served in turn, and what is asked for inside of a turn is part of it:
so a notice that a terminal is handed in its turn is written in the same one.

While an order is under way to the counter (`wait_for_notice`) the next round waits, until the order's notice is there (`notice_came`),
but 2 ms at most: the processor is the order's, and so is the loop when its notice comes. A round is given after each wait, and all
that is asked for together waits 20 ms at most. After that, rounds wait for nothing until there is nothing more to give: a steady flow of orders
delays what goes to many by so much and no more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

IN_A_ROUND: Final = 4
"""terminals; some 0.1 ms of the loop"""
_ROUND_WAITS: Final = 0.002
_ALL_WAIT: Final = 0.02
"""seconds"""
_OVER: Final = object()


class LoopTurns:
    """For the loop alone."""

    def __init__(self, in_a_round: int = IN_A_ROUND) -> None:
        self._in_a_round = in_a_round
        self._asked: deque[Callable[[], bool]] = deque()
        """each takes a turn, and says whether it wants another"""
        self._left = 0
        """of this round"""
        self._goes_on = False
        """whether a next round will come"""
        self._until = 0.0
        """so long rounds wait for a notice, by the loop's clock"""
        self._waits: asyncio.Handle | None = None
        self._waits_since = self._waited = 0.0
        """`_waited` is how long what is asked for has waited together"""
        self.waits = 0
        """how often a round waited, since the start"""
        self.is_given = False
        """whether what runs now is part of a turn"""

    def ask(self, begin: Callable[[], object]) -> None:
        """Call `begin` when it is its turn; it must not raise."""
        if self.is_given:
            begin()
        else:
            self._ask(partial(_once, begin))

    def ask_each(self, steps: Iterator[object]) -> None:
        """Take a step at each turn; none may raise."""
        self._ask(partial(_step, steps))

    def wait_for_notice(self) -> None:
        """An order was sent: the next round waits for its notice."""
        self._until = asyncio.get_running_loop().time() + _ROUND_WAITS

    def notice_came(self) -> None:
        """And is on its way to the terminal."""
        self._until = 0.0
        if self._waits is not None:
            self._waits.cancel()
            self._waits = asyncio.get_running_loop().call_soon(self._end_wait)

    def _ask(self, turn: Callable[[], bool]) -> None:
        self._asked.append(turn)
        if not self._goes_on:
            self._begin_round()
        if not self.is_given:
            self._give()

    def _next_round(self) -> None:
        self._goes_on = False
        if not self._asked:
            self._waited = 0.0
        elif self._must_wait():
            self._wait()
        else:
            self._give_round()

    def _must_wait(self) -> bool:
        return self._waited < _ALL_WAIT and asyncio.get_running_loop().time() < self._until

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._goes_on, self._waits_since = True, loop.time()
        self._waits = loop.call_at(self._until, self._end_wait)
        self.waits += 1

    def _end_wait(self) -> None:
        self._waits = None
        self._waited += asyncio.get_running_loop().time() - self._waits_since
        self._give_round()

    def _give_round(self) -> None:
        self._begin_round()
        self._give()

    def _begin_round(self) -> None:
        self._goes_on, self._left = True, self._in_a_round
        asyncio.get_running_loop().call_soon(self._next_round)

    def _give(self) -> None:
        asked, self.is_given = self._asked, True
        try:
            while asked and self._left:
                turn = asked.popleft()
                self._left -= 1
                if turn():
                    asked.append(turn)
        finally:
            self.is_given = False


def _once(begin: Callable[[], object]) -> bool:
    begin()
    return False


def _step(steps: Iterator[object]) -> bool:
    return next(steps, _OVER) is not _OVER
