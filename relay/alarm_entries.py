"""Alarms as entries of the ledger: the beginning and end of a critical fault, and each single alarm; for the day's summary.

Only names and reasons are kept: facts of an alarm have keys of their own making, which the ledger might refuse.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from relay.faults.faults import FaultEdge, Faults
from relay.faults.table import Gravity
from relay.ledger.ledger import Ledger
from relay.logs.alarms import AlarmName
from relay.tasks import Tasks

ALARM_KIND, BEGAN_KIND, ENDED_KIND = "alarm", "fault_began", "fault_ended"
_LONGEST_REASON = 500
_MOST_WAITING = 64
"""entries on their way into the ledger's queue, which is for logins; what comes beyond stands in the log alone"""


class AlarmEntries:
    """Call on the relay's loop; alarms may come on any thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks()

    def hear(self, faults: Faults) -> None:
        """Keep from now on what begins and ends; `event` is to be called with what happens."""
        faults.listen(self._edge)

    def _edge(self, edge: FaultEdge) -> None:
        if edge.of.fault.gravity is not Gravity.CRITICAL:
            return
        facts: dict[str, object] = {"name": edge.of.fault.word, "why": edge.of.why[:_LONGEST_REASON]}
        if edge.of.seconds is not None:
            facts["seconds"] = round(edge.of.seconds, 3)
        self._keep(ENDED_KIND if edge.is_end else BEGAN_KIND, facts)

    def event(self, name: AlarmName, _: Mapping[str, object]) -> None:
        """Keep a single alarm."""
        self._keep(ALARM_KIND, {"name": name.event})

    def _keep(self, kind: str, facts: Mapping[str, object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the relay has ended
            self._loop.call_soon_threadsafe(self._note, kind, facts)

    def _note(self, kind: str, facts: Mapping[str, object]) -> None:
        if len(self._tasks) < _MOST_WAITING:
            self._tasks.start(self._ledger.note(kind, "", facts), f"{kind} into the ledger")
