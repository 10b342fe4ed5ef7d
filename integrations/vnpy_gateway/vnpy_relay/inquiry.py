"""One question after another: what is to be asked of the counter, the most important first, and how often.

A firm's terminals may share one query a second. So a question is asked when something happened, or when nothing was asked for a time; what
fails is asked again after growing pauses; and nothing is asked while the session is not live.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import Enum

from terminal_client import TerminalError

_APART_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0


class Question(Enum):
    """In the order of their importance."""

    CONTRACTS = "合约 contracts"
    DAY = "当日委托成交 the day's orders and trades"
    ACCOUNT = "资金 account"
    POSITIONS = "持仓 positions"


HOLDINGS = (Question.ACCOUNT, Question.POSITIONS)


class Inquiry:
    """What is still to be asked."""

    def __init__(
        self, ask: Callable[[Question], Awaitable[None]], say: Callable[[str], None], refresh_seconds: float
    ) -> None:
        """`refresh_seconds`: how long holdings may go unasked while nothing happens; 0 for ever."""
        self.live = asyncio.Event()
        """whether there is somebody to answer"""
        self._ask = ask
        self._say = say
        self._refresh_seconds = refresh_seconds
        self._wanted: set[Question] = set()
        self._more = asyncio.Event()
        self._due = dict.fromkeys(Question, 0.0)
        """when each may be asked again"""

    def want(self, *questions: Question) -> None:
        """Ask these as soon as may be."""
        self._wanted.update(questions)
        self._more.set()

    async def run(self) -> None:
        """Ask, until canceled."""
        pause, said = _FIRST_PAUSE_SECONDS, ""
        while True:
            question = await self._next()
            await self.live.wait()
            try:
                await self._ask(question)
                pause, said = _FIRST_PAUSE_SECONDS, ""
            except TerminalError as error:
                self.want(question)
                if str(error) != said:
                    said = str(error)
                    self._say(f"查询失败，稍后再查 Query failed, asked again later: {question.value}: {said}")
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _next(self) -> Question:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            ready = [one for one in Question if one in self._wanted and self._due[one] <= now]
            if ready:
                self._wanted.discard(ready[0])
                if ready[0] in HOLDINGS:
                    self._due[ready[0]] = now + _APART_SECONDS
                return ready[0]
            self._more.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience(now)):
                    await self._more.wait()
            if not self._wanted and self._is_stale(loop.time()):
                self._wanted.update(HOLDINGS)

    def _patience(self, now: float) -> float | None:
        """How long to wait for something that happens."""
        if self._wanted:
            return max(0.0, min(self._due[one] for one in self._wanted) - now)
        return max(0.0, self._stale_at() - now) if self._refresh_seconds else None

    def _is_stale(self, now: float) -> bool:
        return self._refresh_seconds > 0 and now >= self._stale_at()

    def _stale_at(self) -> float:
        return min(self._due[one] for one in HOLDINGS) - _APART_SECONDS + self._refresh_seconds
