"""Part `orders`: direct, floor, many-to-many, many-to-one and many-to-one once more, hot and cold."""

from __future__ import annotations

import datetime as dt
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.orders import Rounds, Say, measure
from benchmarks.scene import DIRECT
from benchmarks.stand import FLOOR, start_direct, start_floor, start_relay
from demo.cast import MODES
from demo.certificates import make_tls_files

ONE, MANY = "many_to_one", "many_to_many"
TWIN = "many_to_one_again"
"""the same code a second time, for the noise"""
VARIANTS = (DIRECT, FLOOR, MANY, ONE)
_ROUNDS = 16


async def measure_orders(folder: Path, say: Say, rounds: int = _ROUNDS) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        say("a counter for each variant, the relays and the terminals start")
        stands = {DIRECT: await start_direct(stack, folder), FLOOR: await start_floor(stack, folder, tls)}
        for mode in MODES:
            stands[mode] = await start_relay(stack, folder / mode, mode, tls)
        stands[TWIN] = await start_relay(stack, folder / TWIN, ONE, tls)
        return summarize(await measure(stands, rounds, say))


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
