"""`python -m benchmarks.many_terminals`: logins and idle terminals of a many-to-one relay, at size.

Logins one at a time, sixteen at a time, and a thousand at once, beside a terminal that places orders; then what idle terminals
cost in memory and CPU. Every terminal has a connection, an investor and a collection of its own. All of them, relay and counter
share this machine's cores. What a terminal does before it comes (collecting, deriving from its password) is done beforehand.
Results go into results/latest.json beside the others.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import resource
import sys
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import SecretStr

from benchmarks.scene import CallerProcess, TerminalSite, start_caller, start_relay
from benchmarks.summary import percentile
from demo.cast import CTP_SHARED, TERMINAL_APP_ID
from demo.certificates import make_tls_files
from demo.relay_site import clean_environment
from relay.database.database import open_database
from relay.directory.investors import Investors
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter

RESULTS = Path(__file__).parent / "results" / "latest.json"
FIRST = 200001
_FLEETS = 4
_ROOM = {
    "LISTEN__CONNECTIONS_PER_SECOND_PER_ADDRESS": "1000",
    "LISTEN__MAX_CONNECTIONS_WITHOUT_SESSION": "5000",
    "LISTEN__MAX_CONNECTIONS_WITHOUT_SESSION_PER_ADDRESS": "5000",
    "LISTEN__MAX_STREAMS_WITHOUT_SESSION": "5000",
    "LISTEN__MAX_STREAMS_WITHOUT_SESSION_PER_ADDRESS": "5000",
    "LISTEN__HELLO_TIMEOUT_SECONDS": "60",
    "SESSIONS__MAX_PER_PROCESS": "6000",
    "LIMITS__ORDERS_PER_SECOND": "1000",
}
"""a firm's terminals have addresses of their own; here all come from one"""
_ORDERS_A_SECOND = 20
_IDLE_SECONDS = 15


class Crowd:
    """Fleets of terminals at one relay."""

    def __init__(
        self, relay: int, caller: CallerProcess, fleets: list[CallerProcess], counter: SimulatedCounter
    ) -> None:
        self.relay = relay
        self.caller = caller
        self.fleets = fleets
        self.counter = counter
        self._next = FIRST
        self._last, self._salt = FIRST, ""

    def of(self, investors: int, firm_salt: bytes) -> None:
        self._last, self._salt = FIRST + investors, firm_salt.hex()

    async def prepare(self, count: int) -> None:
        """Shared out among the fleets."""
        for number, fleet in enumerate(self.fleets):
            mine = count // len(self.fleets) + (number < count % len(self.fleets))
            if self._next + mine > self._last:
                self._next = FIRST
            await fleet.send_command(f"prepare {mine} {self._next} {self._salt}")
            self._next += mine
        for fleet in self.fleets:
            await fleet.answer()

    async def log_in(self, at_a_time: int) -> list[float]:
        """Seconds until each was in; `at_a_time` in each fleet."""
        for fleet in self.fleets:
            await fleet.send_command(f"log_in {at_a_time}")
        answers = [await fleet.answer() for fleet in self.fleets]
        every = [seconds for answer in answers for seconds in answer]
        if refused := every.count(None):
            print(f"{refused} of {len(every)} were refused", flush=True)
        return sorted(seconds for seconds in every if seconds is not None)

    async def leave(self) -> None:
        for fleet in self.fleets:
            await fleet.ask("leave")


async def measure(given: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"logins_per_second": {}, "login_cpu_ms": {}}
    with tempfile.TemporaryDirectory() as folder:
        async with set_up(Path(folder), max(given.storm, 100)) as crowd:
            await _idle(crowd, [int(size) for size in given.idle.split(",") if size], found)
            await crowd.leave()
            for name, count, at_a_time in (
                ("one_at_a_time", given.logins, 1),
                ("sixteen_at_a_time", 4 * given.logins, 16),
            ):
                await _logins(crowd, name, count, at_a_time, found)
            if given.storm:
                await _storm(crowd, given.storm, found)
                await crowd.leave()
    return found


async def _logins(crowd: Crowd, name: str, count: int, at_a_time: int, found: dict[str, Any]) -> None:
    fleets, crowd.fleets = crowd.fleets, crowd.fleets[:1]
    await crowd.prepare(count)
    cpu = cpu_seconds(crowd.relay)
    seconds = (await crowd.log_in(at_a_time))[-1]
    found["logins_per_second"][name] = round(count / seconds, 1)
    found["login_cpu_ms"][name] = round(1000 * (cpu_seconds(crowd.relay) - cpu) / count, 2)
    await crowd.leave()
    crowd.fleets = fleets


async def _storm(crowd: Crowd, count: int, found: dict[str, Any]) -> None:
    quiet = await crowd.caller.ask(f"paced 5 {_ORDERS_A_SECOND}")
    await crowd.prepare(count)
    cpu = cpu_seconds(crowd.relay)
    storm = asyncio.ensure_future(crowd.log_in(count))
    orders: list[float | None] = []
    while not storm.done():
        orders += await crowd.caller.ask(f"paced 1 {_ORDERS_A_SECOND}")
    seconds = await storm
    spent = cpu_seconds(crowd.relay) - cpu
    found["logins_per_second"][f"storm_{count}"] = round(count / seconds[-1], 1)
    found["login_storm_p99_s"] = round(percentile(seconds, 0.99), 2)
    found["login_storm_last_s"] = round(seconds[-1], 2)
    found["login_cpu_ms"][f"storm_{count}"] = round(1000 * spent / count, 2)
    found["order_round_trip_us_during_storm"] = {
        "quiet": round(median(one for one in quiet if one is not None)),
        "storm": round(median(one for one in orders if one is not None)),
        "unanswered": orders.count(None),
    }


async def _idle(crowd: Crowd, sizes: list[int], found: dict[str, Any]) -> None:
    before, here = resident_kib(crowd.relay), 0
    found["rss_kib_per_terminal"], found["idle_cpu_percent"], found["rss_mib"] = {}, {}, {"0": before // 1024}
    for size in sizes:
        while here < size:
            more = min(500, size - here)
            await crowd.prepare(more)
            await crowd.log_in(16)
            here += more
        await asyncio.sleep(5)
        cpu = cpu_seconds(crowd.relay)
        await asyncio.sleep(_IDLE_SECONDS)
        share = 100 * (cpu_seconds(crowd.relay) - cpu) / _IDLE_SECONDS
        found["idle_cpu_percent"][str(size)] = round(share, 2)
        now = resident_kib(crowd.relay)
        found["rss_kib_per_terminal"][str(size)] = round((now - before) / size)
        found["rss_mib"][str(size)] = now // 1024


def cpu_seconds(pid: int) -> float:
    """Of the process and all its threads; its side process, which judges system info, is not in it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@asynccontextmanager
async def set_up(folder: Path, investors: int) -> AsyncIterator[Crowd]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    async with AsyncExitStack() as stack:
        users = tuple(demo_accounts.users())
        counter = await stack.enter_async_context(SimulatedCounter(CounterConfig(users=users)))
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        where = folder / "many_to_one"
        port, site, relay = await start_relay(stack, where, CTP_SHARED, tls, counter, _ROOM)
        firm_salt = await asyncio.to_thread(_register, site.folder, investors)
        code = site.folder / "terminal_auth_code.secret"
        at = TerminalSite(f"127.0.0.1:{port}", TERMINAL_APP_ID, code, tls.authority, CTP_SHARED.investor_id)
        caller = await start_caller(stack, "relay", at.address, at.investor_id, at.app_id, code, at.authority)
        fleets = [await _fleet(stack, at) for _ in range(_FLEETS)]
        crowd = Crowd(relay, caller, fleets, counter)
        crowd.of(investors, firm_salt)
        yield crowd


def _register(folder: Path, count: int) -> bytes:
    """In the relay's database, while it runs; returns the firm's salt."""
    engine = open_database(SecretStr(f"sqlite:///{folder / 'state' / 'relay.sqlite3'}"))
    investors = Investors(engine, clock=lambda: dt.datetime.now(dt.UTC))
    with ThreadPoolExecutor(4) as threads:
        names = [str(FIRST + number) for number in range(count)]
        list(
            threads.map(
                lambda name: investors.add(demo_accounts.BROKER_ID, name, demo_accounts.password_of(name)), names
            )
        )
    engine.dispose()
    return investors.firm_salt


async def _fleet(stack: AsyncExitStack, at: TerminalSite) -> CallerProcess:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.fleet",
        *("--address", at.address, "--app-id", at.app_id, "--auth-code-file", str(at.auth_code_file)),
        *("--ca", str(at.authority), "--known"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # the collector's shell commands complain there
        env={**clean_environment(os.environ), "TZ": "CST-8"},
        limit=1 << 24,
    )
    fleet = CallerProcess(process)
    stack.push_async_callback(fleet.stop)
    if await fleet.answer() != "ready":
        raise RuntimeError("a fleet of terminals did not start")
    return fleet


def write(found: dict[str, Any], path: Path) -> None:
    """Beside what is there."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    for name, value in found.items():
        kept[name] = {**kept.get(name, {}), **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_terminals", description=__doc__)
    parser.add_argument("--logins", type=int, default=60, help="one at a time; four times as many sixteen at a time")
    parser.add_argument("--storm", type=int, default=1000, help="logins at once; 0 for none")
    parser.add_argument("--idle", default="100,1000,5000", help="how many idle terminals to weigh, in rising order")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    found = asyncio.run(measure(given))
    print(json.dumps(found, indent=2))
    write(found, given.output)


if __name__ == "__main__":
    main()
