"""Part `events`: order notices to one terminal as fast as they come, and what one costs the relay.

The counter sends them from a process of its own, each another state of one order; the terminal counts. Variants in turn, several times.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cpu import MOST_FOREIGN, ForeignCpu, cpu_seconds, family, quietest, thread_seconds
from benchmarks.orders import Say
from benchmarks.scene import DIRECT
from benchmarks.stand import Stand, start_direct, start_relay
from demo.cast import MODES
from demo.certificates import make_tls_files

_EVENTS, _TIMES = 15_000, 7
_WARM_UP = 2_000
_VENDOR_THREAD = "ctp-sim-front"
"""the simulated library's own, which reads the counter's socket and calls the Spi, as the vendor's does"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A flood of each stand: the seconds for a notice at the terminal, those of the relay's CPU, and of it the vendor's thread's."""

    took: Mapping[str, tuple[float, float, float]]
    foreign: float


@dataclass(frozen=True, slots=True)
class Floods:
    """Of the turns that were quiet."""

    kept: Sequence[Turn]
    thrown_away: int

    def microseconds(self, name: str) -> float:
        return 1e6 * median(turn.took[name][0] for turn in self.kept)

    def relay_cpu_us(self, name: str) -> float:
        return 1e6 * median(turn.took[name][1] for turn in self.kept)

    def vendor_cpu_us(self, name: str) -> float:
        return 1e6 * median(turn.took[name][2] for turn in self.kept)

    def ratio(self, name: str, to: str, place: int) -> float:
        """Of the seconds, or of the CPU's, within a turn; the median of all."""
        return median(turn.took[name][place] / turn.took[to][place] for turn in self.kept)


async def flood_all(stands: Mapping[str, Stand], events: int, times: int, say: Say) -> Floods:
    """Each stand in turn, `times` quiet times, after one that only warms."""
    for stand in stands.values():
        await _flood(stand, _WARM_UP)
    ours = family(os.getpid())
    made: list[Turn] = []
    while sum(turn.foreign <= MOST_FOREIGN for turn in made) < times and len(made) < 2 * times:
        foreign, took = ForeignCpu(ours), {}
        for name, stand in list(stands.items())[:: 1 if len(made) % 2 else -1]:
            took[name] = await _flood(stand, events)
        made.append(Turn(took, foreign.share()))
        say(f"floods of each: {len(made)}; others took {made[-1].foreign:.0%} of the machine")
    kept = quietest(made, times, lambda turn: turn.foreign)
    return Floods(kept, len(made) - len(kept))


async def _flood(stand: Stand, events: int) -> tuple[float, float, float]:
    """For one notice: seconds from the first to the last, of the relay's CPU, and of the CPU of its vendor's threads."""
    await stand.caller.send_command(f"events {events}")
    await stand.caller.answer()
    before = _relay_seconds(stand)
    await stand.counter.send_command(f"flood {events} {stand.investor}")
    seconds = await stand.caller.answer()
    after = _relay_seconds(stand)
    await stand.counter.answer()
    return seconds / events, (after[0] - before[0]) / events, (after[1] - before[1]) / events


def _relay_seconds(stand: Stand) -> tuple[float, float]:
    return (cpu_seconds(stand.relay), thread_seconds(stand.relay, _VENDOR_THREAD)) if stand.relay else (0.0, 0.0)


async def measure_events(folder: Path, say: Say) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        say("counters, relays and terminals start")
        stands = {DIRECT: await start_direct(stack, folder)}
        for mode in MODES:
            stands[mode] = await start_relay(stack, folder / mode, mode, tls)
        found = await flood_all(stands, _EVENTS, _TIMES, say)
    rates = {name: round(1e6 / found.microseconds(name)) for name in stands}
    return {
        "events_per_second": {"one_terminal": rates["many_to_one"], **rates},
        "events_ratio_to_direct": {mode: round(1 / found.ratio(mode, DIRECT, 0), 2) for mode in MODES},
        "relay_cpu_us_per_event": round(found.relay_cpu_us("many_to_one"), 1),
        "relay_cpu_us_per_event_many_to_many": round(found.relay_cpu_us("many_to_many"), 1),
        "vendor_thread_cpu_us_per_event": {mode: round(found.vendor_cpu_us(mode), 1) for mode in MODES},
        "noise": {"floods": len(found.kept), "floods_thrown_away": found.thrown_away},
    }
