"""What may be sent to the counter now, and when to look again.

CTP takes one query at a time (the next gives -2), QryFreq queries a second (error 90), and silently delays what
exceeds FTDPkgFreq packages a second (DOMAIN 5). In many-to-one all terminals share that, so: cancels before
orders before the rest before queries, terminals in turn within a class, and an order never waits for a query.
Orders are never sent twice; what waited past its deadline is never sent.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count

from relay.domain import call_reasons
from relay.domain.rate_window import RateWindow
from relay.domain.scope_table import Priority
from relay.domain.turns import Turns
from relay.errors import Refusal

NEED_RETRY = 90
"""CTP's ErrorID: the query core is not ready, or QryFreq was exceeded"""
TOO_MANY_UNANSWERED = -2
TOO_MANY_A_SECOND = -3
_SLACK = 1_000
"""how many deadlines of requests sent already are kept before they are swept out"""


@dataclass(frozen=True, slots=True)
class PacingLimits:
    """What one counter session stands; GetFrontInfo gives the two rates after login."""

    queries_per_second: int = 1
    """QryFreq; 0: unlimited (operators are not limited)"""
    packages_per_second: int = 0
    """FTDPkgFreq, of all requests together; 0: unlimited"""
    query_timeout_seconds: float = 60.0
    """a query without its last answer stops blocking the others after this"""
    retry_seconds: float = 1.1
    """pause of the queries after -2, -3 or error 90"""
    attempts: int = 5
    """how often one query is sent at most"""
    waiting_per_lane: int = 200
    waiting: int = 5_000


class Stage(Enum):
    WAITING = auto()
    SENT = auto()
    OVER = auto()


@dataclass(eq=False, slots=True)
class Ticket:
    """One request waiting to be sent."""

    lane: Hashable
    priority: Priority
    deadline: float
    """seconds on the caller's clock; at this moment it is too late to send"""
    request_id: int = 0
    """nRequestID at the counter, by which a query's answers are known"""
    payload: object = field(default=None, repr=False)
    """what the caller sends; not looked at"""
    attempts: int = 0
    stage: Stage = Stage.WAITING


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now."""

    send: Ticket | None = None
    """send it, then say `returned`"""
    expired: tuple[Ticket, ...] = ()
    """their deadline has passed: tell the terminal, never send them"""
    unanswered: Ticket | None = None
    """a query the counter did not finish answering in time"""
    wake_at: float | None = None
    """with nothing to send: ask again at this time, or after the next event; None: only after an event"""


class Outcome(Enum):
    """What became of a call."""

    SENT = auto()
    REQUEUED = auto()
    """a query the API did not take: it is sent again later, the terminal is told nothing"""
    FAILED = auto()
    """tell the terminal the return code"""


class Pacer:
    """The schedule of one counter session."""

    def __init__(self, limits: PacingLimits) -> None:
        self._sequence = count()
        self._queues: dict[Priority, Turns[Ticket]] = {priority: Turns() for priority in Priority}
        self._deadlines: list[tuple[float, int, Ticket]] = []
        self._in_flight: Ticket | None = None
        self._in_flight_until = 0.0
        self._queries_from = 0.0
        self.limit(limits)

    def limit(self, limits: PacingLimits) -> None:
        """New limits, after a login; what waits stays."""
        self._limits = limits
        self._queries = RateWindow(limits.queries_per_second)
        self._packages = RateWindow(limits.packages_per_second)
        # Orders shall find room even right after a burst of queries.
        self._reserve = limits.packages_per_second // 4

    @property
    def waiting(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def submit(self, ticket: Ticket) -> int | Refusal:
        """Queue a request; returns how many are ahead of it, or why there is no room."""
        queues = self._queues
        if sum(queue.of(ticket.lane) for queue in queues.values()) >= self._limits.waiting_per_lane:
            return call_reasons.queue_full(ticket.priority.name.lower(), self._limits.waiting_per_lane)
        if self.waiting >= self._limits.waiting:
            return call_reasons.queue_full(ticket.priority.name.lower(), self._limits.waiting)
        ahead = sum(len(queue) for priority, queue in queues.items() if priority <= ticket.priority)
        queues[ticket.priority].push(ticket.lane, ticket)
        self._watch(ticket)
        return ahead

    def next(self, now: float) -> Step:
        """What to send now. Call again at once while it gives something to send."""
        expired, unanswered = self._expire(now), self._give_up(now)
        for priority, queue in self._queues.items():
            if queue and self._free_at(priority, now) <= now:
                ticket = queue.pop()
                self._take(ticket, now)
                return Step(ticket, expired, unanswered)
        return Step(None, expired, unanswered, self._wake_at(now))

    def returned(self, ticket: Ticket, code: int, now: float) -> Outcome:
        """The API call's return code."""
        if code == 0:
            return Outcome.SENT
        self._release(ticket)
        if code == TOO_MANY_A_SECOND or (code == TOO_MANY_UNANSWERED and ticket.priority is Priority.QUERY):
            self._queries_from = now + self._limits.retry_seconds
        if code in {TOO_MANY_A_SECOND, TOO_MANY_UNANSWERED} and self._again(ticket, now):
            return Outcome.REQUEUED
        ticket.stage = Stage.OVER
        return Outcome.FAILED

    def answered(self, request_id: int, now: float, *, is_last: bool, error_id: int = 0) -> bool:
        """An answer came. True: pass it on. False: the query is sent again, the terminal is told nothing."""
        ticket = self._in_flight
        if ticket is None or ticket.request_id != request_id:
            return True
        if not is_last and error_id != NEED_RETRY:
            return True
        self._release(ticket)
        if error_id == NEED_RETRY:
            self._queries_from = now + self._limits.retry_seconds
            if self._again(ticket, now):
                return False
        ticket.stage = Stage.OVER
        return True

    def disconnected(self) -> Ticket | None:
        """The counter session broke: the query whose answer will never come, if there is one."""
        ticket = self._in_flight
        if ticket is not None:
            self._release(ticket)
            ticket.stage = Stage.OVER
        return ticket

    def drop(self, lane: Hashable) -> tuple[Ticket, ...]:
        """The terminal is gone: what it had waiting is not sent."""
        dropped = tuple(ticket for queue in self._queues.values() for ticket in queue.drop(lane))
        for ticket in dropped:
            ticket.stage = Stage.OVER
        return dropped

    def _take(self, ticket: Ticket, now: float) -> None:
        ticket.stage = Stage.SENT
        ticket.attempts += 1
        self._packages.take(now)
        if ticket.priority is Priority.QUERY:
            self._queries.take(now)
            self._in_flight = ticket
            self._in_flight_until = now + self._limits.query_timeout_seconds

    def _free_at(self, priority: Priority, now: float) -> float:
        """When the next request of this class may be sent, as far as time decides it."""
        if priority is Priority.QUERY:
            if self._in_flight is not None:
                return self._in_flight_until
            return max(self._queries_from, self._queries.free_at(now), self._packages.free_at(now, self._reserve))
        return self._packages.free_at(now)

    def _wake_at(self, now: float) -> float | None:
        """When time alone changes something: room for what waits, a deadline, a query given up."""
        times = [self._free_at(priority, now) for priority, queue in self._queues.items() if queue]
        if self._in_flight is not None:
            times.append(self._in_flight_until)
        while self._deadlines and self._deadlines[0][2].stage is not Stage.WAITING:
            heapq.heappop(self._deadlines)
        if self._deadlines:
            times.append(self._deadlines[0][0])
        return min(times, default=None)

    def _watch(self, ticket: Ticket) -> None:
        if len(self._deadlines) > 2 * self.waiting + _SLACK:
            self._deadlines = [item for item in self._deadlines if item[2].stage is Stage.WAITING]
            heapq.heapify(self._deadlines)
        heapq.heappush(self._deadlines, (ticket.deadline, next(self._sequence), ticket))

    def _expire(self, now: float) -> tuple[Ticket, ...]:
        expired = []
        while self._deadlines and self._deadlines[0][0] <= now:
            ticket = heapq.heappop(self._deadlines)[2]
            if ticket.stage is Stage.WAITING:
                self._queues[ticket.priority].remove(ticket.lane, ticket)
                ticket.stage = Stage.OVER
                expired.append(ticket)
        return tuple(expired)

    def _give_up(self, now: float) -> Ticket | None:
        """The query whose answer is overdue; it blocks no longer."""
        ticket = self._in_flight
        if ticket is None or now < self._in_flight_until:
            return None
        self._in_flight = None
        ticket.stage = Stage.OVER
        return ticket

    def _release(self, ticket: Ticket) -> None:
        if self._in_flight is ticket:
            self._in_flight = None

    def _again(self, ticket: Ticket, now: float) -> bool:
        """Queue a query once more; False where it is no query, or had its attempts, or its time ends before its turn."""
        is_query = ticket.priority in {Priority.QUERY, Priority.EXEMPT_QUERY}
        if not is_query or ticket.attempts >= self._limits.attempts:
            return False
        if ticket.deadline <= max(now, self._free_at(ticket.priority, now)):
            return False
        ticket.stage = Stage.WAITING
        self._queues[ticket.priority].push_back(ticket.lane, ticket)
        self._watch(ticket)
        return True
