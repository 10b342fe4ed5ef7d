"""Readers of ticks as a process of their own: it says "ready"; asked on standard input, how many it has had and what it has seen.

`Turnover` of each tick is the time when it was made, by the clock all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.caller import collect_many
from ctpabi.api import binding
from ctpabi.api.market import MarketApi
from ctpabi.api.spi import RawEvent
from simcounter import demo_accounts
from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal


class Seen:
    """The microseconds of every tick, and how many were passed over."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.passed_over = 0
        self.last_at = 0.0

    def tick(self, made_at: float) -> None:
        self.last_at = time.perf_counter()
        self.times.append((self.last_at - made_at) * 1e6)

    def answer(self) -> str:
        times, self.times = self.times, []
        return json.dumps({"times": times, "passed_over": self.passed_over, "last_at": self.last_at})


async def direct(given: argparse.Namespace, names: list[str], seen: Seen, folder: str) -> None:
    """The vendor's API in this process."""
    loaded, loop = binding.load_market(), asyncio.get_running_loop()
    offset = loaded.catalog.structs["DepthMarketData"].field("Turnover").offset
    logged_in = asyncio.Event()

    def put(event: RawEvent) -> None:
        match event.callback.name:
            case "OnRtnDepthMarketData":
                seen.tick(struct.unpack_from("<d", event.body or b"", offset)[0])
            case "OnFrontConnected":
                loop.call_soon_threadsafe(log_in)
            case "OnRspUserLogin":
                loop.call_soon_threadsafe(logged_in.set)
            case _:
                pass

    def log_in() -> None:
        method = loaded.catalog.methods["ReqUserLogin"]
        api.call(method, bytes(loaded.catalog.structs[method.struct].size), 1)

    api = MarketApi(loaded, Path(folder), put)
    api.connect([given.address])
    await logged_in.wait()
    api.subscribe("SubscribeMarketData", [name.encode() for name in names])
    await answer_lines(seen)
    api.release()


async def at_relay(given: argparse.Namespace, names: list[str], seen: Seen) -> None:
    """`--terminals` terminals of the relay."""
    code = (await asyncio.to_thread(Path(given.auth_code_file).read_text)).strip()
    password = demo_accounts.password_of(given.investor)
    terminals = []
    readers = []
    for collected in await asyncio.to_thread(collect_many, given.terminals):
        tls = Tls(ca_file=Path(given.ca))
        terminal = RelayTerminal(given.address, app_id=given.app_id, auth_code=code, tls=tls)
        await terminal.login(demo_accounts.BROKER_ID, given.investor, password, collected, live_only=True)
        terminals.append(terminal)
        readers.append(asyncio.ensure_future(read(terminal, seen)))
        await terminal.market_data().subscribe(names)
    await answer_lines(seen)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*(terminal.close() for terminal in terminals), *readers, return_exceptions=True)


async def read(terminal: RelayTerminal, seen: Seen) -> None:
    ticks = terminal.market_data().ticks(capacity=1_000_000)
    while True:
        for tick in await ticks.burst():
            seen.passed_over += tick.passed_over
            if not tick.is_snapshot:
                seen.tick(tick.depth.turnover)


async def answer_lines(seen: Seen) -> None:
    print(json.dumps("ready"), flush=True)
    loop = asyncio.get_running_loop()
    while (asked := (await loop.run_in_executor(None, sys.stdin.readline)).strip()) in {"count", "seen"}:
        print(seen.answer() if asked == "seen" else json.dumps(len(seen.times) + seen.passed_over), flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=["direct", "relay"])
    for name in ("address", "investor", "app-id", "auth-code-file", "ca"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--terminals", type=int, default=1)
    parser.add_argument("--instruments", type=int, default=1)
    given = parser.parse_args()
    names, seen = [f"i{number:04}" for number in range(given.instruments)], Seen()
    with tempfile.TemporaryDirectory() as folder:
        await (direct(given, names, seen, folder) if given.variant == "direct" else at_relay(given, names, seen))


if __name__ == "__main__":
    asyncio.run(main())
