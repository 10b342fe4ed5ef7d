"""`python -m benchmarks.order_trail`: what the orders' stream costs an order. Two relays in one run, with and without, in turn."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from benchmarks.scene import set_up


async def measure(rounds: int, orders: int) -> None:
    """Rounds of orders, one relay after the other; the medians' ratio."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        async with set_up(Path(one)) as kept, set_up(Path(two), LEDGER__ORDERS="false") as bare:
            scenes = {"with": kept, "without": bare}
            times: dict[str, list[float]] = {name: [] for name in scenes}
            for number in range(rounds + 1):
                for name in sorted(scenes, reverse=bool(number % 2)):
                    found = await scenes[name].callers["many_to_many"].ask(f"orders {orders}")
                    times[name] += found if number else []  # the first round warms
    median = {name: statistics.median(found) for name, found in times.items()}
    p99 = {name: statistics.quantiles(found, n=100)[98] for name, found in times.items()}
    for name in scenes:
        print(f"{name:8} median {median[name] * 1e6:7.1f} us, p99 {p99[name] * 1e6:7.1f} us, {len(times[name])} orders")
    print(
        f"ratio of the medians {median['with'] / median['without']:.4f}, of the 99th percentiles "
        f"{p99['with'] / p99['without']:.4f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.order_trail", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--orders", type=int, default=150, help="orders a round and relay")
    given = parser.parse_args()
    asyncio.run(measure(given.rounds, given.orders))
