"""The simulated counter of one history: what it was really sent, and what it really has. The truth of every check.

Every order carries a mark of its own (BusinessUnit), which the counter keeps and the relay must not touch: by it
an order is recognized wherever it appears, whatever references it is shown with.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ctpabi.codec import layout
from ctpabi.shim.wire import Frame
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.events import Effect, TopicNotice
from simcounter.session import Session, Values
from simcounter.trading.order import Order

*INVESTORS, BUSY = demo_accounts.investor_ids(4)
"""BUSY has no terminal and no marks: the operator's session hears of everybody's orders."""
BARRIER = "ReqUserPasswordUpdate"
"""No step of these histories changes a password: as a barrier it is echoed to its session and goes no further."""
DAYS = [f"2026{month:02}{day:02}" for month in (11, 12) for day in range(1, 29)]
RICH = 1e12
MOST_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class Insert:
    """One ReqOrderInsert as it arrived."""

    session: int
    ref: int
    mark: str
    investor: str
    user: str


class State(NamedTuple):
    """What changes of an order while it lives."""

    exchange: str
    system_id: str
    status: str
    traded: int
    text: str


@dataclass(frozen=True, slots=True)
class OrderTruth:
    """One order as the counter has it now."""

    mark: str
    triple: tuple[int, int, str]
    state: State
    is_final: bool
    contracts: tuple[str, ...]
    """what its trades are of: itself, or the legs of a combination"""


def trade_name(exchange: str, trade_id: str, instrument: str, direction: str) -> str:
    """What tells one trade from another: a match's two sides share the TradeID, and so do a combination's legs."""
    return f"{exchange}/{trade_id.strip()}/{instrument}/{direction}"


@dataclass
class CounterSide:
    """One counter; `inserts` and `faults` are of the current trading day."""

    counter: SimulatedCounter
    day: int = 0
    inserts: list[Insert] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    states: dict[str, list[State]] = field(default_factory=dict)
    """what was sent of each order, by mark, each state once"""
    triples: dict[str, set[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(set))
    """the names each order had at the counter, by mark: a clearing of the flow gives it another"""
    flow_was_cleared: bool = False
    """today"""
    forgotten: set[str] = field(default_factory=set)
    """marks of orders that the counter does not know any more: the exchange never took them, and the flow was cleared"""
    _reported: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    _other: dict[str, Session] = field(default_factory=dict)
    _marks: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)

    @classmethod
    async def open(cls, monitoring_key: str) -> CounterSide:
        users = tuple(replace(user, balance=RICH) for user in demo_accounts.users())
        counter = SimulatedCounter(
            CounterConfig(
                users=users,
                trading_day=DAYS[0],
                settlement_confirm_required=False,
                sessions_per_user=MOST_SESSIONS,
                monitoring_key=monitoring_key,
            )
        )
        side = cls(counter)
        side._listen_in()
        await counter.start()
        return side

    def _listen_in(self) -> None:
        front, kernel = self.counter.front, self.counter.kernel
        call, insert, report = front._call, kernel.desk.insert, kernel.report

        def heard_call(session: Session, method: str, frame: Frame) -> None:
            if method == BARRIER:
                notice = self.counter.records.notice("", "OnRtnBulletin", {"BulletinID": frame.request_id})
                front._send([session.session_id], front._notice_frame(notice))
            else:
                call(session, method, frame)

        def heard_insert(session: Session, values: Values, request_id: int, body: bytes) -> list[Effect]:
            self._note(session, values)
            return insert(session, values, request_id, body)

        def heard_report(session: Session, method: str, body: bytes) -> list[Effect]:
            who = self.counter.records.unpack("UserSystemInfo", body)["UserID"]
            self._reported[session.session_id].add(who)
            return report(session, method, body)

        notify = front._notify

        def heard_notice(notice: TopicNotice) -> None:
            if notice.callback == "OnRtnOrder" and notice.investor_id != BUSY:
                mark, state = self._state(notice.body)
                self.triples[mark].add(self._read("Order", notice.body, "FrontID", "SessionID", "OrderRef"))
                states = self.states.setdefault(mark, [])
                states += [] if state in states else [state]
            notify(notice)

        front._notify = heard_notice  # type: ignore[method-assign]
        front._call = heard_call  # type: ignore[method-assign]
        kernel.desk.insert = heard_insert  # type: ignore[method-assign]
        kernel.report = heard_report  # type: ignore[method-assign]

    def _note(self, session: Session, values: Values) -> None:
        if session in self._other.values():
            return
        ref, investor = int(values["OrderRef"]), values["InvestorID"]
        user = session.user.user_id if session.user else ""
        self.inserts.append(Insert(session.session_id, ref, values["BusinessUnit"], investor, user))
        if investor not in self._reported[session.session_id]:
            self.faults.append(f"an order of {investor} came before its terminal was reported")

    # What it has ----------------------------------------------------------------------------------------------

    @property
    def trading_day(self) -> str:
        return self.counter.kernel.access.trading_day

    def orders(self, investor: str) -> dict[str, OrderTruth]:
        """The day's orders of one investor, by mark."""
        found = (order for order in self.counter.kernel.desk.orders.values() if order.investor_id == investor)
        return {truth.mark: truth for truth in map(self._order_truth, found)}

    def trades(self, investor: str) -> set[str]:
        """The day's trades of one investor, by name."""
        names = "ExchangeID", "TradeID", "InstrumentID", "Direction"
        trades = (trade for trade in self.counter.kernel.desk.trades if trade.investor_id == investor)
        return {trade_name(*self._read("Trade", trade.body, *names)) for trade in trades}

    def _order_truth(self, order: Order) -> OrderTruth:
        triple = self._read("Order", order.body, "FrontID", "SessionID", "OrderRef")
        mark, state = self._state(order.body)
        contracts = tuple(leg.instrument.instrument_id for leg in order.legs)
        return OrderTruth(mark, (triple[0], triple[1], triple[2]), state, order.is_final, contracts)

    def _state(self, body: bytes | bytearray) -> tuple[str, State]:
        names = "BusinessUnit", "ExchangeID", "OrderSysID", "OrderStatus", "VolumeTraded", "StatusMsg"
        mark, *values = self._read("Order", body, *names)
        return mark, State(*values)

    def _read(self, struct: str, body: bytes | bytearray, *names: str) -> tuple[Any, ...]:
        place = self.counter.records.struct(struct)
        return tuple(layout.get(place, body, name) for name in names)

    # What happens beside the relay ----------------------------------------------------------------------------

    def another_program_orders(self, investor: str, wish: Values) -> None:
        """Somebody else's program trades on the same account: its references are like anybody's, from 1."""
        session = self._other.get(investor)
        if session is None:
            session = self._other[investor] = self.counter.kernel.open_session("127.0.0.1", 1)
            session.user = self.counter.accounts.users[investor]
        mark, ref = f"other-{self._marks()}", session.max_order_ref + 1
        own = {"BrokerID": demo_accounts.BROKER_ID, "InvestorID": investor, "UserID": investor, "RequestID": ref}
        values = {**wish, **own, "OrderRef": str(ref), "BusinessUnit": mark}
        body = self.counter.records.pack("InputOrder", values)
        full = self.counter.records.unpack("InputOrder", body)
        self.counter.front.carry_out(self.counter.kernel.desk.insert(session, full, 0, body))

    def sessions_of(self, user: str) -> int:
        """How many the counter counts now."""
        return sum(1 for s in self.counter.kernel.sessions.values() if s.user and s.user.user_id == user)

    @property
    def logins_tried(self) -> int:
        return self.counter.front.counts.by_method.get("ReqUserLogin", 0)

    def cut(self, user: str) -> None:
        """The connections of one user break."""
        for connection in list(self.counter.front.connections.values()):
            if connection.session and connection.session.user and connection.session.user.user_id == user:
                connection.abort()

    def next_day(self) -> None:
        """The counter's trading day ends; all its orders are history and its connections cut."""
        self.day += 1
        self.inserts.clear()
        self.states.clear()
        self.triples.clear()
        self.forgotten.clear()
        self.flow_was_cleared = False
        for session in self._other.values():
            session.max_order_ref = 0
        self.counter.control.trading_day(DAYS[self.day % len(DAYS)])

    def clear_flow(self) -> None:
        """The front restarts within the day with an emptied flow."""
        orders = self.counter.kernel.desk.orders.values()
        self.forgotten |= {self._state(order.body)[0] for order in orders if not order.system_id}
        self.flow_was_cleared = True
        self.counter.control.flow_clearing()
        for session in self._other.values():
            # It stands for a program that logs in again: a new session of its own.
            session.session_id, session.max_order_ref = self.counter.kernel.new_session_id(), 0

    async def close(self) -> None:
        await self.counter.stop()
        await asyncio.sleep(0)
