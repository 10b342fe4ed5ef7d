"""What all drivers of a process share."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Final

from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.lanes.lane import Lane
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.requests import DayLimits
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.calls import OpenCall
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.session.offered import login_levels
from relay.counter.port import Attached, CounterDescription, LoginLevel, OfferedLimit, OrderTrail
from relay.faults.faults import Faults
from relay.figures.figures import Figures
from relay.logs.alarms import AlarmName, Alarms
from relay.turns import LoopTurns

DAY_SECONDS: Final = 86400.0


@dataclass(eq=False, slots=True)
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
    turns: LoopTurns = field(default_factory=LoopTurns)
    """whose turn it is to be handed what many terminals get"""
    alarms: Alarms = field(default_factory=Alarms)
    figures: Figures = field(default_factory=Figures)
    clock: ClockWatch = field(default_factory=lambda: ClockWatch(Faults()))
    trail: OrderTrail | None = None
    """where every order leaves a trace; None where the settings say so"""
    day: DayLimits = field(default_factory=DayLimits)
    _described: tuple[object, CounterDescription] | None = field(default=None, init=False, repr=False)
    """what was described last, and of what: every login asks several times, and the answer seldom changes"""

    def described(self, offers: CounterDescription, levels: tuple[LoginLevel, ...]) -> CounterDescription:
        """What the counter offers with what is so now: which logins are up, the clock, and the limits in force."""
        ahead = self.clock.offset
        seconds = None if math.isnan(ahead) else round(ahead, 1)
        limits = (*_a_second(self.limits), *_a_day(self.day))
        known, of = self._described, (offers, levels, seconds, limits)
        if known is None or known[0] != of:
            known = of, replace(offers, levels=levels, seconds_ahead=seconds, limits=limits)
            self._described = known
        return known[1]

    def as_seen(self, login: Attached, before: Attached, lane: Lane) -> Attached:
        """The counter session's login as the lane's terminal sees it; `before` has what became of its settlement statement."""
        identity, offers = lane.identity, login.offered
        if offers is not None:
            levels = login_levels(of_operator=bool(identity.operator_id), connected=True, live=True)
            offers = replace(self.described(offers, levels), accounts=(identity.investor_id,))
        return replace(
            login,
            front_id=lane.front,
            session_id=lane.session,
            max_order_ref=lane.max_order_ref,
            confirmation=before.confirmation,
            confirmation_error_id=before.confirmation_error_id,
            offered=offers,
        )

    def ordered(self, before: int, used: int) -> None:
        """The counter session has used so many of its orders of the day."""
        if percent := self.day_use.inserted(before, used):
            self.alarms.sound(AlarmName.ORDERS_RUN_OUT, percent=percent, limit=self.day_use.total)

    def sent(self, call: OpenCall, code: int) -> None:
        """The API was given this call, and returned."""
        self.figures.called(call.method.name, code)
        if code == 0 and call.priority <= Priority.ORDER:
            self.turns.wait_for_notice()
        if call.outgoing.entries:
            self.figures.order_seconds.observe(perf_counter() - call.taken_at)


def _a_second(limits: LinkLimits) -> tuple[OfferedLimit, ...]:
    """Of one terminal; 0 in the settings is no limit."""
    each = {"orders": limits.orders, "queries": limits.queries, "transfers": limits.transfers, "others": limits.others}
    return tuple(OfferedLimit(name, most, 1.0) for name, most in each.items() if most)


def _a_day(limits: DayLimits) -> tuple[OfferedLimit, ...]:
    return (
        OfferedLimit("orders_per_day", limits.total, DAY_SECONDS),
        OfferedLimit("orders_per_day_per_investor", limits.per_investor, DAY_SECONDS),
    )
