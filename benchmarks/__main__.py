"""`python -m benchmarks`: measures all variants in turn, round by round, and writes results/latest.json."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import summary
from benchmarks.scene import Scene, set_up
from simcounter.demo_accounts import BROKER_ID

RESULTS = Path(__file__).parent / "results" / "latest.json"
_LOGINS_AT_A_TIME = 4


async def measure(rounds: int, orders: int, events: int, logins: int, console: Console) -> dict[str, object]:
    """One interleaved run."""
    with tempfile.TemporaryDirectory() as folder:
        async with set_up(Path(folder)) as scene:
            for caller in scene.callers.values():
                await caller.ask("orders 20")  # warm
            times: dict[str, list[list[float]]] = {variant: [] for variant in scene.callers}
            for number in range(rounds):
                console.print(f"round {number + 1} of {rounds}", style="dim")
                for variant, caller in scene.callers.items():
                    times[variant].append(await caller.ask(f"orders {orders}"))
            rates = {variant: await _flood(scene, variant, events) for variant in scene.callers}
            seconds = await scene.callers["many_to_one"].ask(f"logins {logins} {_LOGINS_AT_A_TIME}")
    return summary.summarize(times, rates, logins / seconds)


async def _flood(scene: Scene, variant: str, count: int) -> float:
    """Order notices a second, as the terminal sees them; each is another state, or the relay would pass only one."""
    caller = scene.callers[variant]
    investor = {"direct": "100005", "many_to_many": "100001", "many_to_one": "100003"}[variant]
    records = scene.counter.records
    values = {"BrokerID": BROKER_ID, "InvestorID": investor, "UserID": investor, "OrderRef": "999999"}
    notices = [records.notice(investor, "OnRtnOrder", {**values, "SequenceNo": number + 1}) for number in range(count)]
    await caller.send_command(f"events {count}")
    await caller.answer()
    for notice in notices:
        await scene.counter.front.flood(notice, 1, patient=True)
    return float(count / await caller.answer())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--orders", type=int, default=150, help="orders a round and variant")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--logins", type=int, default=60)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    console = Console()
    result = asyncio.run(measure(given.rounds, given.orders, given.events, given.logins, console))
    summary.write(result, given.output)
    summary.show(result, console)
    console.print(f"written: {given.output.name}")


if __name__ == "__main__":
    main()
