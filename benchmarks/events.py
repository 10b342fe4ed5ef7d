"""Part `events`: order notices to one terminal as fast as they come, and what one costs the relay.

The counter sends them from a process of its own, each another state of one order; the terminal counts. Variants in turn, several times.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cpu import cpu_seconds
from benchmarks.orders import Say
from benchmarks.scene import DIRECT
from benchmarks.stand import Stand, start_direct, start_relay
from demo.cast import MODES
from demo.certificates import make_tls_files

_EVENTS, _TIMES = 15_000, 7
_WARM_UP = 2_000


@dataclass(slots=True)
class Floods:
    """By stand, of each flood."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    """for a notice, at the terminal"""
    cpu_seconds: dict[str, list[float]] = field(default_factory=dict)
    """for a notice, of the relay's process"""

    def microseconds(self, name: str) -> float:
        return 1e6 * median(self.seconds[name])

    def relay_cpu_us(self, name: str) -> float:
        return 1e6 * median(self.cpu_seconds[name])


async def flood_all(stands: Mapping[str, Stand], events: int, times: int, say: Say) -> Floods:
    """Each stand in turn, `times` times, after one that only warms."""
    found = Floods({name: [] for name in stands}, {name: [] for name in stands})
    for stand in stands.values():
        await _flood(stand, _WARM_UP)
    for number in range(times):
        for name, stand in list(stands.items())[:: 1 if number % 2 else -1]:
            seconds, cpu = await _flood(stand, events)
            found.seconds[name].append(seconds / events)
            found.cpu_seconds[name].append(cpu / events)
        say(f"flood {number + 1} of {times}")
    return found


async def _flood(stand: Stand, events: int) -> tuple[float, float]:
    """Seconds from the first notice to the last, and of the relay's CPU."""
    await stand.caller.send_command(f"events {events}")
    await stand.caller.answer()
    cpu = cpu_seconds(stand.relay) if stand.relay else 0.0
    await stand.counter.send_command(f"flood {events} {stand.investor}")
    seconds = await stand.caller.answer()
    spent = cpu_seconds(stand.relay) - cpu if stand.relay else 0.0
    await stand.counter.answer()
    return seconds, spent


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
        "events_ratio_to_direct": {mode: round(rates[mode] / rates[DIRECT], 2) for mode in MODES},
        "relay_cpu_us_per_event": round(found.relay_cpu_us("many_to_one"), 1),
        "relay_cpu_us_per_event_many_to_many": round(found.relay_cpu_us("many_to_many"), 1),
    }
