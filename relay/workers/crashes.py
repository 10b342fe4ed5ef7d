"""A worker that ended unasked, as a fault of the relay: said once when it begins and once when all serve again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.alarm_views import alarm_message
from relay.admin.status import fault_message
from relay.alarms.alarming import Alarming, channels_of
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.logs.alarms import Alarms
from relay.settings.settings import Settings
from relay.settings.watch_section import AlarmSettings
from relay.workers.worker_process import WorkerProcess, WorkerState

_SETTLE_SECONDS = 5.0
_MOST = 100


class WorkerCrashes:
    """The supervisor's own faults, and its ways to a person: a worker that is gone can send nothing. For the loop."""

    def __init__(self, settings: Settings, workers: Mapping[int, WorkerProcess]) -> None:
        """Raises SecretFileRefused where a file that a way to a person needs cannot be used."""
        self.faults = Faults()
        self._workers = workers
        self._alarming = Alarming(settings.relay.name, settings.alarms, channels_of(settings.alarms))
        self._alarming.hear(self.faults, Alarms())

    def look(self) -> None:
        """A worker has ended, or serves again."""
        away = [
            f"worker {one.number}: {one.why}"
            for one in self._workers.values()
            if one.why and one.state in {WorkerState.RESTING, WorkerState.STARTING}
        ]
        self.faults.set(Fault.WORKER_DOWN, "; ".join(away))

    async def settle(self) -> None:
        """End what comes and goes when it has stayed away; runs for as long as the supervisor does."""
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            self.faults.settle()

    def take(self, settings: AlarmSettings) -> None:
        """Use these ways from now on. Blocks; raises SecretFileRefused."""
        self._alarming.take(settings)

    def standing(self) -> list[pb.Fault]:
        """For the status of all workers together."""
        return [fault_message(one) for one in self.faults.now()]

    def recent(self) -> pb.ListAlarmsResponse:
        """Newest first."""
        return pb.ListAlarmsResponse(alarms=[alarm_message(one) for one in self._alarming.recent.newest(_MOST)])

    def close(self) -> None:
        """Send what waits; blocks for some seconds at most."""
        self._alarming.close()
