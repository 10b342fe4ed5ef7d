"""Orders while two thousand instruments tick to a terminal that does not read: the same orders with the ticks and without, in turn.

The ticks are the counter's, which is in the benchmark's own process: what they cost it is in the direct program's figures too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

from benchmarks.scene import DIRECT, CallerProcess, Scene
from benchmarks.summary import percentile
from ctpabi.shim.wire import event_frame

_EVERY_SECONDS = 0.25
"""each instrument ticks, as a busy market's do"""
_FILL_SECONDS = 3.0
"""until all that lies between relay and terminal is full"""
_SETTLE_SECONDS = 2.0
"""in which the slow terminal gets what waited"""
_AT_ONCE = 100
"""ticks before the counter looks at its orders again"""


async def orders_beside_ticks(
    scene: Scene, slow: CallerProcess, mode: str, rounds: int, orders: int, instruments: int
) -> dict[str, Any]:
    """Order call → OnRtnOrder of the direct program and of this relay, quiet and with the ticks; `slow` has subscribed them all."""
    times: dict[tuple[str, bool], list[float]] = {(way, busy): [] for way in (DIRECT, mode) for busy in (False, True)}
    for _ in range(rounds):
        for busy in (False, True):
            async with _ticking(scene, mode, slow, instruments) if busy else contextlib.nullcontext():
                for way in (DIRECT, mode):
                    times[way, busy] += await scene.callers[way].ask(f"orders {orders}")
    seen = await slow.ask("seen")
    ways = {
        way: {
            f"{word}_us": {"p50": round(median(found)), "p99": round(percentile(found, 0.99))}
            for word, found in (("quiet", times[way, False]), ("ticking", times[way, True]))
        }
        | {"ratio": round(median(times[way, True]) / median(times[way, False]), 2)}
        for way in (DIRECT, mode)
    }
    return {
        "instruments": instruments,
        "ticks_a_second": round(instruments / _EVERY_SECONDS),
        **ways,
        "passed_over": seen["passed_over"],
        "ticks_to_the_slow_terminal": len(seen["times"]),
    }


@asynccontextmanager
async def _ticking(scene: Scene, mode: str, slow: CallerProcess, instruments: int) -> AsyncIterator[None]:
    """`slow` stands still meanwhile: its connection fills, and the relay keeps the newest of each instrument."""
    os.kill(slow.pid, signal.SIGSTOP)
    ticking = asyncio.ensure_future(_tick(scene, mode, instruments))
    await asyncio.sleep(_FILL_SECONDS)
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.wait({ticking})
        os.kill(slow.pid, signal.SIGCONT)
        await asyncio.sleep(_SETTLE_SECONDS)


async def _tick(scene: Scene, mode: str, instruments: int) -> None:
    """All of them, again and again, to this relay, which connected in the order in which the relays were started."""
    front = scene.counter.market_data
    slot = front._slots["OnRtnDepthMarketData"]  # noqa: SLF001 — it shows what nobody traded
    frames = []
    for number in range(instruments):
        row: dict[str, Any] = {"InstrumentID": f"i{number:04}", "TradingDay": "20261126", "UpdateTime": "10:30:00"}
        row |= {f"{side}Price{level}": 3500.0 + level for side in ("Bid", "Ask") for level in range(1, 6)}
        row |= {f"{side}Volume{level}": 10 * level for side in ("Bid", "Ask") for level in range(1, 6)}
        row |= dict.fromkeys(("LastPrice", "OpenPrice", "HighestPrice", "LowestPrice", "AveragePrice"), 3500.0)
        body = front._records.pack("DepthMarketData", row)  # noqa: SLF001
        frames.append(event_frame(slot, body, None, 0, is_last=True).encode())
    relay = front.connections[list(scene.sites).index(mode)]
    due = time.perf_counter()
    while True:
        for first in range(0, instruments, _AT_ONCE):
            for frame in frames[first : first + _AT_ONCE]:
                relay.send(frame)
            await asyncio.sleep(0)
        due += _EVERY_SECONDS
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
