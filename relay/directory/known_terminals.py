"""The terminals of the directory as this process read them last, so that no login asks the database who it is.

Somebody without an auth code can send any number of logins. Answered from memory, an app id that is registered costs the
relay what one that is not registered costs it, and neither costs a query.

What holds between two events:

* The table is read again every `directory.look_seconds`, so a terminal that was disabled, or has a new auth code, is
  known after this time at the latest.
* A proof that fails waits for one look (`look_soon`) and is judged again, so that a terminal registered a moment ago is
  admitted. All that fail within `PACE_SECONDS` share one look, whatever app ids they name.
* While the directory does not answer, what was read last stays in force. It admits no terminal by itself: a login
  goes on to write into the same directory, and is refused there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

import structlog

from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.terminals import Terminal, Terminals
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)

PACE_SECONDS = 0.25
"""between two looks that failed proofs cause"""
_PATIENCE_SECONDS = 2.0
"""how long a failed proof waits for its look"""


class KnownTerminals:
    """For the loop."""

    def __init__(self, access: DirectoryAccess, terminals: Terminals) -> None:
        self._access = access
        self._terminals = terminals
        self._known: Mapping[str, Terminal] = MappingProxyType({})
        self._unreadable: frozenset[str] = frozenset()
        self._reading = asyncio.Lock()
        self._soon: asyncio.Task[None] | None = None
        self._free_at = 0.0
        self._away = False
        self._tasks = Tasks()
        self.looks = 0
        """how often the table was read, since the start"""

    def find(self, app_id: str) -> Terminal | None:
        """The terminal, as the directory had it at the last look; also a disabled one."""
        return self._known.get(app_id)

    async def look(self) -> None:
        """Read the table. Where the directory does not answer, what was known stays."""
        async with self._reading:
            self.looks += 1
            try:
                found = await self._access.run(lambda: self._terminals.read(self._known))
            except DirectoryUnavailable as error:
                if not self._away:
                    _log.warning("terminals_not_read", why=error.why, advice="those known so far stay admitted")
                self._away = True
                return
        self._away = False
        self._known = MappingProxyType({terminal.app_id: terminal for terminal in found})
        self._tell_of_unreadable()

    @asynccontextmanager
    async def kept(self, seconds: float) -> AsyncIterator[None]:
        """Look now, and every so many seconds as long as the context lasts."""
        over = asyncio.Event()

        async def keep_looking() -> None:
            while not over.is_set():  # a look that is canceled in the moment of its answer does not see it
                await asyncio.sleep(seconds)
                await self.look()

        await self.look()
        self._tasks.start(keep_looking(), "terminals of the directory")
        try:
            yield
        finally:
            over.set()
            await self._tasks.cancel()

    async def look_soon(self) -> None:
        """Wait until the table was read once more: at a bounded pace, one look for all who wait, and not for long."""
        if self._soon is None:
            self._soon = self._tasks.start(self._look_in_turn(), "look for a terminal")
        await asyncio.wait({self._soon}, timeout=_PATIENCE_SECONDS)

    async def _look_in_turn(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._free_at - loop.time())
        async with self._reading:
            pass  # what is being read now may be older than a change that those who wait know of
        self._free_at = loop.time() + PACE_SECONDS
        self._soon = None  # who comes from here on waits for the next look
        await self.look()

    def _tell_of_unreadable(self) -> None:
        unreadable = frozenset(app_id for app_id, terminal in self._known.items() if not terminal.readable)
        for app_id in sorted(unreadable - self._unreadable):
            advice = "encrypted with another key: bring that key, or `ctp-relay terminal rotate`"
            _log.error("auth_code_unreadable", terminal_app_id=app_id, advice=advice)
        self._unreadable = unreadable
