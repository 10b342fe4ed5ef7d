"""What is going to happen, all of it decided by the seed before anything starts: which fault, how long after the one before, how long."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Shape(StrEnum):
    """What stands between terminals and counter."""

    WORKERS = "workers"
    """many-to-many: a supervisor and its workers, over PostgreSQL"""
    SINGLE = "single"
    """many-to-one: one process, its database a file"""
    PAIR = "pair"
    """many-to-many: two relays behind HAProxy, over PostgreSQL"""


KILLS = frozenset({"kill_worker", "kill_relay", "kill_start"})
_ANYWHERE = {
    "kill_relay": 3,
    "counter_drops": 3,
    "counter_flaps": 2,
    "front_down": 2,
    "counter_slow": 1,
    "counter_mute": 1,
    "orders_refused": 1,
    "logins_refused": 1,
    "network_cut": 2,
    "network_silent": 2,
    "reader_vanishes": 1,
    "all_come_back": 1,
    "day_change": 1,
    "reader_stalls": 1,
    "kill_start": 1,
}
WEIGHTS: Mapping[Shape, Mapping[str, int]] = {
    Shape.WORKERS: {**_ANYWHERE, "kill_worker": 6, "counter_full": 1, "database_hangs": 2, "database_stops": 1},
    Shape.SINGLE: {**_ANYWHERE, "disk_full": 2},
    Shape.PAIR: {**_ANYWHERE, "counter_full": 1, "database_hangs": 2, "database_stops": 1},
}
"""how often each fault comes, among the others of its shape"""
SETTLED_EVERY = 20
"""after so many faults all is quiet, and looked at"""


@dataclass(frozen=True, slots=True)
class Act:
    """One fault, or `settle`: no order and no fault until everybody has everything."""

    after: float
    """seconds since the act before was over"""
    fault: str
    seconds: float = 0.0
    """how long it lasts, where it does"""
    which: int = 0
    """of those it may hit, counted round"""

    def __str__(self) -> str:
        return f"{self.after:.2f} s later {self.fault} (which {self.which}, {self.seconds:.2f} s)"


def make_plan(seed: int, shape: Shape, faults: int, only: frozenset[str] = frozenset()) -> list[Act]:
    """So many faults, and `settle` now and then and at the end; `only` names the faults there may be."""
    dice = random.Random(f"{seed} {shape}")
    weights = {name: weight for name, weight in WEIGHTS[shape].items() if not only or name in only}
    plan = []
    for number in range(1, faults + 1):
        (fault,) = dice.choices(list(weights), list(weights.values()))
        plan.append(Act(dice.uniform(0.2, 2.5), fault, dice.uniform(0.2, 3.0), dice.randrange(1000)))
        if number % SETTLED_EVERY == 0:
            plan.append(Act(1.0, "settle"))
    return plan if plan and plan[-1].fault == "settle" else [*plan, Act(1.0, "settle")]


def kills_in(plan: list[Act]) -> int:
    return sum(act.fault in KILLS for act in plan)


def plan_of_kills(seed: int, shape: Shape, kills: int, only: frozenset[str] = frozenset()) -> list[Act]:
    """As long as it takes until so many processes are killed."""
    faults = kills
    while kills_in(plan := make_plan(seed, shape, faults, only)) < kills:
        faults += kills - kills_in(plan)
    return plan
