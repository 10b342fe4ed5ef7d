"""Logins compared with the machines known before: refused where the firm wants that, and noted when they succeed.

Only a login that the counter took is remembered and noted, so that no one without the password can teach the relay a
machine, or sound the alarm at will; and the next login of the same machine is one of those known.
"""

from __future__ import annotations

import structlog

from relay.admission.known_places import GATHER_SECONDS
from relay.admission.machines import Desk, MachineHistory, MachineTraits
from relay.counter.port import Evidence
from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.grouped import Grouped
from relay.logs.alarms import AlarmName, Alarms
from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)


class MachineWatch:
    """For the loop."""

    def __init__(self, history: MachineHistory, access: DirectoryAccess, evidence: Evidence) -> None:
        self._history = history
        self._access = access
        self._remembered = Grouped(access, history.remember_all, gather_seconds=GATHER_SECONDS)
        self._evidence = evidence
        self.alarms = Alarms()
        """the process's, where it has others"""
        self._tasks = Tasks()

    async def refusal(self, desk: Desk, traits: MachineTraits) -> Refusal | None:
        """Why a machine that is unlike before is not let in; raises DirectoryUnavailable."""
        unlike = await self._access.run(lambda: self._history.compare(desk, traits))
        if unlike is None or unlike.is_an_update:
            return None
        return login_reasons.system_info_unlike_before(what=", ".join(unlike.differences))

    def logged_in(self, session: str, desk: Desk, traits: MachineTraits) -> None:
        """The counter took the login: remember the machine, and note it where it is unlike before."""
        if not self._history.is_written_today(desk, traits):
            self._tasks.start(self._remember(session, desk, traits), "remember a machine")

    async def _remember(self, session: str, desk: Desk, traits: MachineTraits) -> None:
        try:
            unlike = await self._remembered.run((desk, traits))
        except DirectoryUnavailable as unavailable:
            _log.warning("machine_not_kept", session=session, why=unavailable.why)
            return
        if unlike is None:
            return
        facts = {
            "investor_id": desk.investor.investor_id,
            "terminal_app_id": desk.app_id,
            "place": desk.place,
            "differences": [{"what": name, "was": was, "is": now} for name, (was, now) in unlike.differences.items()],
        }
        await self._evidence.note("system_info_unlike_before", session, facts)
        if unlike.is_an_update:
            _log.info("collector_updated", session=session, **facts)
        else:
            self.alarms.sound(AlarmName.SYSTEM_INFO_UNLIKE_BEFORE, session=session, **facts)
