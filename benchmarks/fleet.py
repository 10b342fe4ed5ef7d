"""Many terminals in one process, each with a connection and an investor of its own; commands and answers as in `caller`.

prepare N F S   N terminals of the investors from F on get ready: system info collected, passwords derived with the firm's salt
log_in N        all of them, N at a time, each again after a second where it was refused or cut off: the seconds until each was in,
                null for one that gave up, and how often they had to come again
count           from now on each counts its notices
seen            the fewest and the most notices that one of them has had since then
step_back       from now on this process runs only where the machine has nothing else to do, as if it were another machine
leave           all log out
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.caller import collect_many
from ctprelay.ctp.v1 import events_pb2
from simcounter import demo_accounts
from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal
from terminal_client.collector import Collected
from terminal_client.errors import TerminalError
from terminal_client.password_proof import DerivedPasswords, SaltedName
from terminal_client.secret import Secret
from terminal_client.session import Deadlines
from terminal_client.subscriptions import Subscription

PATIENT = Deadlines(login_seconds=120.0)
_AGAIN_SECONDS = 1.0
_GIVE_UP_SECONDS = 100.0
_NOTICES = 100_000


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True, help="HOST:PORT of the relay")
    parser.add_argument("--app-id", required=True)
    parser.add_argument("--auth-code-file", type=Path, required=True)
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--investor", default="", help="not asked: `prepare` names the first one")
    parser.add_argument(
        "--known", action="store_true", help="the relay has shown its keys before: the proof stands alone"
    )
    return parser.parse_args()


class Fleet:
    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._auth_code = given.auth_code_file.read_text().strip()
        self._ready: list[tuple[str, Collected, RelayTerminal]] = []
        self._in: list[tuple[RelayTerminal, Subscription[events_pb2.Event]]] = []
        self._again = 0
        self._passwords = DerivedPasswords()

    async def prepare(self, count: int, first: int, firm_salt: bytes) -> int:
        given = self._given
        for number, collected in enumerate(collect_many(count)):
            terminal = RelayTerminal(
                given.address,
                app_id=given.app_id,
                auth_code=self._auth_code,
                tls=Tls(ca_file=given.ca),
                deadlines=PATIENT,
                passwords=self._passwords,
            )
            investor = str(first + number)
            name = SaltedName(firm_salt, 2, 19 * 1024, demo_accounts.BROKER_ID, investor)
            derived = await self._passwords.key(name, Secret(demo_accounts.password_of(investor)))
            assert derived is not None
            derived.is_known = self._given.known
            self._ready.append((investor, collected, terminal))
        return count

    async def log_in(self, at_a_time: int) -> dict[str, Any]:
        """From the beginning of all."""
        ready, self._ready = self._ready, []
        limit, began, self._again = asyncio.Semaphore(at_a_time), time.perf_counter(), 0

        async def one(investor: str, collected: Collected, terminal: RelayTerminal) -> float | None:
            who = (demo_accounts.BROKER_ID, investor, demo_accounts.password_of(investor))
            async with limit:
                while not await self._is_in(terminal, who, collected):
                    if time.perf_counter() - began > _GIVE_UP_SECONDS:
                        return None
                    self._again += 1
                    await asyncio.sleep(_AGAIN_SECONDS)
            self._in.append((terminal, terminal.notices(_NOTICES)))
            return time.perf_counter() - began

        return {"seconds": await asyncio.gather(*(one(*each) for each in ready)), "again": self._again}

    async def _is_in(self, terminal: RelayTerminal, who: tuple[str, str, str], collected: Collected) -> bool:
        try:
            await terminal.login(*who, collected, live_only=True)
        except TerminalError as error:
            print(error, file=sys.stderr)
            return False
        return True

    def count(self) -> int:
        self._in = [(terminal, _anew(terminal, notices)) for terminal, notices in self._in]
        return len(self._in)

    def seen(self) -> dict[str, int]:
        counts = [len(notices) + notices.lost for _, notices in self._in]
        return {"fewest": min(counts, default=0), "most": max(counts, default=0)}

    async def leave(self) -> int:
        leaving, self._in = [terminal for terminal, _ in self._in], []
        for start in range(0, len(leaving), 50):
            await asyncio.gather(*(terminal.close() for terminal in leaving[start : start + 50]))
        return len(leaving)


def _anew(terminal: RelayTerminal, notices: Subscription[events_pb2.Event]) -> Subscription[events_pb2.Event]:
    notices.close()
    return terminal.notices(_NOTICES)


def step_back() -> int:
    """At the lowest niceness alone it would keep its core for up to 3 ms when another process there has something to do."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    return os.sched_getscheduler(0)


async def main() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    fleet, loop = Fleet(options()), asyncio.get_running_loop()
    print(json.dumps("ready"), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        match line.split():
            case ["prepare", count, first, salt]:
                answer: object = await fleet.prepare(int(count), int(first), bytes.fromhex(salt))
            case ["log_in", at_a_time]:
                answer = await fleet.log_in(int(at_a_time))
            case ["count"]:
                answer = fleet.count()
            case ["seen"]:
                answer = fleet.seen()
            case ["step_back"]:
                answer = step_back()
            case ["leave"]:
                answer = await fleet.leave()
            case _:
                await fleet.leave()
                return
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
