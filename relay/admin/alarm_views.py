"""The newest alarms of a running relay as an operator sees them."""

from __future__ import annotations

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.person import Person
from relay.admin.reads import ReadEntries
from relay.alarms.recent import RecentAlarm, RecentAlarms
from relay.faults.table import Gravity
from relay.outside_text import shown

_USUAL = 100


class AlarmViews:
    """For the loop."""

    def __init__(self, recent: RecentAlarms, reads: ReadEntries) -> None:
        self._recent = recent
        self._reads = reads

    async def newest(self, by: Person, most: int = 0) -> list[pb.Alarm]:
        """Newest first; 100 where `most` is 0. Raises RoleTooLow."""
        await self._reads.ask(by, "alarms")
        return [alarm_message(alarm) for alarm in self._recent.newest(most or _USUAL)]


def alarm_message(alarm: RecentAlarm) -> pb.Alarm:
    """An alarm as it is answered."""
    item = alarm.item
    return pb.Alarm(
        name=item.name,
        title=pb.Words(zh=item.title[0], en=item.title[1]),
        at=item.at.isoformat(timespec="seconds"),
        advice=pb.Words(zh=item.remedy[0], en=item.remedy[1]),
        facts={name: shown(str(value)) for name, value in item.facts.items()},
        delivered=alarm.delivered,
        failed=alarm.failed,
        phase=item.phase.value,
        why=shown(item.why),
        grave=item.gravity is Gravity.CRITICAL,
        lasted_seconds=item.seconds,
    )
