"""What an adapter to a counter other than CTP's gets of the process it runs in.

The adapter is a package beside `relay.counter.ctp`. `relay.counter_choice` imports it where the settings ask for its system,
and calls its `make_counter(parts)`, which gives a `port.SteeredCounter`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.port import Evidence, Mode, OrderTrail
from relay.counter.right_passwords import RightPasswords
from relay.faults.faults import Faults
from relay.figures.figures import Figures
from relay.logs.alarms import Alarms
from relay.settings.limits_section import Limits
from relay.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class AdapterParts:
    settings: Settings
    """as they were at the start; what may change meanwhile is asked for below"""
    number: int
    """this start's, which distinguishes this process from every other"""
    evidence: Evidence
    faults: Faults
    alarms: Alarms
    figures: Figures
    clock: ClockWatch
    passwords: RightPasswords
    order_map: OrderMapFile
    """whose order is whose, on disk: the process's own, whatever the counter"""
    trail: OrderTrail | None
    """the orders' audited stream; None where the settings switch it off"""
    limits: Callable[[], Limits]
    """those in force"""
    operator_password: Callable[[], str]
    """read again from its file; blocks, raises SettingsInvalid"""

    @property
    def mode(self) -> Mode:
        return Mode(self.settings.relay.mode)
