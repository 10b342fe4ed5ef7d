"""What this relay looks after, by its settings: the checks, and which faults each of them begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine

from relay.admission.verifier import Verifier
from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.session.counter_watch import CounterWatch
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.ledger.order_trail import OrderTrailWriter
from relay.logs.alarms import AlarmName, Alarms
from relay.settings.settings import Settings
from relay.watch import checks
from relay.watch.watcher import Check, LoopWatch, Watcher

SERVED = "listen.tls_certificate"
"""of the expiries, the certificate without which no terminal comes in"""
_FRONT_SECONDS = 5.0
"""how soon a front that is down is tried again, where no session does it"""


@dataclass(slots=True)
class Found:
    """The latest figures, read by the metrics on other threads."""

    disk_free_bytes: float = math.nan
    descriptors: int = 0
    descriptors_most: int = 0
    database_seconds: float = math.nan
    """what the latest look at the database took"""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is looked at."""

    faults: Faults
    engine: Engine
    order_map: OrderMapFile
    verifier: Verifier | None
    counter: CounterWatch
    clock: ClockWatch
    expiries: Mapping[str, Callable[[], dt.datetime]]
    """by setting: when the certificate that is in use expires"""
    alarms: Alarms
    trail: OrderTrailWriter | None = None
    why_ledger_behind: Callable[[], str] = lambda: ""
    """why the ledger could not commit what it has, and tries again"""


class Watching:
    """The looks themselves; each may be called on any thread."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        self._faults = parts.faults
        self.found = Found()
        self._stages: dict[str, tuple[dt.datetime, int]] = {}
        """by setting: of which certificate, and the days of the alarm that was given for it last"""

    def take(self, settings: Settings) -> None:
        """Look by these settings from the next looks on."""
        self._settings = settings
        self._parts.clock.tolerance = settings.watch.clock_offset_seconds

    def period(self) -> float:
        """Seconds between two looks at most things."""
        return self._settings.watch.period_seconds

    def checks(self) -> list[Check]:
        """Everything that is looked at, with its period."""
        often = {
            "disk": self.disk,
            "certificate": self.certificate,
            "clock": self._parts.clock.look,
            "counter": self._parts.counter.look,
            "order map": self.order_map,
            "descriptors": self.descriptors,
            "order trail": self.order_trail,
            "faults": self._faults.settle,
        }
        database_down = partial(self._faults.begin, Fault.DATABASE_DOWN)
        return [
            *(Check(name, look, self.period) for name, look in often.items()),
            Check("database", self.database, self.period, too_long=database_down),
            Check("fronts", self.fronts, lambda: min(_FRONT_SECONDS, self._settings.watch.front_probe_seconds)),
        ]

    def disk(self) -> None:
        """Free room for the state directory."""
        limits = self._settings.watch
        low, full = limits.disk_low_megabytes * checks.MEGABYTE, limits.disk_full_megabytes * checks.MEGABYTE
        state = checks.look_at_disk(self._settings.relay.state_dir, low, full)
        self.found.disk_free_bytes = state.free_bytes
        self._faults.set(Fault.DISK_FULL, state.why_full)
        self._faults.set(Fault.DISK_LOW, state.why_low)

    def database(self) -> None:
        """Whether the ledger could write. A look that changes no row finds no full disk: what the ledger itself met stands."""
        begun = dt.datetime.now(dt.UTC)
        why = checks.why_not_writable(self._parts.engine)
        self._faults.set(Fault.DATABASE_DOWN, why or self._parts.why_ledger_behind())
        self.found.database_seconds = (dt.datetime.now(dt.UTC) - begun).total_seconds()

    def order_map(self) -> None:
        """Whether an order could be kept."""
        self._faults.set(Fault.ORDER_MAP_UNWRITABLE, self._parts.order_map.why_unwritable())

    def order_trail(self) -> None:
        """Whether the next order's entry would be kept."""
        if self._parts.trail is not None:
            self._faults.set(Fault.ORDERS_NOT_RECORDED, self._parts.trail.why_losing())

    def certificate(self) -> None:
        """How long each certificate in use is good: the served one, the admin API's, those of clients' authorities."""
        now, days = dt.datetime.now(dt.UTC), self._settings.watch.certificate_days
        found = {key: until() for key, until in tuple(self._parts.expiries.items())}
        states = {key: checks.certificate_state(until, now, days) for key, until in found.items()}
        served = states.get(SERVED, ("", ""))[0]
        others = [f"{key}: {expired}" for key, (expired, _) in states.items() if expired and key != SERVED]
        self._faults.set(Fault.CERTIFICATE_EXPIRED, served)
        self._faults.set(Fault.OTHER_CERTIFICATE_EXPIRED, "; ".join(others))
        expiring = [f"{key}: {soon}" for key, (_, soon) in states.items() if soon]
        self._faults.set(Fault.CERTIFICATE_EXPIRING, "; ".join(expiring))
        for key, until in found.items():
            self._count_down(key, until, now)

    def _count_down(self, key: str, until: dt.datetime, now: dt.datetime) -> None:
        stage = (until, checks.certificate_stage(until, now))
        if stage[1] and stage != self._stages.get(key):
            ends = until.isoformat()
            self._parts.alarms.sound(AlarmName.CERTIFICATE_ENDS, certificate=key, days=stage[1], valid_until=ends)
        self._stages[key] = stage

    def descriptors(self) -> None:
        """How many are left."""
        self.found.descriptors, self.found.descriptors_most = checks.descriptors_used()
        gone, low = checks.descriptors_state(self.found.descriptors, self.found.descriptors_most)
        self._faults.set(Fault.DESCRIPTORS_GONE, gone)
        self._faults.set(Fault.DESCRIPTORS_LOW, low)

    def fronts(self) -> None:
        """Whether a front could be reached, where no session of a terminal or operator knows it."""
        if not (self._settings.counter.fronts and self._parts.counter.asks_for_probe):
            return
        try:
            why = checks.why_no_front(self._settings.counter.fronts)
        except OSError as error:  # none of the fronts'
            self._faults.begin(Fault.DESCRIPTORS_GONE, error.strerror or str(error))
        else:
            self._parts.counter.probed(why)


async def watch_process(settings: Settings, parts: Parts, stack: contextlib.AsyncExitStack) -> Watching:
    """Look after everything until the stack closes."""
    watching, watcher = Watching(settings, parts), Watcher()
    loop_watch = LoopWatch(asyncio.get_running_loop(), parts.faults)
    stack.push_async_callback(watcher.stop)
    stack.callback(loop_watch.stop)
    for check in watching.checks():
        watcher.start(check)
    if parts.verifier is not None:
        watcher.start_task(parts.verifier.keep(watching.period), "verifier")
    loop_watch.start()
    return watching
