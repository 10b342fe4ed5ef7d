"""The counter's own record, with the time at which each order came."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field, replace
from pathlib import Path

from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.session import Session, Values
from simcounter.tmdb import MonitoringKey
from tests.chaos.records import Arrived, Book
from tests.stateful.counter_side import MOST_SESSIONS, RICH, CounterSide

_FIRST_DAY = dt.date(2025, 1, 2)
"""days of the past are believed, and there are enough of them"""


@dataclass
class RecordedCounter(CounterSide):
    """A counter that goes on over trading days."""

    arrived: list[Arrived] = field(default_factory=list)
    said: int = 0
    """notices that belong to no order"""

    @classmethod
    def made(cls, place: Path) -> RecordedCounter:
        """Not listening yet; `place` gets the key of its reports."""
        key = place / "monitoring"
        MonitoringKey.generate().save_private(key)
        users = tuple(replace(user, balance=RICH) for user in demo_accounts.users())
        config = CounterConfig(
            users=users,
            trading_day=f"{_FIRST_DAY:%Y%m%d}",
            settlement_confirm_required=False,
            sessions_per_user=MOST_SESSIONS,
            monitoring_key=str(key),
        )
        side = cls(SimulatedCounter(config))
        side._listen_in()
        return side

    def _note(self, session: Session, values: Values) -> None:
        super()._note(session, values)
        now = asyncio.get_running_loop().time()
        self.arrived.append(Arrived(values["BusinessUnit"], values["InvestorID"], self.trading_day, now))

    def next_day(self) -> None:
        self.day += 1
        for kept in (self.inserts, self.states, self.triples, self.forgotten):
            kept.clear()
        self.counter.control.trading_day(f"{_FIRST_DAY + dt.timedelta(days=self.day):%Y%m%d}")

    async def say_much(self, investor: str, count: int) -> None:
        """So many notices that belong to no order, half a kilobyte each, to one investor."""
        values = {"BrokerID": self.counter.config.broker_id, "InvestorID": investor, "FieldContent": "9" * 500}
        for _ in range(count):
            self.said += 1  # what was said before is passed on once
            notice = self.counter.records.notice(investor, "OnRtnTradingNotice", {**values, "SequenceNo": self.said})
            await self.counter.front.flood(notice, 1, patient=True)

    def book(self, investor: str) -> Book:
        """What it has of him now."""
        orders = {
            mark: state_of(truth.state.status, truth.state.traded) for mark, truth in self.orders(investor).items()
        }
        return Book(self.trading_day, orders, frozenset(self.trades(investor)))


def state_of(status: str, traded: int) -> str:
    """How an order stands, in one word."""
    return f"{status}/{traded}"
