"""Part `logins`: one at a time, sixteen at a time, and a thousand at once, of a many-to-one relay.

Every login has a connection of its own with its TLS handshake. In the storm a terminal that is cut off or refused comes again after a
second, as a real one does, and a terminal that is in places orders meanwhile.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cpu import ForeignCpu, cpu_seconds, family
from benchmarks.crowd import Crowd, start_crowd
from benchmarks.orders import Say
from benchmarks.summary import percentile
from demo.certificates import make_tls_files

_ONE_BY_ONE, _BY_SIXTEENS, STORM = 60, 240, 1000
_ORDERS_A_SECOND = 20
_ROOM = {"SESSIONS__MAX_PER_PROCESS": "2000"}
"""with more the descriptors of this machine leave less than a thousand connections that have no session yet"""


async def measure_logins(folder: Path, say: Say) -> dict[str, Any]:
    found: dict[str, Any] = {"logins_per_second": {}, "login_cpu_ms": {}}
    async with AsyncExitStack() as stack:
        say("a relay that knows a thousand investors starts")
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        crowd = await start_crowd(stack, folder / "relay", tls, settings=_ROOM)
        await _logins(crowd, "warm", 16, 16, {"logins_per_second": {}, "login_cpu_ms": {}})
        for name, count, at_a_time in (
            ("one_at_a_time", _ONE_BY_ONE, 1),
            ("sixteen_at_a_time", _BY_SIXTEENS, 16),
        ):
            say(f"{count} logins, {name}")
            await _logins(crowd, name, count, at_a_time, found)
        say(f"{STORM} terminals get ready")
        await _storm(crowd, say, found)
    found["logins_per_second"]["many_to_one"] = found["logins_per_second"]["sixteen_at_a_time"]
    return found


async def _logins(crowd: Crowd, name: str, count: int, at_a_time: int, found: dict[str, Any]) -> None:
    await crowd.prepare(count, fleets=1)
    cpu, foreign = cpu_seconds(crowd.stand.relay), ForeignCpu(family(os.getpid()))
    seconds = (await crowd.log_in(at_a_time, fleets=1))[-1]
    found.setdefault("logins_foreign_cpu_percent", {})[name] = round(100 * foreign.share(), 1)
    found["logins_per_second"][name] = round(count / seconds, 1)
    found["login_cpu_ms"][name] = round(1000 * (cpu_seconds(crowd.stand.relay) - cpu) / count, 2)
    await crowd.leave()


async def _storm(crowd: Crowd, say: Say, found: dict[str, Any]) -> None:
    await crowd.prepare(STORM)
    caller = crowd.stand.caller
    quiet = await caller.ask(f"paced 5 {_ORDERS_A_SECOND}")
    say(f"{STORM} logins at once")
    cpu, foreign = cpu_seconds(crowd.stand.relay), ForeignCpu(family(os.getpid()))
    storm = asyncio.ensure_future(crowd.log_in(STORM))
    orders: list[float | None] = []
    while not storm.done():
        orders += await caller.ask(f"paced 1 {_ORDERS_A_SECOND}")
    seconds = await storm
    found["logins_foreign_cpu_percent"][f"storm_{STORM}"] = round(100 * foreign.share(), 1)
    spent = cpu_seconds(crowd.stand.relay) - cpu
    found["logins_per_second"][f"storm_{STORM}"] = round(STORM / seconds[-1], 1)
    found["login_storm_p99_s"] = round(percentile(seconds, 0.99), 2)
    found["login_storm"] = {
        "p50_s": round(median(seconds), 2),
        "last_s": round(seconds[-1], 2),
        "came_again": crowd.again,
    }
    found["login_cpu_ms"][f"storm_{STORM}"] = round(1000 * spent / STORM, 2)
    answered = [one for one in orders if one is not None]
    found["order_round_trip_us_during_storm"] = {
        "quiet": round(median(one for one in quiet if one is not None)),
        "storm": round(median(answered)) if answered else None,
        "storm_p99": round(percentile(answered, 0.99)) if answered else None,
        "unanswered": orders.count(None),
    }
