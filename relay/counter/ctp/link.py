"""One terminal's way to the counter: its lane, what it is told, and where its calls go in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from relay.counter.ctp.call_line import CallLine
from relay.counter.port import Attached, CallOutcome, CounterEvent, LinkState, LinkStatus, TerminalCall, TerminalLogin
from relay.domain import reasons
from relay.domain.lane import Lane
from relay.domain.rate_window import RateWindow
from relay.domain.scope import Identity
from relay.errors import Refused

Item = CounterEvent | LinkStatus
Call = Callable[["CtpLink", TerminalCall], Awaitable[CallOutcome]]
Detach = Callable[["CtpLink", str], Awaitable[None]]


@dataclass(slots=True)
class LinkLimits:
    """What one terminal may send a second; what is changed holds for terminals that log in afterwards."""

    orders: int
    queries: int


_QUESTIONS = ("ReqQry", "ReqQuery")
NOT_ATTACHED = Attached("", "", 0, 0, 0, "", "", 0)


class CtpLink:
    """A `port.CounterLink` on a switchboard."""

    def __init__(self, session: str, lane: Lane, limits: LinkLimits, call: Call, on_detach: Detach) -> None:
        self.session = session
        """the terminal session's id, for the ledger"""
        self.lane = lane
        self.attached = NOT_ATTACHED
        self.reported = True
        """whether this terminal's report stands at the counter; nothing is sent for it while not"""
        self.limits = replace(limits)
        self.orders = RateWindow(limits.orders)
        self.queries = RateWindow(limits.queries)
        self.line = CallLine()
        """of calls that wait for the firm's other processes"""
        self._call = call
        self._on_detach = on_detach
        self._items: deque[Item] = deque()
        self._ready = asyncio.Event()
        self._detached = False
        self._questions: set[int] = set()
        """request ids of unanswered queries: a second one could not be told from the first"""

    def see(self, login: Attached) -> None:
        """The counter session's login as this terminal sees it: with its lane's own front, session and references."""
        lane = self.lane
        self.attached = replace(login, front_id=lane.front, session_id=lane.session, max_order_ref=lane.max_order_ref)

    async def call(self, call: TerminalCall) -> CallOutcome:
        """Send one request; see `port.CounterLink.call`."""
        question = call.request_id if call.method.name.startswith(_QUESTIONS) else 0
        if question in self._questions:
            raise Refused(reasons.request_id_in_use(question))
        if question:
            self._questions.add(question)
        taken = False
        try:
            outcome = await self._call(self, call)
            taken = outcome.return_code == 0
        finally:
            if not taken:
                self._questions.discard(question)
        return outcome

    def put(self, item: Item) -> None:
        """Give the terminal something; from the switchboard."""
        if isinstance(item, CounterEvent) and item.is_last:
            self._questions.discard(item.request_id)
        self._items.append(item)
        self._ready.set()

    async def batches(self) -> AsyncIterator[Sequence[Item]]:
        """Everything for this terminal, as bursts; ends after LinkStatus ENDED."""
        while True:
            while not self._items:
                self._ready.clear()
                await self._ready.wait()
            batch = list(self._items)
            self._items.clear()
            yield batch
            if any(isinstance(item, LinkStatus) and item.state is LinkState.ENDED for item in batch):
                return

    async def detach(self, reason: str) -> None:
        """End the link; idempotent."""
        if not self._detached:
            self._detached = True
            await self._on_detach(self, reason)


def identity_of(login: TerminalLogin, operator_id: str = "") -> Identity:
    """Who an admitted terminal acts as; with an operator, in a session that is not the investor's own."""
    report = login.report
    return Identity(
        broker_id=report.investor.broker_id,
        investor_id=report.investor.investor_id,
        operator_id=operator_id,
        accounts=login.accounts,
        public_ip=report.public_ip,
        mac_address=report.mac_address,
    )
