"""One account's day, read again: after each login, where something may have been missed, and now and then because nothing says so.

However many ask for it while it is being read, it is read once more. Unanswered, it is asked once more where the counter answers
something small; the connection is everybody's, and is broken off where that is unanswered too.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from relay.counter.port import NativeError
from relay.counter.translated.desk import AccountDesk
from relay.counter.translated.values import AnswerLost, NativeRefused, NotSent
from relay.counter.ufx.days import TradingDays
from relay.counter.ufx.line import UfxLine
from relay.counter.ufx.queries import TokenQueries
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)


class DayOwner(Protocol):
    """Whose day it is."""

    @property
    def live(self) -> bool:
        """Whether it can ask."""

    def look_at(self, error: NativeError | None) -> None:
        """An answer's error."""

    async def keep_alive(self) -> bool:
        """A small question. False: no answer came."""


class DayReading:
    """Of one account under one token."""

    def __init__(
        self, owner: DayOwner, line: UfxLine, desk: AccountDesk, queries: TokenQueries, days: TradingDays, session: str
    ) -> None:
        """`session` is the terminal session's id."""
        self.questions = asyncio.Lock()
        """one query at a time"""
        self._owner = owner
        self._line = line
        self._desk = desk
        self._queries = queries
        self._days = days
        self._session = session
        self._unread = self._reading = False
        self._tasks = Tasks()

    async def read(self) -> None:
        """Only doubts from before the first question are decided, and only where every order could be read."""
        async with self.questions:
            doubts = self._desk.doubts()
            orders, trades, is_whole = await self._queries.day()
        self._days.heard(self._queries.account_code, [order.insert_date for order in orders])
        await self._desk.rebuilt(orders, trades, doubts if is_whole else ())

    def read_soon(self) -> None:
        """Something may have been missed: read the day again, and once more where that was said meanwhile."""
        was, self._unread = self._unread, True
        if not was and not self._reading:
            self._reading = True
            self._tasks.start(self._read_again(), f"day of {self._session}")

    async def _read_again(self) -> None:
        way = self._line.way
        try:
            while self._unread:
                self._unread = False
                try:
                    await self.read()
                except AnswerLost:
                    self._unread = True
                    _log.info("ufx_day_not_read", session=self._session, code="")
                    if not await self._owner.keep_alive():
                        self._line.break_off("the counter does not answer", way)
                        return
        except NativeRefused as refused:
            self._not_read(refused.error)
        except NotSent:
            pass  # the login that comes reads it
        finally:
            self._reading = self._unread = False

    def _not_read(self, error: NativeError) -> None:
        _log.warning("ufx_day_not_read", session=self._session, code=error.code)
        self._owner.look_at(error)

    async def sweep(self) -> None:
        """Read the day though nothing says that a push was lost: the next sweep does it where this one gets no answer."""
        if not self._owner.live or self._reading:
            return
        try:
            await self.read()
        except NativeRefused as refused:
            self._not_read(refused.error)
        except (AnswerLost, NotSent):
            _log.info("ufx_day_not_read", session=self._session, code="")

    async def stop(self) -> None:
        await self._tasks.cancel()
