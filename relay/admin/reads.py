"""Questions to a running relay: whether this person may ask, and an entry where personal data is handed out.

A console that watches asks every second. So of each person and kind of question the first read of a minute has an entry of
its own, and those that follow are counted in one at the minute's end. The same holds for questions that are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from relay.admin.person import Person
from relay.admin.roles import RoleTooLow, needed_for
from relay.tasks import Tasks

Write = Callable[[str, Mapping[str, object]], Awaitable[None]]
"""puts an entry of this kind into a ledger; never fails"""

PERSONAL = frozenset({"sessions", "locks", "history"})
"""questions whose answers name investors and addresses"""
_WINDOW_SECONDS = 60.0
_MOST_WINDOWS = 1000
"""people and kinds counted apart; beyond it all count together"""
_REST = "(others)"
_Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Window:
    facts: dict[str, object]
    further: int = 0


class ReadEntries:
    """For the loop."""

    def __init__(self, write: Write, window_seconds: float = _WINDOW_SECONDS) -> None:
        self._write = write
        self._seconds = window_seconds
        self._windows: dict[_Key, _Window] = {}
        self._timers: dict[_Key, asyncio.TimerHandle] = {}
        self._tasks = Tasks()

    async def ask(self, by: Person, what: str, **facts: object) -> None:
        """`by` asks this; `facts` say of whom. Raises RoleTooLow."""
        needed = needed_for(what)
        if not by.role.may(needed):
            await self._count("admin_read_refused", by, what, facts)
            raise RoleTooLow(by.role, needed)
        if what in PERSONAL:
            await self._count("admin_read", by, what, facts)

    async def close(self) -> None:
        """Write what was counted; idempotent."""
        for key in tuple(self._timers):
            self._timers.pop(key).cancel()
            await self._end(key)
        await self._tasks.cancel()

    async def _count(self, kind: str, by: Person, what: str, facts: Mapping[str, object]) -> None:
        key = kind, what, by.by, by.account
        if len(self._windows) >= _MOST_WINDOWS and key not in self._windows:
            key = kind, what, _REST, ""
        window = self._windows.get(key)
        if window is not None:
            window.further += 1
            return
        entry = {"what": what, **facts, **by.facts()}
        self._windows[key] = _Window({"what": what, **by.facts()} if key[2] != _REST else {"what": what, "by": _REST})
        self._timers[key] = asyncio.get_running_loop().call_later(self._seconds, self._over, key)
        await self._write(kind, entry)

    def _over(self, key: _Key) -> None:
        self._timers.pop(key, None)
        self._tasks.start(self._end(key), "count of reads")

    async def _end(self, key: _Key) -> None:
        window = self._windows.pop(key, None)
        if window is not None and window.further:
            await self._write(key[0], window.facts | {"further_reads": window.further})
