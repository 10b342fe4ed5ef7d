"""Part `orders`: direct, floor, many-to-many, many-to-one and many-to-one once more, hot and cold.

Then each mode with made-up orders that keep it warm, and beside it the same without them, and direct. They come afterwards because a relay
that is kept warm works always: it takes the others' time and caches, and keeps the processor from sleeping.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.cpu import cpu_seconds
from benchmarks.orders import Rounds, Say, measure
from benchmarks.scene import DIRECT
from benchmarks.stand import FLOOR, Stand, start_direct, start_floor, start_relay
from demo.cast import MODES
from demo.certificates import TlsFiles, make_tls_files

ONE, MANY = "many_to_one", "many_to_many"
TWIN = "many_to_one_again"
"""the same code a second time, for the noise"""
VARIANTS = (DIRECT, FLOOR, MANY, ONE)
_ROUNDS, _WARM_ROUNDS = 16, 6
WARM = "_warm"
"""what the name of a variant ends with that is kept warm"""
_WARM_MILLISECONDS = 5
_IDLE_SECONDS = 3.0


async def measure_orders(folder: Path, say: Say, rounds: int = _ROUNDS) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        say("a counter for each variant, the relays and the terminals start")
        direct = await start_direct(stack, folder)
        async with AsyncExitStack() as cold:
            stands = {DIRECT: direct, FLOOR: await start_floor(cold, folder, tls)}
            for mode in MODES:
                stands[mode] = await start_relay(cold, folder / mode, mode, tls)
            stands[TWIN] = await start_relay(cold, folder / TWIN, ONE, tls)
            found = summarize(await measure(stands, rounds, say))
        for mode in MODES:
            results.add(found, await _measure_warm(folder, mode, tls, direct, say))
        return found


async def _measure_warm(folder: Path, mode: str, tls: TlsFiles, direct: Stand, say: Say) -> dict[str, Any]:
    name = f"{mode}{WARM}"
    say(f"{name}: a made-up order each {_WARM_MILLISECONDS} ms")
    settings = {"RELAY__KEEP_WARM_MILLISECONDS": str(_WARM_MILLISECONDS)}
    async with AsyncExitStack() as stack:
        stand = await start_relay(stack, folder / name, mode, tls, settings=settings)
        before = cpu_seconds(stand.relay)
        await asyncio.sleep(_IDLE_SECONDS)
        idle = (cpu_seconds(stand.relay) - before) / _IDLE_SECONDS
        cold = await start_relay(stack, folder / f"{mode}_beside_warm", mode, tls)
        rounds = await measure({DIRECT: direct, mode: cold, name: stand}, _WARM_ROUNDS, say)
        return warm_figures(rounds, mode, name, idle)


def warm_figures(found: Rounds, cold_name: str, name: str, idle: float) -> dict[str, Any]:
    """Beside those of the others, by the same keys; `idle` is the CPU of its relay without an order, of a core."""
    hot, cold, paused = 0, 20, 3
    trips = {
        pause: {word: round(found.percentile(name, pause, share)) for word, share in (("p50", 0.5), ("p99", 0.99))}
        for pause in (hot, cold, paused)
    }
    direct = found.percentile(DIRECT, paused, 0.99)
    return {
        "order_round_trip_us": {name: trips[paused]},
        "order_round_trip_us_pause_20ms": {name: trips[cold]},
        "order_round_trip_us_back_to_back": {name: trips[hot]},
        "order_round_trip_ratio_to_direct": {name: round(found.ratio(name, DIRECT, paused), 2)},
        "order_p99_ratio_to_direct": {name: round(found.percentile(name, paused, 0.99) / direct, 2)},
        "pause_20ms_ratio_to_direct": {name: round(found.ratio(name, DIRECT, cold), 2)},
        "pause_20ms_ratio_to_back_to_back": {name: round(found.ratio(name, name, cold, hot), 2)},
        "keep_warm": {
            "milliseconds": _WARM_MILLISECONDS,
            "pause_3ms_ratio_to_cold": {name: round(found.ratio(name, cold_name, paused), 2)},
            "pause_20ms_ratio_to_cold": {name: round(found.ratio(name, cold_name, cold), 2)},
            "idle_cpu_percent": {name: round(100 * idle, 1)},
            "foreign_cpu_percent": {name: round(100 * found.foreign, 1)},
        },
    }


def summarize(found: Rounds) -> dict[str, Any]:
    hot, cold, paused = 0, 20, 3

    def trips(pause: int) -> dict[str, dict[str, int]]:
        shares = {"p50": 0.5, "p99": 0.99}
        return {v: {name: round(found.percentile(v, pause, share)) for name, share in shares.items()} for v in VARIANTS}

    def ratios(to: str, of: tuple[str, ...]) -> dict[str, float]:
        return {variant: round(found.ratio(variant, to, paused), 2) for variant in of}

    p99 = {variant: found.percentile(variant, paused, 0.99) for variant in VARIANTS}
    return {
        "order_round_trip_us": trips(paused),
        "order_round_trip_us_pause_20ms": trips(cold),
        "order_round_trip_us_back_to_back": trips(hot),
        "order_round_trip_ratio_to_direct": ratios(DIRECT, VARIANTS[1:]),
        "order_round_trip_ratio_to_floor": ratios(FLOOR, (MANY, ONE)),
        "order_p99_ratio_to_direct": {variant: round(p99[variant] / p99[DIRECT], 2) for variant in VARIANTS[1:]},
        "pause_20ms_ratio_to_direct": {v: round(found.ratio(v, DIRECT, cold), 2) for v in VARIANTS[1:]},
        "pause_20ms_ratio_to_back_to_back": {v: round(found.ratio(v, v, cold, hot), 2) for v in VARIANTS},
        "relay_cpu_us_per_order": {
            name: {v: round(found.relay_cpu_us(v, pause)) for v in VARIANTS[1:]}
            for name, pause in (("back_to_back", hot), ("pause_3ms", paused), ("pause_20ms", cold))
        },
        "orders_measured": {variant: len(found.times(variant, paused)) for variant in VARIANTS},
        "noise": {
            "a_a_ratio": round(found.ratio(TWIN, ONE, paused), 3),
            "a_a_ratio_pause_20ms": round(found.ratio(TWIN, ONE, cold), 3),
            "a_a_ratio_back_to_back": round(found.ratio(TWIN, ONE, hot), 3),
            "rounds": len(found.kept),
            "rounds_thrown_away": found.thrown_away,
            "foreign_cpu_percent": round(100 * found.foreign, 1),
        },
    }
