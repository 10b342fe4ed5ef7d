"""Work for many callers in one transaction: what is asked while one runs is the next.

A transaction costs about the same for one row as for fifty, and a thousand logins that come together are some dozens of them. After a
group of several the next one waits a moment for company; what is asked alone is asked at once. What holds between two events: where
something waits, a group runs or is about to; so every caller gets its answer, or its deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.tasks import Tasks

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")
_LARGEST_GROUP = 64
_MOST_WAITING = 4096
_COMPANY_SECONDS = 0.004
"""a transaction's time"""


class Grouped(Generic[_Asked, _Answer]):
    def __init__(
        self,
        access: DirectoryAccess,
        work: Callable[[Sequence[_Asked]], Sequence[_Answer]],
        *,
        gather_seconds: float = 0.0,
    ) -> None:
        """`work` blocks, and answers in the order of what was asked; where it raises, no one of the group gets an answer.

        `gather_seconds`: how long the first may wait for others, where no login waits for it.
        """
        self._access = access
        self._work = work
        self._waiting: list[tuple[_Asked, asyncio.Future[_Answer]]] = []
        self._gather_seconds = gather_seconds
        self._runs = False
        self._tasks = Tasks()

    async def run(self, asked: _Asked) -> _Answer:
        """The answer to this; raises as `DirectoryAccess.run`, and as the work does."""
        if len(self._waiting) >= _MOST_WAITING:
            raise DirectoryUnavailable(f"{len(self._waiting)} look-ups are waiting")
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if not self._runs:
            self._runs = True
            self._tasks.start(self._run(), "grouped look-ups")
        try:
            async with asyncio.timeout(self._access.timeout):
                return await answer
        except TimeoutError:
            raise DirectoryUnavailable(f"no answer within {self._access.timeout:g} s") from None

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._gather_seconds:
                    await asyncio.sleep(self._gather_seconds)
                group, self._waiting = self._waiting[:_LARGEST_GROUP], self._waiting[_LARGEST_GROUP:]
                if still := [(asked, answer) for asked, answer in group if not answer.done()]:
                    await self._answer(still)
                if len(group) > 1:
                    await asyncio.sleep(_COMPANY_SECONDS)
        finally:
            self._runs = False

    async def _answer(self, group: Sequence[tuple[_Asked, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await self._access.run(partial(self._work, [asked for asked, _ in group]))
        except Exception as error:  # noqa: BLE001 - every caller gets its answer
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for (_, answer), one in zip(group, answers, strict=True):
                if not answer.done():
                    answer.set_result(one)
