"""The calls of one terminal leave in the order they came, also where one has to wait before it can be sent."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self


class CallLine:
    """Empty nearly always: only a call that waits for something makes those after it stand in line."""

    def __init__(self) -> None:
        self._turns: deque[asyncio.Event] = deque()

    def __len__(self) -> int:
        return len(self._turns)

    def place(self) -> Place:
        """The last place, taken now. Use as `with line.place() as place`."""
        return Place(self._turns)


class Place:
    """One call's place, until it leaves: with its turn or, given up, before."""

    def __init__(self, turns: deque[asyncio.Event]) -> None:
        self._turns = turns
        self._turn = asyncio.Event()
        turns.append(self._turn)
        turns[0].set()

    async def reached(self) -> None:
        """Wait until everything that came before has left."""
        await self._turn.wait()

    def leave(self) -> None:
        """The next one may go; idempotent."""
        if self._turn in self._turns:
            self._turns.remove(self._turn)
        if self._turns:
            self._turns[0].set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
