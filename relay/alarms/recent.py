"""The newest alarms of this process and where each was delivered, for whoever looks later; in memory, any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from relay.alarms.message import AlarmItem

_KEPT = 500


@dataclass(slots=True)
class RecentAlarm:
    item: AlarmItem
    delivered: list[str] = field(default_factory=list)
    """names of the ways"""
    failed: list[str] = field(default_factory=list)
    """ways by which many tries failed"""


class RecentAlarms:
    def __init__(self) -> None:
        self._kept: deque[RecentAlarm] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def put(self, item: AlarmItem) -> None:
        """One more."""
        with self._lock:
            self._kept.append(RecentAlarm(item))

    def outcome(self, way: str, items: Sequence[AlarmItem], delivered: bool) -> None:
        """What became of these, which were put before, by this way."""
        with self._lock:
            for alarm in self._kept:
                if any(alarm.item is item for item in items):
                    (alarm.delivered if delivered else alarm.failed).append(way)

    def newest(self, most: int) -> list[RecentAlarm]:
        """Newest first."""
        with self._lock:
            return list(islice(reversed(self._kept), most))
