"""A running relay as the admin API sees it, played: real rooms above a counter that a test plays."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Any, cast

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.alarm_views import AlarmViews
from relay.admin.changes import Changes
from relay.admin.locks import LockActions
from relay.admin.reads import ReadEntries
from relay.admin.running_settings import InForce, Reloaded
from relay.admin.session_views import SessionViews
from relay.admin.status import Seen, StatusView
from relay.admin.steering import Steered, Steering
from relay.admission.login_guard import LoginGuard
from relay.alarms.recent import RecentAlarms
from relay.counter.port import CounterDescription, CounterSituation
from relay.faults.faults import Faults
from relay.rpc.admin_answers import AdminParts, Look
from relay.settings.settings import Settings
from tests.relay.evidence import KeptEvidence
from tests.relay.sessions.played_counter import House

NOW = dt.datetime(2026, 11, 23, 8, 57, tzinfo=dt.timezone(dt.timedelta(hours=8)))
SETTINGS = Settings.model_validate(
    {
        "listen": {"plaintext_on_loopback": True},
        "counter": {
            "fronts": ["tcp://198.51.100.10:41205"],
            "broker_id": "9999",
            "relay_app_id": "firm_relay_1.0",
            "relay_auth_code": "RELAY00000000001",
        },
    }
)


class PlayedSteering:
    """The part of a counter that operators act on."""

    orders_today = 3

    def __init__(self) -> None:
        self.reconnected: list[str] = []
        self.has_operator = True

    def situation(self) -> CounterSituation:
        operator = "op01" if self.has_operator else ""
        return CounterSituation("live", 60.0, "", operator, ("tcp://198.51.100.10:41205",), 1, 1, "20261123")

    def describe(self) -> CounterDescription:
        return CounterDescription("ctp", "6.7.11.0")

    def reconnect(self, why: str) -> int:
        self.reconnected.append(why)
        return 2

    def reconnect_operator(self, why: str) -> bool:
        if self.has_operator:
            self.reconnected.append(why)
        return self.has_operator


class PlayedLedger:
    """One that has nothing waiting."""

    oldest_waiting = ""

    def statistics(self) -> dict[str, int]:
        return {"waiting": 0, "spooled": 0, "committed": 7, "failed": 0, "lost": 0}


class PlayedRelay:
    """Inside a running loop."""

    def __init__(self, changes: Changes, guard: LoginGuard, look: Look | None = None) -> None:
        self.kept, self.changes = KeptEvidence(), changes
        self.house = House(self.kept)
        self.counter = PlayedSteering()
        self.faults, self.alarms = Faults(), RecentAlarms()
        self.stop = asyncio.Event()
        self.reads = ReadEntries(lambda kind, facts: self.kept.note(kind, "", facts))
        steered = Steered(
            self.house.sessions,
            cast("Any", self.counter),
            self.faults,
            drain_seconds=lambda: 30.0,
            stop=self.stop.set,
            reload=self._reload,
            in_force=lambda: InForce({"log.level": "info"}, {"log.level": "debug"}, lambda _: True),
        )
        self.parts = AdminParts(
            StatusView(self._seen(guard), self.reads, lambda: NOW),
            SessionViews(self.house.sessions, self.reads, lambda: NOW),
            Steering(changes, self.reads, steered, lambda: NOW),
            LockActions(guard, changes),
            AlarmViews(self.alarms, self.reads),
            self.reads,
            look or none_is_disabled,
        )

    def _seen(self, guard: LoginGuard) -> Seen:
        return Seen(
            settings=lambda: SETTINGS,
            number=4,
            started_at=NOW - dt.timedelta(hours=1),
            sessions=self.house.sessions,
            counter=cast("Any", self.counter),
            ledger=cast("Any", PlayedLedger()),
            guard=guard,
            faults=self.faults,
            figures=figures,
            readiness=lambda: {"ready": True},
            certificate_until=lambda: NOW + dt.timedelta(days=10),
        )

    async def _reload(self) -> Reloaded:
        return Reloaded(("log.level",), ("relay.mode",), (("limits.lock_out_seconds", "too short"),))


def figures() -> Iterator[pb.Figure]:
    yield pb.Figure(name="sessions", meaning="terminal sessions", value=0.0)


async def none_is_disabled() -> int:
    return 0
