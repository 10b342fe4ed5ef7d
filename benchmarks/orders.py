"""Order round trips of several stands in turn, round by round: order call → first OnRtnOrder, one order at a time.

A slice is some orders of one stand with one pause; a round has one slice of each stand for each pause, in turn forwards and backwards.
Rounds in which foreign processes took much of the machine are thrown away and made again, up to twice as many in all; where the machine
does not become quiet, the quietest are taken and the figures say so. Ratios are of slices of one round, and of those the median.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.cpu import MOST_FOREIGN, ForeignCpu, cpu_seconds, family, quietest
from benchmarks.stand import Stand
from benchmarks.summary import percentile

PAUSES = {3: 40, 0: 60, 20: 15}
"""milliseconds without a notice before each order -> orders in a slice"""
_NOT_COUNTED = 3
"""orders at a slice's beginning: the stand before it has the caches"""
_WARM_UP = 30
Say = Callable[[str], None]


def progress(what: str) -> None:
    """On standard error, so that the figures stand alone on standard output."""
    print(what, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Slice:
    """Orders of one stand with one pause."""

    times: list[float]
    """microseconds"""
    relay_cpu_us: float
    """of the relay's process for an order"""
    foreign: float
    """the share of the machine that others took"""


Round = Mapping[tuple[str, int], Slice]
"""stand and pause -> slice"""


@dataclass(slots=True)
class Rounds:
    """What was measured."""

    kept: list[Round] = field(default_factory=list)
    thrown_away: int = 0
    foreign: float = 0.0
    """the median of the rounds that were kept, each by its worst slice"""

    def times(self, name: str, pause: int) -> list[float]:
        return [time for one in self.kept for time in one[name, pause].times]

    def percentile(self, name: str, pause: int, share: float) -> float:
        return percentile(self.times(name, pause), share)

    def ratio(self, name: str, to: str, pause: int, to_pause: int | None = None) -> float:
        """Of medians within a round; the median of all rounds."""
        other = pause if to_pause is None else to_pause
        return median(median(one[name, pause].times) / median(one[to, other].times) for one in self.kept)

    def relay_cpu_us(self, name: str, pause: int) -> float:
        return median(one[name, pause].relay_cpu_us for one in self.kept)

    def cpu_ratio(self, name: str, to: str, pause: int) -> float:
        return median(one[name, pause].relay_cpu_us / one[to, pause].relay_cpu_us for one in self.kept)


async def measure(stands: Mapping[str, Stand], rounds: int, say: Say, pauses: Mapping[int, int] = PAUSES) -> Rounds:
    """`rounds` quiet ones."""
    for stand in stands.values():
        await stand.caller.ask(f"orders {_WARM_UP} 0")
    ours = family(os.getpid())
    made: list[Round] = []
    while sum(map(is_quiet, made)) < rounds and len(made) < 2 * rounds:
        names = list(stands) if len(made) % 2 else list(stands)[::-1]
        each = [(name, pause) for pause in pauses for name in names]
        made.append({(name, pause): await _slice(stands[name], pause, pauses[pause], ours) for name, pause in each})
        say(f"quiet rounds: {sum(map(is_quiet, made))} of {rounds}; others took {_worst(made[-1]):.0%} of the machine")
    return chosen(made, rounds)


def chosen(made: Sequence[Round], wanted: int) -> Rounds:
    """The quiet ones; where there are too few, the quietest."""
    kept = quietest(made, wanted, _worst)
    return Rounds(kept, len(made) - len(kept), median(map(_worst, kept)))


async def _slice(stand: Stand, pause: int, orders: int, ours: Sequence[int]) -> Slice:
    cpu, foreign = cpu_seconds(stand.relay) if stand.relay else 0.0, ForeignCpu(ours)
    times = await stand.caller.ask(f"orders {orders + _NOT_COUNTED} {pause}")
    share = foreign.share()
    spent = cpu_seconds(stand.relay) - cpu if stand.relay else 0.0
    return Slice(times[_NOT_COUNTED:], 1e6 * spent / len(times), share)


def _worst(one: Round) -> float:
    """Of the round's slices of some length: the shorter ones are within the clock's coarseness."""
    return max(piece.foreign for (_, pause), piece in one.items() if pause)


def is_quiet(one: Round) -> bool:
    """Whether others left the machine alone in all of its slices."""
    return _worst(one) <= MOST_FOREIGN
