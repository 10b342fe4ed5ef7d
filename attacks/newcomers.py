"""Honest terminals that log in, as a process of its own: whole logins of the shipped client, each from a fresh address.

Standard input gives one line of JSON, `Firm`; the answer is "ready". Then one command a line:

visit COUNT SECONDS   that many logins, evenly over the time; the answer is one row each: whether it succeeded, its
                      seconds, and where it did not, why
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.caller import collect_many
from simcounter import demo_accounts
from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal
from terminal_client.collector import Collected
from terminal_client.errors import LoginRejected, TerminalError
from tests.e2e.broken_network import way_to

IN_TIME_SECONDS = 3.0
"""within which an honest login is to succeed"""


@dataclass(frozen=True, slots=True)
class Firm:
    """The relay, and whose terminals log in at it."""

    port: int
    authority: str
    app_id: str
    auth_code: str = field(repr=False)
    investors: Sequence[str]
    """in turn, each time from another address"""
    known: str
    """an investor who comes from the same address each time, every second time; empty: there is none"""
    logins: int
    """at most"""


class Newcomers:
    def __init__(self, firm: Firm, collected: list[Collected]) -> None:
        self._firm = firm
        self._collected = collected
        self._who = self._turns()

    async def visit(self, count: int, seconds: float) -> list[tuple[bool, float, str]]:
        """One login after the other, whether or not those before it have succeeded yet."""
        visits = []
        began = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number * seconds / count - time.monotonic()))
            visits.append(asyncio.ensure_future(self._one(*next(self._who), self._collected.pop())))
        return list(await asyncio.gather(*visits))

    async def _one(self, investor: str, address: str, collected: Collected) -> tuple[bool, float, str]:
        firm, began, why = self._firm, time.monotonic(), ""
        async with way_to(firm.port, address) as way:
            terminal = RelayTerminal(
                way.address, app_id=firm.app_id, auth_code=firm.auth_code, tls=Tls(ca_file=Path(firm.authority))
            )
            password = demo_accounts.password_of(investor)
            try:
                async with asyncio.timeout(IN_TIME_SECONDS):
                    await terminal.login(demo_accounts.BROKER_ID, investor, password, collected, live_only=True)
            except LoginRejected as rejected:
                why = rejected.reason
            except (TerminalError, TimeoutError) as error:
                why = type(error).__name__
            taken = time.monotonic() - began
            await terminal.close()
        return not why, taken, why

    def _turns(self) -> Iterator[tuple[str, str]]:
        """Investor and address of each login."""
        addresses = (f"127.0.{place // 200 + 10}.{place % 200 + 1}" for place in itertools.count())
        investors = itertools.cycle(self._firm.investors)
        for number in itertools.count():
            if self._firm.known and number % 2 == 0:
                yield self._firm.known, "127.0.9.1"
            else:
                yield next(investors), next(addresses)


def firm_as_json(firm: Firm) -> str:
    return json.dumps(asdict(firm))


async def main() -> None:
    firm = Firm(**json.loads(sys.stdin.readline()))
    newcomers = Newcomers(firm, collect_many(firm.logins))
    loop = asyncio.get_running_loop()
    print(json.dumps("ready"), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        match line.split():
            case ["visit", count, seconds]:
                print(json.dumps(await newcomers.visit(int(count), float(seconds))), flush=True)
            case _:
                return


if __name__ == "__main__":
    asyncio.run(main())
