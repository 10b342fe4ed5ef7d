"""What may be sent to the counter now, and when to look again.

CTP takes one query at a time (the next gives -2), QryFreq queries a second (error 90), and silently delays what
exceeds FTDPkgFreq packages a second (CTP facts 63, 65 and 67). In many-to-one all terminals share that. What waits stands in three lines:

* Trading: cancels, orders and the rest. Terminals take turns; within a terminal's turn its cancels go before its
  orders before the rest. One terminal's cancels therefore never hold up another terminal's order.
* Exempt queries (ReqQuery...), which the trading core answers outside the limits of queries.
* Queries, one in flight. They leave a part of the packages free, so that an order finds room right after them.

What comes while nothing waits, and may be sent, passes by the lines. The lines are served in this order. So that no flood of orders keeps the queries out, a line of queries that was
passed over nine times sends one before the orders. A line of queries that the API refused with -2 or -3 pauses.
Orders are never sent twice (CTP fact 68); what waited past its deadline is never sent.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from typing import Generic, TypeVar

from ctpabi.facts.errors import NEED_RETRY
from ctpabi.facts.return_codes import TOO_MANY_A_SECOND, TOO_MANY_UNANSWERED
from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.pacing.ticket import Stage, Ticket
from relay.counter.ctp.pacing.turns import Turns
from relay.counter.ctp.queries.query_lane import QueryLane
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal

_SHARE = 10
"""a line of queries has one package of this many, however many orders wait"""
_SPAN_SECONDS = 1.0
_SLACK = 1_000
"""how many deadlines of requests sent already are kept before they are swept out"""


@dataclass(frozen=True, slots=True)
class PacingLimits:
    """What one counter session stands; GetFrontInfo gives the two rates after login."""

    queries_per_second: int = 1
    """QryFreq; 0: unlimited (operators are not limited)"""
    packages_per_second: int = 0
    """FTDPkgFreq, of all requests together; 0: unlimited"""
    query_timeout_seconds: float = 30.0
    """a query of which neither a row nor its end has come for so long stops blocking the others"""
    retry_seconds: float = 1.1
    """pause of the queries after -2, -3 or error 90"""
    attempts: int = 5
    """how often one query is sent at most"""
    waiting: int = 5_000
    """of all senders together; beyond it each may still have an equal part of it"""


T = TypeVar("T", bound=Ticket)


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """What to do now."""

    send: T | None = None
    """send it, then say `returned`"""
    expired: tuple[T, ...] = ()
    """their deadline has passed: tell the terminal, never send them"""
    unanswered: T | None = None
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


class RateWindow:
    """The sends of the last second: no second, wherever it begins, has more than the limit; 0 means none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sent: list[float] = []  # a deque is 700 bytes more, in each of a terminal's windows

    def free_at(self, now: float, spare: int = 0) -> float:
        """When one more may be sent so that `spare` places are left after it; `now` or earlier means at once."""
        room = max(1, self._limit - spare)
        if self._sent:
            del self._sent[: bisect_right(self._sent, now - _SPAN_SECONDS)]
        if self._limit == 0 or len(self._sent) < room:
            return now
        return self._sent[len(self._sent) - room] + _SPAN_SECONDS

    def take(self, now: float) -> None:
        """One was sent."""
        if self._limit:
            self._sent.append(now)

    def give_back(self) -> None:
        """What was taken last was not sent."""
        if self._sent:
            self._sent.pop()


class _Line(Generic[T]):
    """Requests that wait for the same thing."""

    def __init__(self) -> None:
        self.turns: Turns[T] = Turns()
        self.paused_until = 0.0
        self.passed_over = 0
        """packages sent for the other lines since one of these waits"""

    @property
    def due(self) -> bool:
        """Whether one is sent before the orders."""
        return self.passed_over >= _SHARE - 1


class Pacer(Generic[T]):
    """The schedule of one counter session."""

    def __init__(self, limits: PacingLimits) -> None:
        self._sequence = count()
        self._trading, self._exempt, self._query = _Line[T](), _Line[T](), _Line[T]()
        self._lines = (self._trading, self._exempt, self._query)
        self._deadlines: list[tuple[float, int, T]] = []
        self._in_flight: T | None = None
        self._in_flight_until = 0.0
        self.query_lane = QueryLane()
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
        return self._trading.turns.length + self._exempt.turns.length + self._query.turns.length

    def pass_by(self, ticket: T, now: float) -> bool:
        """Whether it need not wait: it is no query, nothing waits, and it may be sent now. Then it is as if `next` had given it."""
        is_query = ticket.priority in {Priority.QUERY, Priority.EXEMPT_QUERY}
        if is_query or self.waiting or ticket.deadline <= now or self._packages.free_at(now) > now:
            return False
        self._take(self._trading, ticket, now)
        return True

    def submit(self, ticket: T) -> int | Refusal:
        """Queue a request; returns how many are ahead of it, or why there is no room."""
        if self.waiting >= self._limits.waiting and self._has_its_share(ticket.sender):
            return call_reasons.queue_full(what=ticket.priority.name.lower(), most=self._limits.waiting)
        mine = self._line(ticket.priority)
        before = sum(len(line.turns) for line in self._lines[: self._lines.index(mine)])
        ahead = before + mine.turns.ahead(ticket.sender, ticket.priority)
        ticket.stage = Stage.WAITING
        mine.turns.push(ticket.sender, ticket, ticket.priority)
        self._watch(ticket)
        return ahead

    def _waiting_of(self, sender: Hashable) -> int:
        return sum(line.turns.of(sender) for line in self._lines)

    def _has_its_share(self, sender: Hashable) -> bool:
        """Whether this sender has as many waiting as it may while there is no room: few who flood leave the rest some.

        What waits stays bounded, by the limit times one and the logarithm of how many senders there are.
        """
        senders = max(1, *(line.turns.senders for line in self._lines))
        return self._waiting_of(sender) >= max(1, self._limits.waiting // (senders + 1))

    def withdraw(self, ticket: T) -> bool:
        """Take a request out that waits; False where it does not wait any more."""
        if ticket.stage is not Stage.WAITING:
            return False
        self._line(ticket.priority).turns.remove(ticket.sender, ticket, ticket.priority)
        ticket.stage = Stage.OVER
        return True

    def next(self, now: float) -> Step[T]:
        """What to send now. Call again at once while it gives something to send."""
        if self._in_flight is None and not self.waiting:
            self._deadlines.clear()
            return Step()
        expired, unanswered = self._expire(now), self._give_up(now)
        free = [line for line in self._lines if line.turns and self._free_at(line, now) <= now]
        if not free:
            return Step(None, expired, unanswered, self._wake_at(now))
        line = next((line for line in free if line.due), free[0])
        ticket = line.turns.pop()
        self._take(line, ticket, now)
        return Step(ticket, expired, unanswered)

    def returned(self, ticket: T, code: int, now: float) -> Outcome:
        """The API call's return code."""
        is_query = ticket.priority is Priority.QUERY
        if code == 0:
            if is_query:
                self.query_lane.took()
            else:
                self.query_lane.sent_other(now)
            return Outcome.SENT
        if is_query and code == TOO_MANY_UNANSWERED:
            self.query_lane.refused(now)
        self._release(ticket)
        if code == TOO_MANY_A_SECOND:
            self._exempt.paused_until = self._query.paused_until = now + self._limits.retry_seconds
        elif code == TOO_MANY_UNANSWERED:
            self._line(ticket.priority).paused_until = now + self._limits.retry_seconds
        if code in {TOO_MANY_A_SECOND, TOO_MANY_UNANSWERED} and self._again(ticket, now):
            return Outcome.REQUEUED
        ticket.stage = Stage.OVER
        return Outcome.FAILED

    def not_sent(self, ticket: T, *, for_sure: bool) -> None:
        """It was refused when its turn came: if that is `for_sure`, it costs the others no package and no query."""
        self._release(ticket)
        ticket.stage = Stage.OVER
        if not for_sure:
            return
        self._packages.give_back()
        if ticket.priority is Priority.QUERY:
            self._queries.give_back()

    def answered(self, request_id: int, now: float, *, is_last: bool, error_id: int = 0) -> bool:
        """An answer came. True: pass it on. False: the query is sent again, the terminal is told nothing."""
        ticket = self._in_flight
        if is_last:
            self.query_lane.answered(request_id)
        if ticket is None or ticket.request_id != request_id:
            return True
        if not is_last and error_id != NEED_RETRY:
            self._in_flight_until = now + self._limits.query_timeout_seconds
            return True
        self._release(ticket)
        if error_id == NEED_RETRY:
            self._query.paused_until = now + self._limits.retry_seconds
            if self._again(ticket, now):
                return False
        ticket.stage = Stage.OVER
        return True

    def disconnected(self) -> T | None:
        """The counter session broke: the query whose answer will never come, if there is one."""
        self.query_lane.took()  # another connection knows nothing of what was asked before
        ticket = self._in_flight
        if ticket is not None:
            self._release(ticket)
            ticket.stage = Stage.OVER
        return ticket

    def drop(self, sender: Hashable) -> tuple[T, ...]:
        """The terminal is gone: what it had waiting is not sent."""
        dropped = tuple(ticket for line in self._lines for ticket in line.turns.drop(sender))
        for ticket in dropped:
            ticket.stage = Stage.OVER
        return dropped

    def _line(self, priority: Priority) -> _Line[T]:
        if priority is Priority.QUERY:
            return self._query
        return self._exempt if priority is Priority.EXEMPT_QUERY else self._trading

    def _take(self, line: _Line[T], ticket: T, now: float) -> None:
        ticket.stage = Stage.SENT
        ticket.attempts += 1
        self._packages.take(now)
        for other in (self._exempt, self._query):
            other.passed_over = other.passed_over + 1 if other is not line and other.turns else 0
        if line is self._query:
            self._queries.take(now)
            self._in_flight = ticket
            self._in_flight_until = now + self._limits.query_timeout_seconds

    def _free_at(self, line: _Line[T], now: float) -> float:
        """When the next request of this line may be sent, as far as time decides it."""
        package = self._packages.free_at(now)
        if line is self._trading:
            return package  # an order the API did not take does not stop the others
        if line is self._exempt:
            return max(line.paused_until, package)
        if self._in_flight is not None:
            return self._in_flight_until
        if not line.due:
            package = self._packages.free_at(now, self._reserve)
        return max(line.paused_until, package, self._queries.free_at(now))

    def _wake_at(self, now: float) -> float | None:
        """When time alone changes something: room for what waits, a deadline, a query given up."""
        times = [self._free_at(line, now) for line in self._lines if line.turns]
        if self._in_flight is not None:
            times.append(self._in_flight_until)
        while self._deadlines and self._deadlines[0][2].stage is not Stage.WAITING:
            heapq.heappop(self._deadlines)
        if self._deadlines:
            times.append(self._deadlines[0][0])
        return min(times, default=None)

    def _watch(self, ticket: T) -> None:
        if len(self._deadlines) > 2 * self.waiting + _SLACK:
            self._deadlines = [item for item in self._deadlines if item[2].stage is Stage.WAITING]
            heapq.heapify(self._deadlines)
        heapq.heappush(self._deadlines, (ticket.deadline, next(self._sequence), ticket))

    def _expire(self, now: float) -> tuple[T, ...]:
        expired = []
        while self._deadlines and self._deadlines[0][0] <= now:
            ticket = heapq.heappop(self._deadlines)[2]
            if ticket.stage is Stage.WAITING:
                self._line(ticket.priority).turns.remove(ticket.sender, ticket, ticket.priority)
                ticket.stage = Stage.OVER
                expired.append(ticket)
        return tuple(expired)

    def _give_up(self, now: float) -> T | None:
        """The query whose answer is overdue; it blocks no longer."""
        ticket = self._in_flight
        if ticket is None or now < self._in_flight_until:
            return None
        self._in_flight = None
        self.query_lane.gave_up(ticket.request_id)
        ticket.stage = Stage.OVER
        return ticket

    def _release(self, ticket: T) -> None:
        if self._in_flight is ticket:
            self._in_flight = None

    def _again(self, ticket: T, now: float) -> bool:
        """Queue a query once more; False where it is no query, or had its attempts, or its time ends before its turn."""
        is_query = ticket.priority in {Priority.QUERY, Priority.EXEMPT_QUERY}
        if not is_query or ticket.attempts >= self._limits.attempts:
            return False
        line = self._line(ticket.priority)
        if ticket.deadline <= max(now, self._free_at(line, now)):
            return False
        ticket.stage = Stage.WAITING
        line.turns.push_back(ticket.sender, ticket, ticket.priority)
        self._watch(ticket)
        return True
