"""`python -m benchmarks.order_trail`: what the orders' stream costs an order. Two relays in one run, with and without, in turn.

Latency as the terminal sees it, and the relay process's processor time for an order, all its threads together.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
from pathlib import Path

from benchmarks.scene import set_up


async def measure(rounds: int, orders: int, rate: int) -> None:
    """Rounds of orders, one relay after the other; the medians' ratio."""
    command = f"paced {orders / rate} {rate}" if rate else f"orders {orders}"
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        async with set_up(Path(one)) as kept, set_up(Path(two), LEDGER__ORDERS="false") as bare:
            scenes = {"with": kept, "without": bare}
            times: dict[str, list[float]] = {name: [] for name in scenes}
            spent = dict.fromkeys(scenes, 0.0)
            for number in range(rounds + 1):
                for name in sorted(scenes, reverse=bool(number % 2)):
                    before = processor_seconds(scenes[name].relays["many_to_many"])
                    found = await scenes[name].callers["many_to_many"].ask(command)
                    await asyncio.sleep(1.5)  # the stream's thread has written its entries
                    if number:  # the first round warms
                        times[name] += [one for one in found if one is not None]
                        spent[name] += processor_seconds(scenes[name].relays["many_to_many"]) - before
    median = {name: statistics.median(found) for name, found in times.items()}
    p99 = {name: statistics.quantiles(found, n=100)[98] for name, found in times.items()}
    each = {name: spent[name] / len(times[name]) for name in scenes}
    for name in scenes:
        print(
            f"{name:8} median {median[name] / 1e3:.2f} ms, p99 {p99[name] / 1e3:.2f} ms, processor {each[name] * 1e6:.0f} us an"
            f" order, {len(times[name])} orders"
        )
    ratios = {what: of["with"] / of["without"] for what, of in (("median", median), ("p99", p99), ("processor", each))}
    print("with / without: " + ", ".join(f"{what} {ratio:.3f}" for what, ratio in ratios.items()))


def processor_seconds(pid: int) -> float:
    """What a process and all its threads have used so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.order_trail", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--orders", type=int, default=150, help="orders a round and relay")
    parser.add_argument(
        "--rate", type=int, default=20, help="orders a second; 0: each as soon as the one before is there"
    )
    given = parser.parse_args()
    asyncio.run(measure(given.rounds, given.orders, given.rate))
