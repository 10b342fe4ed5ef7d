"""Terminals that all trade, in one process, each with an investor of its own; commands and answers as in `caller`.

paced S R   each places R resting orders a second for S seconds, at moments of its own, whether or not those before were answered: the
            microseconds from every call to its first OnRtnOrder, null for one without an answer
fast S      each places one order after the other for S seconds without a pause: how many were answered
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.caller import Paced, Terminal, collect_many, lowest_price, resting_order
from ctprelay.ctp.v1 import structs_pb2
from simcounter import demo_accounts
from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal
from terminal_client.session import Deadlines
from terminal_client.subscriptions import Subscription

_PATIENT = Deadlines(login_seconds=60.0)
_CAPACITY = 100_000
_PATIENCE_SECONDS = 30.0


class Trading:
    """One terminal with its notices."""

    def __init__(self, terminal: Terminal, price: float) -> None:
        self.terminal = terminal
        self.order = resting_order(price)

    async def paced(self, seconds: float, rate: float, seed: int) -> list[float | None]:
        await asyncio.sleep(random.Random(seed).uniform(0, 1 / rate))  # noqa: S311 — no secret
        async with self.terminal.orders(capacity=_CAPACITY) as notices:
            paced = Paced(self.terminal, self.order)
            watching, sent = asyncio.ensure_future(paced.watch(notices)), []
            began = time.perf_counter()
            for number in range(int(seconds * rate)):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                sent.append(asyncio.ensure_future(paced.one()))
            times = await asyncio.gather(*sent)
            watching.cancel()
            await asyncio.wait({watching})
        return times

    async def fast(self, seconds: float) -> int:
        until, count = time.perf_counter() + seconds, 0
        async with self.terminal.orders(capacity=_CAPACITY) as notices:
            while time.perf_counter() < until:
                sent = await self.terminal.request("order_insert", self.order)
                await _first_notice(notices, sent.order_ref.strip())
                count += 1
        return count


async def _first_notice(notices: Subscription[structs_pb2.Order], order_ref: str) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (await anext(notices)).order_ref.strip() != order_ref:
            pass


async def log_in(stack: AsyncExitStack, given: argparse.Namespace) -> list[Trading]:
    code, trading, price = given.auth_code_file.read_text().strip(), [], 0.0
    for number, collected in enumerate(await asyncio.to_thread(collect_many, given.terminals)):
        tls, investor = Tls(ca_file=given.ca), str(int(given.investor) + number)
        terminal = RelayTerminal(given.address, app_id=given.app_id, auth_code=code, tls=tls, deadlines=_PATIENT)
        await stack.enter_async_context(terminal)
        who = (demo_accounts.BROKER_ID, investor, demo_accounts.password_of(investor))
        await terminal.login(*who, collected, confirm_settlement=True, live_only=True)
        price = price or await lowest_price(terminal)
        trading.append(Trading(terminal, price))
    return trading


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True, help="HOST:PORT of the relay")
    parser.add_argument("--investor", required=True, help="the first one's")
    parser.add_argument("--terminals", type=int, required=True)
    parser.add_argument("--app-id", required=True)
    parser.add_argument("--auth-code-file", type=Path, required=True)
    parser.add_argument("--ca", type=Path, required=True)
    given, loop = parser.parse_args(), asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        trading = await log_in(stack, given)
        print(json.dumps("ready"), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            match line.split():
                case ["paced", seconds, rate]:
                    first = int(given.investor)
                    each = [one.paced(float(seconds), float(rate), first + n) for n, one in enumerate(trading)]
                    answer: object = [time for times in await asyncio.gather(*each) for time in times]
                case ["fast", seconds]:
                    answer = sum(await asyncio.gather(*(one.fast(float(seconds)) for one in trading)))
                case _:
                    return
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
