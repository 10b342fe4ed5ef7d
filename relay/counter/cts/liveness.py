"""Whether the counter still answers: sessions on which nothing was said for long are asked something small.

Each is asked by a task of its own, one question at a time, so that a silent session delays no other. One that does not answer
is broken off, and comes back as after any break. An answer that refuses is an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from relay.counter.cts.account import RootNetAccount
from relay.counter.cts.session import RootNetSession
from relay.counter.cts.to_native import page
from relay.counter.cts.wire import FUTURES
from relay.counter.translated.values import AnswerLost, NotSent
from relay.tasks import Tasks


class SessionLiveness:
    """Of all sessions of a process."""

    def __init__(self, idle_seconds: float, exchange: str) -> None:
        """`exchange` is any letter the counter knows: one of its contracts is asked for where no account is logged in."""
        self._idle_seconds = idle_seconds
        self._exchange = exchange
        self._asked: set[RootNetSession] = set()
        """those that have not answered yet"""
        self._tasks = Tasks()

    def ask_quiet(self, sessions: Iterable[RootNetSession], accounts: Iterable[RootNetAccount]) -> None:
        """An account of the session asks for its funds, where there is one."""
        account_of = {account.session: account for account in accounts if account.live}
        now = asyncio.get_running_loop().time()
        for session in sessions:
            if now - session.idle_since >= self._idle_seconds:
                self.ask(session, account_of.get(session))

    def ask(self, session: RootNetSession, account: RootNetAccount | None = None) -> None:
        """Now, unless it is asked already or not live."""
        if session.live and session not in self._asked:
            self._asked.add(session)
            self._tasks.start(self._ask(session, account), f"whether session {session.name} is alive")

    async def _ask(self, session: RootNetSession, account: RootNetAccount | None) -> None:
        try:
            if account is not None:
                await account.ask_whether_alive()
            else:
                await session.ask(FUTURES, page(FUTURES, {"exchId": self._exchange}, 1, 1))
        except (AnswerLost, NotSent):
            session.break_off("the counter does not answer")
        finally:
            self._asked.discard(session)

    async def stop(self) -> None:
        """Ask nothing any more."""
        await self._tasks.cancel()
