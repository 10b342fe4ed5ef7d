"""Sends what must reach a person, one thread for each way, so that neither the relay nor another way waits for it.

What holds: `put` never waits. A queue has a bound; beyond it items are counted as lost. The first item of a quiet time waits
`group_seconds` for others, and all of them become one message; while more keep coming the pause grows, so a storm is a few
messages. A message that is not delivered is tried again with growing pauses until it is, or the relay ends: a proxy that is
away for ten minutes must not swallow the beginning of a fault that still stands. After `TRIES` it is counted and said. What
comes while one is tried again joins it; of the oldest only so many are kept.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from relay.alarms.channels import Channel, NotDelivered
from relay.alarms.message import AlarmItem, at_least, message_of
from relay.faults.table import Gravity

_log = structlog.get_logger(__name__)
MOST_WAITING = 500
TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
LONGEST_GROUP = 120.0


class AlarmSender:
    """One way's queue and thread."""

    def __init__(
        self,
        relay: str,
        channel: Channel,
        *,
        group_seconds: float,
        gravity: Gravity = Gravity.WARNING,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """`gravity` is the least that is sent."""
        self.channel = channel
        self._relay = relay
        self.group_seconds = group_seconds
        self.gravity = gravity
        self._first_pause = first_pause
        self._items: deque[AlarmItem] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._busy = False
        self.failing = ""
        """why the latest message was not delivered; empty where it was"""
        self._since = 0.0
        self.delivered = 0
        """messages"""
        self.failed = 0
        """messages that were not delivered by so many tries"""
        self.lost = 0
        """items there was no room for"""
        self.on_state: Callable[[], object] = lambda: None
        """called when it begins to fail, and when it works again"""
        self.on_outcome: Callable[[Sequence[AlarmItem], bool], object] = lambda *_: None
        """called with items, and whether they were delivered or have been tried in vain"""
        self._thread = threading.Thread(target=self._run, name=f"alarms by {channel.name}", daemon=True)
        self._thread.start()

    @property
    def works(self) -> bool:
        """Whether a message was delivered, and none failed since."""
        return self.delivered > 0 and not self.failing

    def put(self, item: AlarmItem) -> None:
        """Queue one item; never waits."""
        if not at_least([item], self.gravity):
            return
        with self._changed:
            if len(self._items) >= MOST_WAITING:
                self.lost += 1
                return
            self._items.append(item)
            self._changed.notify()

    def close(self, seconds: float) -> None:
        """Send what waits, without pauses, for at most this long."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(seconds)

    # The thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = 0.0
        while self._first_item():
            pause = max(pause, self.group_seconds)
            self._closing.wait(pause)
            self._deliver()
            with self._changed:
                stormy = bool(self._items)
            pause = min(2 * pause, max(LONGEST_GROUP, self.group_seconds)) if stormy else 0.0

    def _first_item(self) -> bool:
        with self._changed:
            while not self._items and not self._closing.is_set():
                self._changed.wait()
            return bool(self._items)

    def _deliver(self) -> None:
        items, pause = self._take(), self._first_pause
        for number in itertools.count(1):
            try:
                self.channel.send(message_of(self._relay, items))
            except NotDelivered as error:
                why = str(error)
                self._fails(why)
            except Exception as error:  # noqa: BLE001 - the next message must be tried whatever this one did
                why = type(error).__name__
                self._fails(why)
            else:
                self._succeeds()
                self.on_outcome(items, True)
                return
            closing = self._closing.wait(pause)
            if number == TRIES or closing:
                self._in_vain(items, why)
            if closing:
                return
            pause = min(2 * pause, LONGEST_PAUSE)
            items = self._bounded(items + self._take())

    def _in_vain(self, items: list[AlarmItem], why: str) -> None:
        self.failed += 1
        self.on_outcome(items, False)
        _log.error("alarm_undelivered", channel=self.channel.name, why=why, items=[item.name for item in items][:10])

    def _bounded(self, items: list[AlarmItem]) -> list[AlarmItem]:
        self.lost += max(0, len(items) - MOST_WAITING)
        return items[-MOST_WAITING:]

    def _take(self) -> list[AlarmItem]:
        with self._changed:
            items = list(self._items)
            self._items.clear()
        return items

    def _fails(self, why: str) -> None:
        before, self.failing = self.failing, why or "unknown"
        if not before:
            self._since = time.monotonic()
            _log.error("alarm_not_delivered", channel=self.channel.name, why=why)
            self.on_state()

    def _succeeds(self) -> None:
        self.delivered += 1
        if self.failing:
            self.failing = ""
            seconds = round(time.monotonic() - self._since, 1)
            _log.warning("alarms_delivered_again", channel=self.channel.name, seconds=seconds)
            self.on_state()
