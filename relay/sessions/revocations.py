"""Sessions whose terminal or investor the firm has disabled meanwhile: found, and ended.

The directory is changed by commands in other processes, so it is looked at: at once where a change is announced (by the
command through the control socket, by PostgreSQL to every process), and every few seconds in any case. While it does not
answer no session is ended: a session was admitted once, and a database that fails must not end trading.

A login under way is in no list of sessions yet; `announced` lets `Sessions` ask again for one that was let in meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from relay.admission.admission import Directory
from relay.counter.port import Investor, Mode
from relay.directory.access import DirectoryUnavailable
from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal
from relay.sessions.endings import Ending, EndKind
from relay.sessions.session import TerminalSession

_log = structlog.get_logger(__name__)
_PATIENCE_SECONDS = 2.0
"""how long a terminal that resumes may wait for the directory"""


class Revocations:
    def __init__(self, directory: Directory, mode: Mode) -> None:
        self._directory = directory
        self._mode = mode
        self._away = False
        self._changed = asyncio.Event()
        self.announced = 0
        """how often a change was announced, since the start"""

    async def watch(self, sessions: Iterable[TerminalSession], seconds: float) -> None:
        """Look when a change is announced, and every so many seconds, for ever; `sessions` is iterated anew each time."""
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                await self.look(sessions)
            else:
                self._changed.clear()
                await self._look_at_all(sessions)

    def look_soon(self) -> None:
        """The directory was changed."""
        self.announced += 1
        self._changed.set()

    async def look_now(self, sessions: Iterable[TerminalSession]) -> int:
        """The same, for one who waits until the sessions found begin to end; how many there were."""
        self.announced += 1
        return await self._look_at_all(sessions)

    async def _look_at_all(self, sessions: Iterable[TerminalSession]) -> int:
        """The terminals that logins are judged by are read first, so that none of the disabled comes in behind it."""
        await self._directory.known.look()
        return await self.look(sessions)

    async def look(self, sessions: Iterable[TerminalSession]) -> int:
        """End the sessions of disabled terminals and investors; how many."""
        present = [session for session in sessions if not session.ending]
        try:
            found = await self._revoked(present) if present else []
        except DirectoryUnavailable as error:
            if not self._away:
                _log.warning("directory_away", why=error.why, advice="disabled terminals and investors are not noticed")
            self._away = True
            return 0
        self._away = False
        for session, refusal in found:
            end(session, refusal)
        return len(found)

    async def refusal(self, session: TerminalSession) -> Refusal | None:
        """Why this session may not be resumed; None also where the directory does not answer soon."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                found = await self._revoked([session])
        except (DirectoryUnavailable, TimeoutError):
            return None
        return found[0][1] if found else None

    async def _revoked(self, sessions: list[TerminalSession]) -> list[tuple[TerminalSession, Refusal]]:
        app_ids = {session.identity.app_id for session in sessions}
        investors = {session.identity.investor for session in sessions}
        enabled, admitted = await self._directory.access.run(lambda: self._admitted(app_ids, investors))
        found = []
        for session in sessions:
            who = session.identity
            if who.app_id not in enabled:
                found.append((session, login_reasons.terminal_disabled(app_id=who.app_id)))
            elif who.investor not in admitted:
                found.append((session, login_reasons.investor_disabled(investor_id=who.investor.investor_id)))
        return found

    def _admitted(self, app_ids: set[str], investors: set[Investor]) -> tuple[set[str], set[Investor]]:
        enabled = self._directory.terminals.admitted(app_ids, self._mode)
        if self._mode is Mode.MANY_TO_MANY:  # who its investors are, only the counter knows
            return enabled, investors
        return enabled, self._directory.investors.admitted(investors)


def end(session: TerminalSession, refusal: Refusal) -> None:
    """End a session that the firm has disabled; its terminal gets the reason."""
    _log.warning("terminal_shut_out", session=session.identity.session, reason=refusal.reason)
    session.end_soon(Ending(EndKind.DISABLED, refusal.told_text))
