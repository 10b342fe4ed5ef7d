"""One terminal's way to the counter: its lane, what it is told, and where its calls go in."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ctpabi.catalog import Method
from ctpabi.codec.messages import request_body
from relay.counter.ctp.call_line import CallLine
from relay.counter.port import Attached, CallOutcome, CounterEvent, LinkState, LinkStatus, TerminalCall, TerminalLogin
from relay.domain.lane import Lane
from relay.domain.rate_window import RateWindow
from relay.domain.scope import Identity
from relay.refusals import call_reasons, stream_reasons
from relay.refusals.refusal import Refused

Item = CounterEvent | LinkStatus
Call = Callable[["CtpLink", "CtpCall"], Awaitable[CallOutcome]]
Detach = Callable[["CtpLink", str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CtpCall:
    """A terminal's call in CTP's terms."""

    method: Method
    body: bytes
    """the struct's bytes as the terminal filled it; identity fields are overwritten on the way"""
    request_id: int
    """the terminal's own"""
    valid_for: float
    """seconds it may wait in the relay"""
    client_order_key: str = ""
    fresh: bool = False


@dataclass(slots=True)
class LinkLimits:
    """What one terminal may send a second; what is changed holds for terminals that log in afterwards."""

    orders: int
    queries: int


_QUESTIONS = ("ReqQry", "ReqQuery")
SLICE_SECONDS = 0.002
"""how long one terminal's big answer or replay may keep the loop; then it is others' turn"""
Later = Iterator[Item | None]
"""items that are made when they are taken; None where there is nothing to show of one"""
NOT_ATTACHED = Attached("", "", 0, 0, 0, "", "", 0)


class CtpLink:
    """A `port.CounterLink` on a switchboard."""

    lost_history = False
    """whether the day so far could not be given whole"""
    is_read = False
    """whether the terminal was told of its login and takes what comes"""

    def __init__(
        self, session: str, lane: Lane, limits: LinkLimits, call: Call, on_detach: Detach, turn: asyncio.Lock
    ) -> None:
        """`turn` is the process's: at any moment one terminal has its slice of what is made later."""
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
        self._turn = turn
        self._items: deque[Item] = deque()
        self._later: OrderedDict[int, deque[Later]] = OrderedDict()
        """by request id, 0 for notices; what comes for the same queues behind it"""
        self._ready = asyncio.Event()
        self._detached = False
        self._questions: set[int] = set()
        """request ids of unanswered queries: a second one could not be told from the first"""

    def see(self, login: Attached) -> None:
        """The counter session's login as this terminal sees it: with its lane's own front, session and references."""
        lane, before = self.lane, self.attached
        login = replace(login, confirmation=before.confirmation, confirmation_error_id=before.confirmation_error_id)
        self.attached = replace(login, front_id=lane.front, session_id=lane.session, max_order_ref=lane.max_order_ref)

    async def call(self, terminal_call: TerminalCall) -> CallOutcome:
        """Send one request; see `port.CounterLink.call`."""
        call = _decoded(terminal_call)
        question = call.request_id if call.method.name.startswith(_QUESTIONS) else 0
        if question in self._questions:
            raise Refused(call_reasons.request_id_in_use(request_id=question))
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
        behind = self._later.get(item.request_id if isinstance(item, CounterEvent) else 0)
        if behind is not None and not _is_end(item):
            behind.append(iter((item,)))
            return
        self._settle(item)
        self._items.append(item)
        self._ready.set()

    @property
    def has_notices_to_come(self) -> bool:
        """Whether notices are still to be made: whatever comes is made after them."""
        return 0 in self._later

    def put_later(self, request_id: int, items: Later) -> None:
        """Give the terminal many things: they are made as it takes them, a slice at a time, in between others' turns."""
        self._later.setdefault(request_id, deque()).append(items)
        self._ready.set()

    async def batches(self) -> AsyncIterator[Sequence[Item]]:
        """Everything for this terminal, as bursts; ends after LinkStatus ENDED."""
        self.is_read = True
        while True:
            while not self._items and not self._later:
                self._ready.clear()
                await self._ready.wait()
            batch = list(self._items)
            self._items.clear()
            if batch:
                yield batch
            if any(map(_is_end, batch)):
                return
            if self._later and (made := await self._slice()):
                yield made

    async def _slice(self) -> list[Item]:
        async with self._turn:
            made = self._make()
            if self._later:
                await asyncio.sleep(0)  # whatever waits in the loop comes first, and no other terminal's slice
        return made

    def _make(self) -> list[Item]:
        """The next of what is made later, for as long as one slice; the requests take turns."""
        now = asyncio.get_running_loop().time
        until, made = now() + SLICE_SECONDS, list[Item]()
        while self._later and now() < until:
            request_id, queue = next(iter(self._later.items()))
            for item in queue[0]:
                if item is not None:
                    self._settle(item)
                    made.append(item)
                if now() >= until:
                    self._later.move_to_end(request_id)
                    break
            else:
                queue.popleft()
                if not queue:
                    del self._later[request_id]
        return made

    def _settle(self, item: Item) -> None:
        if isinstance(item, CounterEvent) and item.is_last:
            self._questions.discard(item.request_id)

    async def detach(self, reason: str) -> None:
        """End the link; idempotent."""
        if not self._detached:
            self._detached = True
            await self._on_detach(self, reason)


def _decoded(call: TerminalCall) -> CtpCall:
    """The method a message stands for and its struct's bytes; raises Refused for what CTP cannot carry."""
    if call.request.WhichOneof("body") is None:
        raise Refused(
            stream_reasons.request_malformed(why="the call carries no request this relay's CTP version knows")
        )
    try:
        method, body = request_body(call.request)
    except ValueError as error:
        raise Refused(stream_reasons.request_malformed(why=str(error))) from None
    return CtpCall(method, body, call.request_id, call.valid_for, call.client_order_key, call.fresh)


def _is_end(item: Item) -> bool:
    return isinstance(item, LinkStatus) and item.state is LinkState.ENDED


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
