"""Part `busy`: orders while many terminals trade.

Each of 1, 8, 32 and 100 terminals, with an investor of its own, places ten orders a second at moments of its own: more than the six packets a
second that counters commonly allow a session. Then all of them as fast as they can, which shows how many orders a second pass.
Terminals, relay and counter share the machine's cores.
"""

from __future__ import annotations

import datetime as dt
import math
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.cpu import ForeignCpu, family
from benchmarks.orders import Say
from benchmarks.scene import CallerProcess, start_process
from benchmarks.stand import Stand, site_options, start_relay
from benchmarks.summary import percentile
from demo.cast import MODES
from demo.certificates import make_tls_files

SIZES = (1, 8, 32, 100)
RATE = 10
_SECONDS, _FAST_SECONDS = 4, 3
_SLICES = 2
_IN_ONE_PROCESS = 25
_FIRST = 100011
"""the investors before it are the other terminals'"""
_SETTINGS = {"COUNTER__INITS_PER_SECOND": "100"}


async def measure_busy(folder: Path, say: Say) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
    for mode in MODES:
        async with AsyncExitStack() as stack:
            say(f"{mode}: counter and relay start")
            many = max(SIZES) + _FIRST - 100001
            stand = await start_relay(stack, folder / mode, mode, tls, settings=_SETTINGS, investors=many)
            found[mode] = {}
            for size in SIZES:
                found[mode][str(size)] = await _with(stand, size, say)
                say(f"{mode}, {size} busy: {found[mode][str(size)]}")
    one = found["many_to_one"]
    return {
        "order_round_trip_us_busy": {size: _times(one[size]) for size in one},
        "order_round_trip_us_busy_many_to_many": {size: _times(row) for size, row in found["many_to_many"].items()},
        "orders_per_second_saturated": {
            mode: {size: row["fast"] for size, row in sizes.items()} for mode, sizes in found.items()
        },
        "busy": {"orders_per_second_each": RATE, "foreign_cpu_percent": max(row["foreign"] for row in one.values())},
    }


def _times(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("p50", "p99", "unanswered")}


async def _with(stand: Stand, size: int, say: Say) -> dict[str, Any]:
    """The quietest of some slices."""
    async with AsyncExitStack() as stack:
        processes, each = [], math.ceil(size / math.ceil(size / _IN_ONE_PROCESS))
        assert stand.site is not None
        say(f"{size} terminals log in")
        for first in range(0, size, each):
            own = ("--terminals", str(min(each, size - first)))
            options = site_options(stand.site, str(_FIRST + first))
            process, _ = await start_process(
                stack, stand.tree.environment(), "benchmarks.busy_terminals", *options, *own
            )
            processes.append(process)
        await _all(processes, f"paced 1 {RATE}")  # warm
        slices = [await _slice(processes) for _ in range(_SLICES)]
        foreign, answers = min(slices, key=lambda piece: piece[0])
        fast = sum(await _all(processes, f"fast {_FAST_SECONDS}")) / _FAST_SECONDS
    every = [time for answer in answers for time in answer]
    times = [time for time in every if time is not None]
    return {
        "p50": round(percentile(times, 0.5)),
        "p99": round(percentile(times, 0.99)),
        "unanswered": every.count(None),
        "fast": round(fast),
        "foreign": round(100 * foreign, 1),
    }


async def _slice(processes: list[CallerProcess]) -> tuple[float, list[Any]]:
    foreign = ForeignCpu(family(os.getpid()))
    answers = await _all(processes, f"paced {_SECONDS} {RATE}")
    return foreign.share(), answers


async def _all(processes: list[CallerProcess], command: str) -> list[Any]:
    for process in processes:
        await process.send_command(command)
    return [await process.answer() for process in processes]
