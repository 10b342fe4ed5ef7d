"""Part `idle`: what terminals that do nothing cost a many-to-one relay, and one notice that goes to all of them.

Memory and CPU of the relay with 100, 1,000 and 5,000 terminals; orders with 500 of them there beside a relay that has none, in turn;
one public notice at a time to 100 and to 1,000 terminals, and what it does to an order: orders in turn without notices and while
one goes to all each 100 ms. From then on the terminals' processes run at the lowest priority, because they share this machine with the
relay, which a firm's terminals do not.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.cpu import ForeignCpu, cpu_seconds, family
from benchmarks.crowd import Crowd, resident_kib, start_crowd
from benchmarks.orders import Say, measure
from benchmarks.stand import start_relay
from benchmarks.summary import percentile
from demo.certificates import make_tls_files

SIZES = (100, 1000, 5000)
_ALONE, _BESIDE = "alone", "idle_500"
_AMONG, _LISTENING = 500, 1000
"""with how many idle ones orders are measured; while notices go to how many"""
_WATCHED_SECONDS = 8
_SETTLE_SECONDS = 3
_NOTICES = {100: (60, 50), 1000: (25, 200)}
"""terminals -> single notices, milliseconds between them"""
_BESIDE_MILLISECONDS, _SLICES, _ORDERS = 100, 12, 120
_ROUNDS = 8
_AT_A_TIME = 32


async def measure_idle(folder: Path, say: Say) -> dict[str, Any]:
    found: dict[str, Any] = {
        "rss_kib_per_terminal": {},
        "rss_mib": {},
        "idle_cpu_percent": {},
        "fan_out_cpu_us_per_terminal": {},
    }
    async with AsyncExitStack() as stack:
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        say("a relay that knows a thousand investors starts")
        crowd = await start_crowd(stack, folder / "relay", tls)
        await crowd.stand.caller.ask("orders 100 0")
        before = resident_kib(crowd.stand.relay)
        found["rss_mib"]["0"] = before // 1024
        await crowd.step_back()
        for size in SIZES:
            if crowd.here < _AMONG < size:
                async with AsyncExitStack() as others:
                    await _log_in(crowd, _AMONG, say)
                    alone = await start_relay(others, folder / _ALONE, "many_to_one", tls)
                    found |= await _orders_beside(crowd, alone, say)
            await _log_in(crowd, size, say)
            await _weigh(crowd, size, before, found)
            if size in _NOTICES:
                await _fan_out(crowd, size, found, say)
            if size == _LISTENING:
                found |= await _orders_during_fan_out(crowd, say)
    return found


async def _log_in(crowd: Crowd, size: int, say: Say) -> None:
    while crowd.here < size:
        say(f"{crowd.here} of {size} terminals")
        await crowd.prepare(min(500, size - crowd.here))
        await crowd.log_in(_AT_A_TIME)


async def _weigh(crowd: Crowd, size: int, before: int, found: dict[str, Any]) -> None:
    await asyncio.sleep(_SETTLE_SECONDS)
    cpu = cpu_seconds(crowd.stand.relay)
    await asyncio.sleep(_WATCHED_SECONDS)
    found["idle_cpu_percent"][str(size)] = round(100 * (cpu_seconds(crowd.stand.relay) - cpu) / _WATCHED_SECONDS, 2)
    now = resident_kib(crowd.stand.relay)
    found["rss_kib_per_terminal"][str(size)] = round((now - before) / size)
    found["rss_mib"][str(size)] = now // 1024


async def _orders_beside(crowd: Crowd, alone: Any, say: Say) -> dict[str, Any]:
    rounds = await measure({_ALONE: alone, _BESIDE: crowd.stand}, _ROUNDS, say, {3: 40})
    return {
        "order_round_trip_us_idle_500": {
            name: round(rounds.percentile(_BESIDE, 3, share)) for name, share in (("p50", 0.5), ("p99", 0.99))
        },
        "order_round_trip_ratio_idle_500": round(rounds.ratio(_BESIDE, _ALONE, 3), 2),
    }


async def _fan_out(crowd: Crowd, size: int, found: dict[str, Any], say: Say) -> None:
    """Of the relay's CPU for one notice and terminal, less what it spends without any."""
    count, milliseconds = _NOTICES[size]
    say(f"{count} single notices to {size} terminals")
    await crowd.count_notices()
    await crowd.stand.counter.ask("notices 3 200")
    await crowd.all_have_seen(3)
    cpu, foreign = cpu_seconds(crowd.stand.relay), ForeignCpu(family(os.getpid()))
    await crowd.stand.counter.ask(f"notices {count} {milliseconds}")
    await crowd.all_have_seen(3 + count)
    spent = (
        cpu_seconds(crowd.stand.relay) - cpu - found["idle_cpu_percent"][str(size)] / 100 * count * milliseconds / 1000
    )
    found.setdefault("fan_out_foreign_cpu_percent", {})[str(size)] = round(100 * foreign.share(), 1)
    found["fan_out_cpu_us_per_terminal"][str(size)] = round(1e6 * spent / count / size, 1)


async def _orders_during_fan_out(crowd: Crowd, say: Say) -> dict[str, Any]:
    """Slices without notices and with them, in turn."""
    quiet: list[float] = []
    during: list[float] = []
    for number in range(_SLICES):
        say(f"orders while notices go to {crowd.here} terminals, {number + 1} of {_SLICES}")
        quiet += await crowd.stand.caller.ask(f"orders {_ORDERS}")
        asked = asyncio.ensure_future(crowd.stand.counter.ask(f"notices 15 {_BESIDE_MILLISECONDS}"))
        while not asked.done():
            during += await crowd.stand.caller.ask("orders 20")
        await asked
        await asyncio.sleep(1)
    p99 = {"quiet": percentile(quiet, 0.99), "during": percentile(during, 0.99)}
    return {
        "order_p99_us_during_fan_out": round(p99["during"]),
        "order_p99_us_before_fan_out": round(p99["quiet"]),
        "order_p99_ratio_during_fan_out": round(p99["during"] / p99["quiet"], 2),
        "order_p50_us_during_fan_out": {
            "quiet": round(percentile(quiet, 0.5)),
            "during": round(percentile(during, 0.5)),
        },
    }
