"""`make bench`, or python -m benchmarks [PART …]: measures, and writes each part's figures into results/latest.json.

Each part leaves the others' figures as they are. Every process of a variant is its own, counters too, and variants take turns in one
run: compare figures of one run with each other, and look at noise.a_a_ratio, the ratio of the same code with itself, before you
believe a difference. What else runs on the machine counts: rounds in which it took more than 15 % are thrown away and made again.

To see what a change costs, use `make bench-against REV=main`, which measures both trees in one run.
Progress is on standard error, the figures are on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.busy import measure_busy
from benchmarks.events import measure_events
from benchmarks.idle import measure_idle
from benchmarks.logins import measure_logins
from benchmarks.market import measure_market
from benchmarks.order_part import measure_orders
from benchmarks.orders import Say, progress
from benchmarks.results import RESULTS, merge
from benchmarks.trees import HERE
from benchmarks.update_gap import measure_update
from demo.relay_site import CommandFailed


@dataclass(frozen=True, slots=True)
class Part:
    """One subject with its command; ended with an error after `most_seconds`."""

    words: str
    measure: Callable[[Path, Say], Awaitable[dict[str, Any]]]
    most_seconds: int


PARTS = {
    "orders": Part(
        "order call → OnRtnOrder of one terminal: direct, floor, many-to-many, many-to-one; with pauses of 0, 3 and 20 ms",
        measure_orders,
        400,
    ),
    "events": Part(
        "order notices to one terminal as fast as they come, and the relay's CPU for one", measure_events, 200
    ),
    "busy": Part("orders while 8, 32 and 100 terminals trade, in both modes", measure_busy, 400),
    "idle": Part(
        "memory and CPU of 100, 1,000 and 5,000 idle terminals, orders beside 500, one notice to 100 and to 1,000",
        measure_idle,
        600,
    ),
    "logins": Part("logins one at a time, sixteen at a time, a thousand at once", measure_logins, 400),
    "market": Part("ticks to one terminal and to a hundred, and orders beside ticks", measure_market, 300),
    "update": Part("how long 20 terminals cannot order while their relay is updated", measure_update, 400),
}


async def _measured(part: Part, folder: Path) -> dict[str, Any]:
    try:
        async with asyncio.timeout(part.most_seconds):
            return await part.measure(folder, progress)
    except TimeoutError:
        raise RuntimeError(f"not measured within {part.most_seconds} s: is the machine busy?") from None


def main() -> None:
    listed = "\n".join(f"  {name:8} {part.words}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"parts, in the order in which they run:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="which to measure; all of them unless named")
    parser.add_argument("--output", type=Path, default=RESULTS, help="another file than results/latest.json")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: relays and counters are ended first
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    began = time.monotonic()
    progress("the order path is compiled where it is not yet (relay.compiled): a minute or two")
    HERE.compile()
    failed = [name for name in PARTS if name in (given.parts or PARTS) and not _run(name, given.output)]
    if given.output == RESULTS:
        page.write()
    progress(
        f"{time.monotonic() - began:.0f} s in all; figures, tables and charts are in {given.output.name} and docs/performance.md"
    )
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _run(name: str, output: Path) -> bool:
    began, load = time.monotonic(), os.getloadavg()[0]
    progress(f"{name}: {PARTS[name].words}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = asyncio.run(_measured(PARTS[name], Path(folder)))
        except (RuntimeError, CommandFailed, OSError) as error:
            progress(f"{name}: {error}")
            return False
    seconds = round(time.monotonic() - began)
    run = {"on": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"), "seconds": seconds, "load_before": round(load, 1)}
    merge({**found, "measured": {name: run}}, output)
    print(json.dumps(found, indent=2, ensure_ascii=False), flush=True)
    progress(f"{name}: {seconds} s")
    return True


if __name__ == "__main__":
    main()
