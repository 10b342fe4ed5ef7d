"""One attack as a process of its own: `python -m attacks.attacker NAME`, at the lowest priority.

Standard input gives one line of JSON, `Orders`; the answer is "ready". The next line starts the attack; the answer is
what was done, by word. Secrets come by standard input, so that none is on a command line.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop

from attacks.aim import Aim, Known
from attacks.catalog import Attack, find
from benchmarks.caller import collect_many
from terminal_client.collector import Collected

LOWEST_PRIORITY = 19
_GRACE_SECONDS = 2.0
"""after its time an attack is cut where it stands"""


@dataclass(frozen=True, slots=True)
class Orders:
    """What an attacker process is given."""

    port: int
    sources: Sequence[str]
    seconds: float
    known: Known = field(repr=False)

    def as_json(self) -> str:
        known = {name: getattr(self.known, name) for name in Known.__slots__}
        return json.dumps({"port": self.port, "sources": self.sources, "seconds": self.seconds, "known": known})

    @classmethod
    def from_json(cls, line: str) -> Orders:
        content = json.loads(line)
        known = Known(**{**content["known"], "others": tuple(content["known"]["others"])})
        return cls(content["port"], tuple(content["sources"]), content["seconds"], known)


async def carry_out(attack: Attack, orders: Orders, collected: list[Collected]) -> dict[str, int]:
    """The attack, for its time; returns what was done."""
    aim = Aim(orders.port, orders.sources, orders.seconds, orders.known, collected)
    try:
        async with asyncio.timeout(orders.seconds + _GRACE_SECONDS):
            await attack.run(aim)
    except TimeoutError:
        aim.done["cut_short"] += 1
    return dict(aim.done)


def main() -> None:
    attack = find(sys.argv[1])
    orders = Orders.from_json(sys.stdin.readline())
    collected = collect_many(attack.system_infos) if attack.system_infos else []
    os.nice(LOWEST_PRIORITY)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps("ready"), flush=True)
    if sys.stdin.readline():
        print(json.dumps(uvloop.run(carry_out(attack, orders, collected))), flush=True)


if __name__ == "__main__":
    main()
