"""`python -m benchmarks.dropin`: what an order through the openctp-ctp drop-in costs beside `terminal_client`, at one relay in one run.

Both terminals are of the same investor and app id, each a process of its own, and order in turn, round by round. A caller
that says `ready` at first answers `orders N` with the microseconds from each call to its first OnRtnOrder, as benchmarks.caller.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.scene import CallerProcess, Scene, set_up

MODE = "many_to_many"
_ROOT = Path(__file__).parents[1]
_PATHS = (_ROOT, _ROOT / "proto", _ROOT / "integrations/openctp_dropin")


async def measure(rounds: int, orders: int) -> None:
    """Rounds of orders, one terminal after the other; the median of the rounds' ratios."""
    with tempfile.TemporaryDirectory() as folder:
        async with set_up(Path(folder)) as scene:
            dropin = await start(scene, Path(folder))
            try:
                callers = {"terminal_client": scene.callers[MODE], "drop-in": dropin}
                times = await in_turn(callers, rounds, orders)
            finally:
                await dropin.stop()
    medians = {name: [statistics.median(one) for one in rows] for name, rows in times.items()}
    for name, rows in times.items():
        every = [time for one in rows for time in one]
        p99 = statistics.quantiles(every, n=100)[98]
        print(f"{name:16} median {statistics.median(every):.0f} us, p99 {p99:.0f} us, {len(every)} orders")
    ratios = [one / other for one, other in zip(medians["drop-in"], medians["terminal_client"], strict=True)]
    print(f"drop-in / terminal_client: {statistics.median(ratios):.3f} (median of {rounds} rounds)")


async def in_turn(callers: dict[str, CallerProcess], rounds: int, orders: int) -> dict[str, list[list[float]]]:
    times: dict[str, list[list[float]]] = {name: [] for name in callers}
    for number in range(rounds + 1):
        for name in sorted(callers, reverse=bool(number % 2)):
            found = await callers[name].ask(f"orders {orders if number else 20}")
            if number:  # the first round warms
                times[name].append(found)
    return times


async def start(scene: Scene, folder: Path) -> CallerProcess:
    """The drop-in's program, logged in at the relay of the scene."""
    site = scene.sites[MODE]
    settings = folder / "terminal.toml"
    settings.write_text(
        f'app_id = "{site.app_id}"\nauth_code_file = "{site.auth_code_file}"\nca_file = "{site.authority}"\n',
        encoding="utf-8",
    )
    environment = {**os.environ, "CTP_RELAY_TERMINAL": str(settings), "PYTHONPATH": os.pathsep.join(map(str, _PATHS))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ctp_relay_openctp", "-m", "benchmarks.dropin_caller", site.investor_id,
        f"relay://{site.address}", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=None, env=environment, limit=1 << 24,
    )  # fmt: skip
    caller = CallerProcess(process)
    if await caller.answer() != "ready":
        raise RuntimeError("the drop-in's program did not log in")
    return caller


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dropin", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--orders", type=int, default=100, help="orders a round and terminal")
    given = parser.parse_args()
    asyncio.run(measure(given.rounds, given.orders))


if __name__ == "__main__":
    main()
