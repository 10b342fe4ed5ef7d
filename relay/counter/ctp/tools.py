"""What all switchboards of a process share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ctpabi.catalog import Catalog
from relay.alarms import Alarms
from relay.counter.ctp.link import LinkLimits
from relay.counter.order_map import OrderMapFile
from relay.domain.day_notices import KnownOwners
from relay.domain.day_use import DayUse
from relay.domain.lanes import Lanes
from relay.domain.ownership import OwnershipTable
from relay.domain.scope import ScopeTable


@dataclass(frozen=True, slots=True)
class SwitchboardTools:
    """What all switchboards of a process share."""

    catalog: Catalog
    scope: ScopeTable
    ownership: OwnershipTable
    order_map: OrderMapFile
    new_lanes: Callable[[], Lanes]
    next_lane: Callable[[], int]
    """a lane number no other terminal session of this process had"""
    limits: LinkLimits
    day_use: DayUse
    known: KnownOwners = field(default_factory=KnownOwners)
    """whose notices are kept for terminals that come later"""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """whose turn it is to make a slice of a big answer or replay"""
    alarms: Alarms = field(default_factory=Alarms)
