"""Part `market`: ticks to a terminal and to a hundred beside a program with the vendor's API, and orders beside ticks; one run."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.market_orders import orders_beside_ticks
from benchmarks.orders import Say
from benchmarks.scene import DIRECT, CallerProcess, Scene, set_up
from benchmarks.summary import percentile
from ctpabi.shim.wire import event_frame
from demo.relay_site import clean_environment
from simcounter.exec import program_environment

_MODE = "many_to_one"
_TICKS, _TERMINALS, _INSTRUMENTS = 500, 100, 2000
_ROUNDS, _ORDERS = 6, 60
_SETTLE_SECONDS = 60.0
"""at most, until every terminal has every tick"""


async def measure(folder: Path, say: Say) -> dict[str, Any]:
    """The figures, each with what a direct program had in the same moments."""
    settings = {"MARKET_DATA__ENABLED": "true", "MARKET_DATA__FRONTS": "@counter"}
    say("a counter, both relays and their terminals start")
    async with set_up(folder, **settings) as scene, AsyncExitStack() as stack:
        say("one terminal beside a direct program")
        one = [await _reader(stack, scene, DIRECT, 1, 1), await _reader(stack, scene, "relay", 1, 1)]
        for _ in range(_TICKS):
            _tick(scene, 1)
            await asyncio.sleep(0.002)
        direct, relayed = [await _all_seen(reader, _TICKS) for reader in one]
        for reader in one:
            await reader.stop()
        half = _TERMINALS // 2
        say(f"{2 * half} terminals log in")
        many = [await _reader(stack, scene, "relay", half, _INSTRUMENTS) for _ in range(2)]
        many.append(await _reader(stack, scene, DIRECT, 1, _INSTRUMENTS))
        say(f"{_INSTRUMENTS} instruments tick")
        began = time.perf_counter()
        _tick(scene, _INSTRUMENTS)
        *halves, alone = [
            await _all_seen(reader, _INSTRUMENTS * of) for reader, of in zip(many, (half, half, 1), strict=True)
        ]
        for reader in many:
            await reader.stop()
        say("orders beside a terminal that does not read its ticks")
        slow = await _reader(stack, scene, "relay", 1, _INSTRUMENTS)
        beside = await orders_beside_ticks(scene, slow, _MODE, _ROUNDS, _ORDERS, _INSTRUMENTS)
        got = sum(len(one["times"]) for one in halves)
        seconds = max(one["last_at"] for one in halves) - began
        trips = {"direct": direct["times"], "relay": relayed["times"]}
    return {
        "tick_to_terminal_us": {
            name: {"p50": round(median(times)), "p99": round(percentile(times, 0.99))} for name, times in trips.items()
        },
        "ratio_to_direct": round(median(relayed["times"]) / median(direct["times"]), 2),
        "fan_out": {
            "instruments": _INSTRUMENTS,
            "terminals": 2 * half,
            "ticks_to_terminals": got,
            "passed_over": sum(one["passed_over"] for one in halves),
            "seconds_until_all_have_all": round(seconds, 3),
            "ticks_per_second": round(got / seconds),
            "direct_seconds": round(alone["last_at"] - began, 3),
        },
        "orders_beside_ticks": beside,
    }


def _tick(scene: Scene, instruments: int) -> None:
    """One tick of each instrument, to every connection for market data."""
    front, records = scene.counter.market_data, scene.counter.market_data._records  # noqa: SLF001 — it shows what nobody traded
    slot = front._slots["OnRtnDepthMarketData"]  # noqa: SLF001
    for number in range(instruments):
        row = {"InstrumentID": f"i{number:04}", "TradingDay": "20261126", "LastPrice": 3500.0, "BidPrice1": 3499.0}
        body = records.pack("DepthMarketData", {**row, "Turnover": time.perf_counter()})
        frame = event_frame(slot, body, None, 0, is_last=True).encode()
        for connection in front.connections:
            connection.send(frame)


async def _all_seen(reader: CallerProcess, most: int) -> Any:
    """What it has seen, once these are all ticks or the time is over."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while await reader.ask("count") < most and time.monotonic() < deadline:  # noqa: ASYNC110 — it is another process
        await asyncio.sleep(0.1)
    return await reader.ask("seen")


async def _reader(stack: AsyncExitStack, scene: Scene, variant: str, terminals: int, instruments: int) -> CallerProcess:
    environment = {**clean_environment(os.environ), "TZ": "CST-8"}
    arguments = ["--terminals", str(terminals), "--instruments", str(instruments)]
    if variant == DIRECT:
        environment = program_environment(environment)
        arguments += ["--address", scene.counter.address]
    else:
        at = scene.sites[_MODE]
        arguments += ["--address", at.address, "--investor", at.investor_id, "--app-id", at.app_id]
        arguments += ["--auth-code-file", str(at.auth_code_file), "--ca", str(at.authority)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.market_reader",
        variant,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # the collector's shell commands complain there
        env=environment,
        limit=1 << 26,
    )
    reader = CallerProcess(process)
    stack.push_async_callback(reader.stop)
    if await reader.answer() != "ready":
        raise RuntimeError(f"the {variant} reader has no market data")
    return reader


async def measure_market(folder: Path, say: Say) -> dict[str, Any]:
    """Part `market`."""
    return {"market_data": await measure(folder, say)}
