"""What all drivers of a process share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.checks import RouterTables
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.port import OrderTrail
from relay.faults.faults import Faults
from relay.logs.alarms import Alarms


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
    clock: ClockWatch = field(default_factory=lambda: ClockWatch(Faults()))
    trail: OrderTrail | None = None
    """where every order leaves a trace; None where the settings say so"""
