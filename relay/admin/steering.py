"""What an operator may do to a running relay. Each action is in the ledger before it is carried out, and then cannot fail.

Actions take turns: of two people who act at once, the last entry is what holds. A reload takes its turn for the entry alone,
because it reads files, and has an order of its own.

A role that is too low, and a reason that is missing, are refused by `Changes` before that, with an entry too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from relay.admin.changes import Changes, Clock
from relay.admin.person import LONGEST_REASON, Person, short_name
from relay.admin.reads import ReadEntries
from relay.admin.running_settings import InForce, Reloaded
from relay.admin.session_views import SessionUnknown
from relay.counter.port import SteeredCounter
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.logs import logs
from relay.outside_text import shown
from relay.sessions.endings import Ending, EndKind
from relay.sessions.login_pause import PausedLogins
from relay.sessions.session import TerminalSession
from relay.sessions.sessions import Sessions

_log = structlog.get_logger(__name__)
LOG_LEVELS = ("debug", "info", "warning", "error")
_RECONNECT = "运维人员要求重连柜台 / an operator of the relay reconnects the counter"


class NoOperator(Exception):
    """This relay has no operator; the message is for people."""

    def __init__(self) -> None:
        super().__init__("多对多模式没有操作员 / there is no operator in many_to_many")


@dataclass(frozen=True, slots=True)
class Steered:
    """The parts of a running relay that an operator acts on."""

    sessions: Sessions
    counter: SteeredCounter
    faults: Faults
    drain_seconds: Callable[[], float]
    stop: Callable[[], object] = field(repr=False)
    """what SIGTERM does"""
    reload: Callable[[], Awaitable[Reloaded]] = field(repr=False)
    in_force: Callable[[], InForce] = field(repr=False)


class Steering:
    """For the loop. Every action raises RoleTooLow, ReasonMissing and LedgerUnavailable."""

    def __init__(self, changes: Changes, reads: ReadEntries, steered: Steered, clock: Clock) -> None:
        self._changes = changes
        self._reads = reads
        self._of = steered
        self._clock = clock
        self._turn = asyncio.Lock()

    async def kick(
        self, by: Person, *, session: str = "", investor_id: str = "", app_id: str = "", tell_terminal: bool = False
    ) -> list[str]:
        """End sessions for good: one, or all of an investor or of a terminal software. Raises SessionUnknown."""
        async with self._turn:
            found = [one for one in self._of.sessions if not one.ending and _is(one, session, investor_id, app_id)]
            named = {"session": session, "investor_id": investor_id, "app_id": app_id}
            facts = {name: shown(short_name(value)) for name, value in named.items() if value}
            if session and not found:
                raise await self._refused(by, "session_kick", SessionUnknown(session), **facts)
            await self._record(by, "session_kick", **facts, sessions=[one.identity.session for one in found])
            text = f"{EndKind.KICKED.word}: {EndKind.KICKED.english} {EndKind.KICKED.chinese}"
            for one in found:
                one.end_soon(Ending(EndKind.KICKED, f"{text} ({by.reason})" if tell_terminal else text))
            return [one.identity.session for one in found]

    async def pause_logins(self, by: Person, public_reason: str = "") -> PausedLogins:
        """Refuse new logins from now on; who is paused already stays so, with the new reasons."""
        public = shown(public_reason.strip())
        if len(public) > LONGEST_REASON:
            long = ValueError(f"原因最多 {LONGEST_REASON} 个字符 / at most {LONGEST_REASON} characters for terminals")
            raise await self._refused(by, "logins_pause", long)
        async with self._turn:
            await self._record(by, "logins_pause", public_reason=public)
            before = self._of.sessions.paused
            since = before.since if before is not None else self._clock()
            paused = PausedLogins(since, by.account or by.by, by.reason, public)
            self._of.sessions.paused = paused
            self._of.faults.begin(Fault.LOGINS_PAUSED, by.reason, by=paused.by)
            return paused

    async def resume_logins(self, by: Person) -> bool:
        """Let terminals log in again; whether they were paused."""
        async with self._turn:
            await self._record(by, "logins_resume")
            were = self._of.sessions.paused is not None
            self._of.sessions.paused = None
            self._of.faults.end(Fault.LOGINS_PAUSED)
            return were

    async def drain(self, by: Person) -> tuple[int, float]:
        """Stop the process, as SIGTERM does; how many sessions there are, and when those that are left are ended."""
        seconds = self._of.drain_seconds()
        async with self._turn:
            await self._record(by, "drain", sessions=len(self._of.sessions))
            self._of.stop()
            return len(self._of.sessions), seconds

    async def reconnect_operator(self, by: Person) -> None:
        """Read the operator's password again and log in anew. Raises NoOperator."""
        if not self._of.counter.situation().user_id:
            raise await self._refused(by, "operator_reconnect", NoOperator())
        async with self._turn:
            await self._record(by, "operator_reconnect")
            self._of.counter.reconnect_operator(_RECONNECT)

    async def reconnect_counter(self, by: Person) -> int:
        """Replace the sessions at the counter; how many."""
        async with self._turn:
            await self._record(by, "counter_reconnect")
            return self._of.counter.reconnect(_RECONNECT)

    async def set_log_level(self, by: Person, level: str) -> str:
        """Log from this level on, until a reload brings another; returns what it was. Raises ValueError."""
        if level not in LOG_LEVELS:
            wrong = ValueError(f"级别应为 / the level is one of {', '.join(LOG_LEVELS)}")
            raise await self._refused(by, "log_level", wrong)
        async with self._turn:
            before = log_level()
            await self._record(by, "log_level", before=before, now=level)
            logs.set_level(level)
            return before

    async def reload(self, by: Person) -> Reloaded:
        """Read the settings file and the files it names again, as SIGHUP does."""
        async with self._turn:
            await self._record(by, "reload")
        return await self._of.reload()

    async def running_settings(self, by: Person) -> InForce:
        """The settings in force. Raises RoleTooLow."""
        await self._reads.ask(by, "running_settings")
        return self._of.in_force()

    async def _refused(self, by: Person, kind: str, error: Exception, **facts: object) -> Exception:
        """The same error, once its entry is there; where the person may not act at all, the error that says so is raised."""
        await asyncio.to_thread(self._changes.refuse, by, kind, facts, error)
        return error

    async def _record(self, by: Person, kind: str, **facts: object) -> None:
        await asyncio.to_thread(self._changes.record, by, kind, facts)
        _log.warning("admin_action", action=kind, **facts, **by.facts())


def log_level() -> str:
    """From which level on lines are written."""
    return logging.getLevelName(logging.getLogger().level).lower()


def _is(session: TerminalSession, name: str, investor_id: str, app_id: str) -> bool:
    who = session.identity
    if name:
        return who.session == name
    return who.investor.investor_id == investor_id if investor_id else bool(app_id) and who.app_id == app_id
