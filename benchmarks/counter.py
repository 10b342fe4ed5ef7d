"""A simulated counter as a process of its own: a command per line on standard input, an answer per line as JSON.

flood N INVESTOR          N order notices of one investor as fast as they are read, each another state of one order
notices N MS [INVESTOR]   N single notices, MS milliseconds apart: of this investor, or public ones
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc
import itertools
import json
import sys

from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.events import TopicNotice

_INSTRUMENT = {"ExchangeID": "SHFE", "ExchangeInstID": "rb", "InstrumentID": "rb", "InstrumentStatus": "2"}
_MONEY = 1e12
"""of each investor: margin is frozen for every resting order, and who has none left gets a refusal and no notice"""


class PlayedCounter:
    """What it is asked to send."""

    def __init__(self, counter: SimulatedCounter) -> None:
        self._counter = counter
        self._states = itertools.count(1000)
        """never one twice, nor one that the day began with: a relay passes a repeated state once"""

    async def flood(self, count: int, investor: str) -> int:
        notices = [self._order(investor) for _ in range(count)]
        for notice in notices:
            await self._counter.front.flood(notice, 1, patient=True)
        return count

    async def notices(self, count: int, milliseconds: float, investor: str) -> int:
        for _ in range(count):
            await self._counter.front.flood(self._order(investor) if investor else self._public(), 1, patient=True)
            await asyncio.sleep(milliseconds / 1000)
        return count

    def _order(self, investor: str) -> TopicNotice:
        who = {"BrokerID": demo_accounts.BROKER_ID, "InvestorID": investor, "UserID": investor}
        return self._counter.records.notice(
            investor, "OnRtnOrder", {**who, "OrderRef": "999999", "SequenceNo": next(self._states)}
        )

    def _public(self) -> TopicNotice:
        values = {**_INSTRUMENT, "TradingSegmentSN": next(self._states), "EnterTime": "09:00:00", "EnterReason": "1"}
        return self._counter.records.notice("", "OnRtnInstrumentStatus", values)


async def serve(users: int) -> None:
    rich = tuple(dataclasses.replace(user, balance=_MONEY) for user in demo_accounts.users(users))
    config = CounterConfig(users=rich, sessions_per_user=10_000)
    async with SimulatedCounter(config) as counter:
        played, loop = PlayedCounter(counter), asyncio.get_running_loop()
        gc.freeze()  # its books are not what is measured
        print(json.dumps(counter.address), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            match line.split():
                case ["flood", count, investor]:
                    answer = await played.flood(int(count), investor)
                case ["notices", count, milliseconds, *investor]:
                    answer = await played.notices(int(count), float(milliseconds), "".join(investor))
                case _:
                    return
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=demo_accounts.INVESTORS)
    asyncio.run(serve(parser.parse_args().users))
