"""Part `busy`: orders while many terminals trade, and in many-to-many beside 500 that are idle (many-to-one's are in part `idle`).

Each of 1, 8, 32 and 100 terminals, with an investor of its own, places ten orders a second at moments of its own: more than the six packets a
second that counters commonly allow a session. Then all of them as fast as they can, which shows how many orders a second pass.
Terminals, relay and counter share the machine's cores.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.cpu import ForeignCpu, family
from benchmarks.orders import Say, measure
from benchmarks.scene import CallerProcess, start_process
from benchmarks.stand import Stand, site_options, start_relay
from benchmarks.summary import percentile
from demo.cast import MODES
from demo.certificates import TlsFiles, make_tls_files

SIZES = (1, 8, 32, 100)
RATE = 10
_SECONDS, _FAST_SECONDS = 4, 3
_SLICES = 2
_IN_ONE_PROCESS = 25
_FIRST = 100011
"""the investors before it are the other terminals'"""
IDLE = 500
_ROUNDS = 6
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
    beside = await _beside_idle(folder, tls, say)
    one = found["many_to_one"]
    return {
        "order_round_trip_us_busy": {size: _times(one[size]) for size in one},
        "order_round_trip_us_busy_many_to_many": {size: _times(row) for size, row in found["many_to_many"].items()},
        "orders_per_second_saturated": {
            mode: {size: row["fast"] for size, row in sizes.items()} for mode, sizes in found.items()
        },
        **beside,
        "busy": {"orders_per_second_each": RATE, "foreign_cpu_percent": max(row["foreign"] for row in one.values())},
    }


def _times(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("p50", "p99", "unanswered")}


async def _beside_idle(folder: Path, tls: TlsFiles, say: Say) -> dict[str, Any]:
    """Orders of a many-to-many relay with idle terminals, each a session at the counter, in turn with one that has none."""
    async with AsyncExitStack() as stack:
        users = IDLE + _FIRST - 100001
        stands = {
            name: await start_relay(
                stack,
                folder / name,
                "many_to_many",
                tls,
                settings=_SETTINGS,
                investors=users if name == "beside" else 0,
            )
            for name in ("alone", "beside")
        }
        await _log_in(stack, stands["beside"], IDLE, IDLE // 4, say)
        rounds = await measure(stands, _ROUNDS, say, {3: 40})
    shares = (("p50", 0.5), ("p99", 0.99))
    return {
        "order_round_trip_us_idle_500_many_to_many": {
            name: round(rounds.percentile("beside", 3, share)) for name, share in shares
        },
        "order_round_trip_ratio_idle_500_many_to_many": round(rounds.ratio("beside", "alone", 3), 2),
    }


async def _log_in(stack: AsyncExitStack, stand: Stand, count: int, each: int, say: Say) -> list[CallerProcess]:
    """So many in each process, all processes at once."""
    assert stand.site is not None
    say(f"{count} terminals log in")
    starting = []
    for first in range(0, count, each):
        own = ("--terminals", str(min(each, count - first)))
        options = site_options(stand.site, str(_FIRST + first))
        starting.append(start_process(stack, stand.tree.environment(), "benchmarks.busy_terminals", *options, *own))
    return [process for process, _ in await asyncio.gather(*starting)]


async def _with(stand: Stand, size: int, say: Say) -> dict[str, Any]:
    """The quietest of some slices."""
    async with AsyncExitStack() as stack:
        processes = await _log_in(stack, stand, size, math.ceil(size / math.ceil(size / _IN_ONE_PROCESS)), say)
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
