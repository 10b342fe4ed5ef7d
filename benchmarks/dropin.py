"""`python -m benchmarks.dropin [--exec]`: what an order through a drop-in costs beside `terminal_client`, at one relay in one run.

The program is one, written for openctp-ctp: once with the drop-in for that package, and with --exec also on the binding itself
under `ctp-terminal exec` (needs g++ once). Each terminal is a process of its own with an investor of its own: each order of one
investor is news for all of its terminals, the one that logged in first hears it first, and the others need the same two
cores at that moment. They order in turn, round by round. A caller that says `ready` at first answers `orders N` with the
microseconds from each call to its first OnRtnOrder, as benchmarks.caller.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.scene import CallerProcess, Scene, TerminalSite, set_up
from ctpabi.shim.for_relay import libraries_for_relay

MODE = "many_to_many"
PROGRAM = "benchmarks.dropin_caller"
DROP_IN_INVESTOR, EXEC_INVESTOR = "100002", "100004"
_ROOT = Path(__file__).parents[1]
_PATHS = (_ROOT, _ROOT / "proto", _ROOT / "integrations/openctp_dropin")


Start = Callable[[Scene, Path], Awaitable[CallerProcess]]


async def measure(rounds: int, orders: int, drop_ins: dict[str, Start]) -> None:
    """Rounds of orders, one terminal after the other; for each drop-in the median of the rounds' ratios."""
    with tempfile.TemporaryDirectory() as folder:
        async with set_up(Path(folder)) as scene, AsyncExitStack() as stack:
            callers = {"terminal_client": scene.callers[MODE]}
            for name, start in drop_ins.items():
                callers[name] = await start(scene, Path(folder))
                stack.push_async_callback(callers[name].stop)
            times = await in_turn(callers, rounds, orders)
    medians = {name: [statistics.median(one) for one in rows] for name, rows in times.items()}
    for name, rows in times.items():
        every = [time for one in rows for time in one]
        p99 = statistics.quantiles(every, n=100)[98]
        print(f"{name:16} median {statistics.median(every):.0f} us, p99 {p99:.0f} us, {len(every)} orders")
    for name in drop_ins:
        ratios = [one / other for one, other in zip(medians[name], medians["terminal_client"], strict=True)]
        print(f"{name} / terminal_client: {statistics.median(ratios):.3f} (median of {rounds} rounds)")


async def in_turn(callers: dict[str, CallerProcess], rounds: int, orders: int) -> dict[str, list[list[float]]]:
    times: dict[str, list[list[float]]] = {name: [] for name in callers}
    for number in range(rounds + 1):
        for name in sorted(callers, reverse=bool(number % 2)):
            found = await callers[name].ask(f"orders {orders if number else 20}")
            if number:  # the first round warms
                times[name].append(found)
    return times


async def start_drop_in(scene: Scene, folder: Path) -> CallerProcess:
    """The program with the drop-in for openctp-ctp, logged in at the relay of the scene."""
    site = scene.sites[MODE]
    settings = _settings(folder / "terminal.toml", site)
    words = ["-m", "ctp_relay_openctp", "-m", PROGRAM, DROP_IN_INVESTOR, f"relay://{site.address}"]
    return await _started(words, {"CTP_RELAY_TERMINAL": str(settings)}, _PATHS)


async def start_under_exec(scene: Scene, folder: Path) -> CallerProcess:
    """The program on the binding itself, under `ctp-terminal exec`."""
    site = scene.sites[MODE]
    settings = _settings(folder / "exec.toml", site, f'relay = "{site.address}"\n')
    program = [sys.executable, "-m", PROGRAM, EXEC_INVESTOR, "tcp://203.0.113.7:41205"]
    words = ["-m", "terminal_client.cli.app", "--config", str(settings), "exec", "--", *program]
    return await _started(words, {}, _PATHS[:2])


def _settings(file: Path, site: TerminalSite, more: str = "") -> Path:
    lines = f'app_id = "{site.app_id}"\nauth_code_file = "{site.auth_code_file}"\nca_file = "{site.authority}"\n'
    file.write_text(lines + more, encoding="utf-8")
    return file


async def _started(words: list[str], variables: dict[str, str], paths: tuple[Path, ...]) -> CallerProcess:
    environment = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
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
    parser.add_argument("--exec", action="store_true", help="measure `ctp-terminal exec` as well")
    given = parser.parse_args()
    drop_ins: dict[str, Start] = {"drop-in": start_drop_in}
    if given.exec:
        libraries_for_relay()  # compiled before the clock runs
        drop_ins["exec"] = start_under_exec
    asyncio.run(measure(given.rounds, given.orders, drop_ins))


if __name__ == "__main__":
    main()
