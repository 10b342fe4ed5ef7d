"""What the pages of one console process share; made once, handed to every request."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from jinja2 import Environment
from sqlalchemy import Engine

from relay.admin.accounts import AccountActions
from relay.admin.changes import Changes
from relay.admin.history import HistoryReads
from relay.admin.investors import InvestorActions
from relay.admin.ledger import LedgerActions
from relay.admin.person import Person
from relay.admin.roles import PersonRole
from relay.admin.terminals import TerminalActions
from relay.console.live import Live
from relay.console.passwords import Passwords
from relay.console.security import cookie_of
from relay.console.sign_ins import SignIns
from relay.console.tries import SignInTries
from relay.console.words import Sentences
from relay.directory.accounts import ConsoleAccounts
from relay.settings.settings import Settings

_T = TypeVar("_T")


class TooBusy(Exception):
    """More waits for the database than this process allows, or an answer took too long."""


class Work:
    """What blocks, off the loop: few threads, a bounded queue, a deadline."""

    def __init__(self, *, threads: int = 4, most_waiting: int = 64, seconds: float = 20.0) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="console")
        self._most = most_waiting
        self._seconds = seconds
        self._waiting = 0

    async def run(self, work: Callable[[], _T], *, seconds: float | None = None) -> _T:
        """Raises TooBusy, and what the work raises."""
        if self._waiting >= self._most:
            raise TooBusy
        self._waiting += 1
        try:
            future = asyncio.get_running_loop().run_in_executor(self._executor, work)
            async with asyncio.timeout(seconds or self._seconds):
                return await future
        except TimeoutError:
            raise TooBusy from None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class MenuItem:
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class ConsoleActions:
    """What an operator may do without a running relay, by `relay.admin`."""

    process: Person
    """the console itself; a person of an account may do what both may"""
    terminals: TerminalActions
    investors: InvestorActions
    accounts: AccountActions
    records: LedgerActions
    history: HistoryReads
    changes: Changes


@dataclass(frozen=True)
class ConsoleParts:
    settings: Settings
    clock: Callable[[], dt.datetime]
    words: Sentences
    templates: Environment
    work: Work
    accounts: ConsoleAccounts
    passwords: Passwords
    sign_ins: SignIns
    tries: SignInTries
    live: Live
    ledger: Engine
    """to count and verify; what hands out a customer's data goes through `actions.history`"""
    actions: ConsoleActions
    menu_for: Callable[[PersonRole | None], Sequence[MenuItem]]
    token_key: bytes = field(repr=False)
    """of the forms' tokens; made anew by every process"""

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds a browser's id."""
        return cookie_of(self.settings.console)
