"""`python -m benchmarks.full_machine`: as many many-to-many sessions as four workers take, on this one machine.

200 terminals of 200 investors log in at a relay with four workers on PostgreSQL, at the simulated counter, through one port.
Then each worker is weighed: sessions' memory, threads, and CPU while nothing happens. The terminals share the machine, and the
vendor's library is the simulated one, so its own memory is not in it. Needs PostgreSQL's programs, for a server of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import secrets
import signal
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.caller import collect_many
from benchmarks.crowd import resident_kib
from demo.cast import MODES, TERMINAL_APP_ID
from demo.certificates import make_tls_files
from demo.relay_run import RelayRun
from demo.relay_site import RelaySite, clean_environment, ctp_settings
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.exec import program_environment
from terminal_client import RelayTerminal, Tls
from terminal_client.collector import Collected
from terminal_client.errors import TerminalError
from terminal_client.session import Deadlines
from tests.postgres import own_server

_IDLE_SECONDS = 10.0
_LONGEST_SECONDS = 200.0
_AT_A_TIME = 16


async def measure(folder: Path, postgres: str, workers: int, count: int) -> dict[str, Any]:
    """Log all of them in, weigh, and end it."""
    users = tuple(demo_accounts.users(count))
    async with SimulatedCounter(CounterConfig(users=users)) as counter, AsyncExitStack() as stack:
        site = RelaySite(
            folder / "relay",
            MODES["many_to_many"],
            make_tls_files(folder, dt.datetime.now(dt.UTC)),
            "".join(secrets.choice("ABCDEFGH01234567") for _ in range(16)),
        )
        site.furnish(ctp_settings(site.cast, counter.address))
        with (site.folder / "relay.toml").open("a") as file:
            file.write(f'\n[ledger]\nurl = "{postgres}"\n')
        await site.run("database", "upgrade", seconds=120.0)
        await site.run(
            "terminal", "add", TERMINAL_APP_ID, "--auth-code-file", "terminal_auth_code.secret", seconds=120.0
        )
        run = await stack.enter_async_context(RelayRun(site.folder, _environment(workers)))
        port = await run.start()
        terminals = [_terminal(site, port) for _ in range(count)]
        began = time.perf_counter()
        refused = await _log_in(terminals, demo_accounts.investor_ids(count))
        seconds = time.perf_counter() - began
        found = await _weigh(run.pid)
        for start in range(0, count, _AT_A_TIME):
            await asyncio.gather(*(one.close() for one in terminals[start : start + _AT_A_TIME]))
        os.kill(run.pid, signal.SIGINT)
    return {"sessions": count - refused, "refused": refused, "login_seconds": round(seconds, 1), **found}


def _environment(workers: int) -> dict[str, str]:
    """All terminals come from one address."""
    named = {
        "RELAY__WORKERS": str(workers),
        "LISTEN__MAX_STREAMS_WITHOUT_SESSION_PER_ADDRESS": "1000",
        "LISTEN__CONNECTIONS_PER_SECOND_PER_ADDRESS": "1000",
        "LISTEN__HELLO_TIMEOUT_SECONDS": "60",
    }
    return program_environment({**clean_environment(os.environ), **{f"CTP_RELAY__{k}": v for k, v in named.items()}})


def _terminal(site: RelaySite, port: int) -> RelayTerminal:
    return RelayTerminal(
        f"127.0.0.1:{port}",
        app_id=TERMINAL_APP_ID,
        auth_code=site.terminal_auth_code,
        tls=Tls(ca_file=site.tls.authority),
        deadlines=Deadlines(login_seconds=120.0),
    )


async def _log_in(terminals: list[RelayTerminal], investors: list[str]) -> int:
    """How many were not let in within the longest time; the others come again until they are."""
    limit, until = asyncio.Semaphore(_AT_A_TIME), time.monotonic() + _LONGEST_SECONDS
    collected = await asyncio.to_thread(collect_many, len(terminals))

    async def one(terminal: RelayTerminal, investor: str, info: Collected) -> bool:
        async with limit:
            while time.monotonic() < until:
                try:
                    await terminal.login(
                        demo_accounts.BROKER_ID, investor, demo_accounts.password_of(investor), info, live_only=True
                    )
                except TerminalError as error:
                    print(f"{investor}: {error}", flush=True)
                    await asyncio.sleep(1)
                else:
                    return True
        return False

    let_in = await asyncio.gather(*map(one, terminals, investors, collected))
    return let_in.count(False)


async def _weigh(supervisor: int) -> dict[str, Any]:
    """Of the supervisor and each of its workers."""
    await asyncio.sleep(2)
    workers = _children(supervisor)
    cpu = {pid: _cpu_seconds(pid) for pid in (supervisor, *workers)}
    await asyncio.sleep(_IDLE_SECONDS)
    idle = {pid: 100 * (_cpu_seconds(pid) - cpu[pid]) / _IDLE_SECONDS for pid in cpu}
    return {
        "workers": [
            {
                "rss_mib": resident_kib(pid) // 1024,
                "threads": _entries(pid, "task"),
                "descriptors": _entries(pid, "fd"),
                "idle_cpu_percent": round(idle[pid], 2),
            }
            for pid in workers
        ],
        "supervisor": {"rss_mib": resident_kib(supervisor) // 1024, "idle_cpu_percent": round(idle[supervisor], 2)},
    }


def _children(supervisor: int) -> list[int]:
    """The workers; not what they started themselves."""
    tasks = Path(f"/proc/{supervisor}/task")
    found = [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
    return [pid for pid in found if b"relay.workers.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _entries(pid: int, folder: str) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/{folder}").iterdir())


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full_machine", description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--sessions", type=int, default=200)
    given = parser.parse_args()
    os.environ["TZ"] = "CST-8"  # the collector writes the process's own time; the regulator wants China's
    time.tzset()
    with tempfile.TemporaryDirectory() as folder, own_server() as server:
        if server is None:
            raise SystemExit("no PostgreSQL here: apt-get install postgresql")
        found = asyncio.run(measure(Path(folder), server.new_database(), given.workers, given.sessions))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
