"""What all drivers of a process share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.calls import OpenCall
from relay.counter.ctp.orders.checks import RouterTables
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.port import OrderTrail
from relay.faults.faults import Faults
from relay.figures.figures import Figures
from relay.logs.alarms import AlarmName, Alarms


@dataclass(frozen=True, slots=True)
class DriverTools:
    """What all drivers of a process share."""

    tables: RouterTables
    order_map: OrderMapFile
    new_lanes: Callable[[], Lanes]
    next_lane: Callable[[], int]
    """a lane number no other terminal session of this process had"""
    limits: LinkLimits
    day_use: DayUse
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """whose turn it is to make a slice of a big answer or replay"""
    alarms: Alarms = field(default_factory=Alarms)
    figures: Figures = field(default_factory=Figures)
    clock: ClockWatch = field(default_factory=lambda: ClockWatch(Faults()))
    trail: OrderTrail | None = None
    """where every order leaves a trace; None where the settings say so"""

    def ordered(self, before: int, used: int) -> None:
        """The counter session has used so many of its orders of the day."""
        if percent := self.day_use.inserted(before, used):
            self.alarms.sound(AlarmName.ORDERS_RUN_OUT, percent=percent, limit=self.day_use.total)

    def sent(self, call: OpenCall, code: int) -> None:
        """The API was given this call, and returned."""
        self.figures.called(call.method.name, code)
        if call.outgoing.entries:
            self.figures.order_seconds.observe(perf_counter() - call.taken_at)
