"""A terminal's link and its calls, as the router keeps them: plain values, and the table of what may be answered.

A call is owed two things: a result (it was sent, or why not) and, where it was sent, an answer of the counter. The
result is given once, by `OrderRouter`. An answer ends in one place, `UnansweredCalls.settle`, whatever ends it: the
last row, a notice of the order with it, a break, the terminal's leaving. An accepted order is never answered by
OnRspOrderInsert, so entries cannot simply wait for their answer: the oldest are forgotten beyond a limit that no
living question reaches.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from ctpabi.catalog import Method
from ctpabi.facts.requests import BY_SILENCE
from relay.counter.ctp.lanes.lane import Lane
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.lanes.requests import Outgoing
from relay.counter.ctp.orders.limits import ClassLimit, LinkLimits
from relay.counter.ctp.pacing.ticket import Ticket
from relay.counter.ctp.queries.query_cache import Key
from relay.counter.outgoing import OutgoingItems
from relay.counter.port import CallOutcome
from relay.refusals.refusal import Refusal

_LIMIT: Final = 100_000
_AtCounter = tuple[RefSpace, int, int, int]
NOTHING_WRITTEN: Final = Outgoing()
NO_BYTES: Final = bytearray()


class RouterLink:
    """One terminal on a counter session."""

    def __init__(self, name: str, lane: Lane, limits: LinkLimits, items: OutgoingItems) -> None:
        """`name` is the terminal session's id, for the log."""
        self.name = name
        self.lane = lane
        self.limits = limits.by_class()
        self.items = items
        self.is_open = True
        self.reported = True
        """whether this terminal's report stands at the counter; nothing is sent for it while not"""
        self.is_read = False
        """whether the terminal was told of its login and takes what comes"""
        self.lost_history = False
        """whether the day so far could not be given whole"""
        self.questions: set[int] = set()
        """request ids of unanswered queries: a second one could not be told from the first"""
        self.unanswered: set[OpenCall] = set()
        self.line: deque[OpenCall] = deque()
        """calls that ask the firm's other processes, and those behind them; empty nearly always"""
        self.asking: list[OpenCall] = []
        """orders that wait until it is known whose the codes are that they name, and those behind them"""


@dataclass(eq=False, slots=True)
class OpenCall(Ticket):
    """One request, until neither its result nor its answer can come any more."""

    link: RouterLink = field(kw_only=True)
    method: Method = field(kw_only=True)
    body: bytearray = field(kw_only=True, repr=False)
    """the struct's bytes with the terminal's identity in them; references are written into a copy, when it is sent"""
    number: int = field(kw_only=True)
    """the terminal's own request id; 0 for what the relay asks by itself"""
    limit: ClassLimit | None = None
    """its terminal's share that it was counted in, until its result is given; None for what the relay asks"""
    is_question: bool = False
    """whether the terminal may have no second call of this number until it is answered"""
    is_public: bool = False
    """whether one answer serves every terminal"""
    fresh: bool = False
    """asks the counter although the answer to this public query is known"""
    order_key: str = ""
    cache_key: Key | None = None
    """of a public query: whoever asked the same gets the answer too"""
    new_password: str = field(default="", repr=False)
    """of a password change: what the relay logs in with once the counter has accepted it"""
    result_due: bool = True
    came_at: float = 0.0
    taken_at: float = 0.0
    """the same by a finer clock, for how long it took"""
    ahead: int = 0
    """how many requests were to be sent before it when it came"""
    asks: bool = False
    """the firm's other processes are asked for it, once"""
    asked_codes: bool = False
    """whose the trading codes are that it names was asked, once"""
    claimed: bool = False
    """its key was made this process's own; the result ends that"""
    follows: int = 0
    """how many orders that wait must be sent first, because it names them"""
    outgoing: Outgoing = NOTHING_WRITTEN
    expects_answer: bool = True
    """False once silence answers it, or its order's notices have come"""

    def begin_waiting(self, now: float) -> Refusal | None:
        """Count it in its terminal's share, which it leaves with its result; or why there is no room."""
        refusal = self.limit.take(now) if self.limit is not None else None
        if refusal is None and self.is_question:
            self.link.questions.add(self.number)
        return refusal

    def end_waiting(self) -> None:
        """Its result is given."""
        self.result_due = False
        if self.limit is not None:
            self.limit.waiting -= 1

    @property
    def is_own(self) -> bool:
        """Whether the relay asks by itself: no terminal gets the answer."""
        return not self.number

    @property
    def question(self) -> Hashable:
        """What a query asks, by which of all terminals; what is public is asked for all."""
        return self.cache_key or (self.link.lane.identity.investor, self.method.name)


class UnansweredCalls:
    """The calls of one counter session that may still be answered, by the request id the counter echoes."""

    def __init__(self) -> None:
        self._calls: OrderedDict[int, OpenCall] = OrderedDict()
        self._of_order: dict[_AtCounter, OpenCall] = {}
        self._by_silence = BY_SILENCE

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: OpenCall) -> None:
        """It is about to be sent as `request_id`; the notices of what it inserts are its answer."""
        self._calls[call.request_id] = call
        call.link.unanswered.add(call)
        for entry in call.outgoing.entries:
            self._of_order[entry.at_counter] = call
        call.expects_answer = call.method.name not in self._by_silence
        if len(self._calls) > _LIMIT:
            self.settle(next(iter(self._calls.values())))

    def find(self, request_id: int) -> OpenCall | None:
        """Whose answer it is."""
        return self._calls.get(request_id)

    def noticed(self, entry: MapEntry) -> None:
        """The counter has this order: its insert waits no longer, though an error may still answer it."""
        call = self._of_order.pop(entry.at_counter, None)
        if call is not None:
            call.expects_answer = False

    def settle(self, call: OpenCall) -> None:
        """Nothing more can answer it; idempotent."""
        if self._calls.pop(call.request_id, None) is None:
            return
        call.link.unanswered.discard(call)
        for entry in call.outgoing.entries:
            self._of_order.pop(entry.at_counter, None)

    def forget(self, link: RouterLink) -> None:
        """The terminal is gone: its answers go to nobody. Public queries go on, others may wait for them too."""
        for call in tuple(link.unanswered):
            if call.cache_key is None:
                self.settle(call)

    def drain(self) -> list[OpenCall]:
        """The counter session is lost: everything that still waits for an answer, which will not come."""
        waiting = [call for call in self._calls.values() if call.expects_answer]
        for call in self._calls.values():
            call.link.unanswered.discard(call)
        self._calls.clear()
        self._of_order.clear()
        return waiting


def repeated(first: FirstOrder) -> CallOutcome:
    """The result of an order whose key named another before: nothing is sent."""
    return CallOutcome(0, first_order_ref=first.order_ref, first_front_id=first.front, first_session_id=first.session)
