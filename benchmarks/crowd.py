"""Many terminals of one many-to-one relay, shared out among some processes; every terminal has a connection and an identity of its own.

A thousand have an investor each; with more, an investor has several. What a terminal does before it comes (collecting, deriving from its
password) is done beforehand, so that this machine's time is the relay's and not that of a thousand machines.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.scene import CallerProcess, start_process
from benchmarks.stand import Settings, Stand, register, site_options, start_relay
from benchmarks.trees import HERE, Tree
from demo.certificates import TlsFiles

FIRST = 200001
INVESTORS = 1000
_FLEETS = 4
_LONGEST_SECONDS = 200.0
_LOOKS, _LOOK_SECONDS = 100, 0.2
ROOM_FOR_ALL = {
    "LISTEN__CONNECTIONS_PER_SECOND_PER_ADDRESS": "1000",
    "LISTEN__MAX_CONNECTIONS_WITHOUT_SESSION": "5000",
    "LISTEN__MAX_CONNECTIONS_WITHOUT_SESSION_PER_ADDRESS": "5000",
    "LISTEN__MAX_STREAMS_WITHOUT_SESSION": "5000",
    "LISTEN__MAX_STREAMS_WITHOUT_SESSION_PER_ADDRESS": "5000",
    "LISTEN__HELLO_TIMEOUT_SECONDS": "60",
    "SESSIONS__MAX_PER_PROCESS": "6000",
    "LIMITS__ORDERS_PER_SECOND": "100000",
}
"""a firm's terminals have addresses of their own; here all come from one"""


@dataclass(slots=True)
class Crowd:
    """Fleets of terminals at one relay."""

    stand: Stand
    fleets: list[CallerProcess]
    firm_salt: bytes
    here: int = 0
    """how many are logged in"""
    again: int = 0
    """how often one had to come again in the last `log_in`"""
    _next: list[int] = field(default_factory=lambda: [0] * _FLEETS)

    async def prepare(self, count: int, fleets: int = _FLEETS) -> None:
        """Shared out among so many fleets, each of which has a range of investors to itself."""
        shares = [count // fleets + (number < count % fleets) for number in range(fleets)]
        await asyncio.gather(*(self._prepare(number, share) for number, share in enumerate(shares)))

    async def _prepare(self, number: int, left: int) -> None:
        block = INVESTORS // _FLEETS
        while left:
            begin = self._next[number] % block
            part = min(left, block - begin)
            first = FIRST + number * block + begin
            await self.fleets[number].ask(f"prepare {part} {first} {self.firm_salt.hex()}")
            self._next[number] += part
            left -= part

    async def log_in(self, at_a_time: int, fleets: int = _FLEETS) -> list[float]:
        """Seconds until each was in, in order; RuntimeError where one gave up."""
        for fleet in self.fleets[:fleets]:
            await fleet.send_command(f"log_in {max(1, at_a_time // fleets)}")
        answers = [await fleet.answer(_LONGEST_SECONDS) for fleet in self.fleets[:fleets]]
        every = [seconds for answer in answers for seconds in answer["seconds"]]
        self.again = sum(answer["again"] for answer in answers)
        if failed := every.count(None):
            raise RuntimeError(f"{failed} of {len(every)} terminals could not log in")
        self.here += len(every)
        return sorted(every)

    async def count_notices(self) -> None:
        """From now on; `all_have_seen` asks for them."""
        for fleet in self.fleets:
            await fleet.ask("count")

    async def all_have_seen(self, count: int) -> None:
        """RuntimeError where a terminal does not have so many notices within a generous time."""
        fewest = 0
        for _ in range(_LOOKS):
            await asyncio.sleep(_LOOK_SECONDS)
            fewest = min([(await fleet.ask("seen"))["fewest"] for fleet in self.fleets])
            if fewest >= count:
                return
        raise RuntimeError(f"a terminal has had {fewest} of {count} notices")

    async def step_back(self) -> None:
        for fleet in self.fleets:
            await fleet.ask("step_back")

    async def leave(self) -> None:
        for fleet in self.fleets:
            await fleet.send_command("leave")
        for fleet in self.fleets:
            await fleet.answer(_LONGEST_SECONDS)
        self.here = 0


async def start_crowd(
    stack: AsyncExitStack, folder: Path, tls: TlsFiles, *, tree: Tree = HERE, settings: Settings | None = None
) -> Crowd:
    """A relay that knows the investors, and terminals that have not come yet."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    named = {**ROOM_FOR_ALL, **(settings or {})}
    stand = await start_relay(stack, folder, "many_to_one", tls, tree=tree, settings=named)
    salt = await register(stack, folder, tree, INVESTORS, FIRST)
    assert stand.site is not None
    own = [*site_options(stand.site), "--known"]
    started = [start_process(stack, tree.environment(), "benchmarks.fleet", *own) for _ in range(_FLEETS)]
    return Crowd(stand, [process for process, _ in await asyncio.gather(*started)], salt)


def resident_kib(pid: int) -> int:
    """Memory of the process now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
