"""Whether the API still takes queries, and who asks what is not answered.

CTP answers one query of a session at a time. The vendor's library refuses the next with -2 until the last answer of
the one before has come (CTP fact 63), and forgets none (CTP fact 64): a query that the counter never answers stops all queries of its session.
Nothing but another instance of the API mends that, and for a second or two it costs everybody's orders too. So it is
done when no order was sent a moment ago, after a minute in any case, and the less often the more often it was needed.
Whoever asked for what was not answered has to wait before it is asked again, or one terminal would stop all others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LaneRules:
    """In seconds."""

    suspect: float = 5.0
    """-2 for so long, with nothing in flight and nothing known to be unanswered, is a dead lane too"""
    quiet: float = 1.0
    """a moment is good when no order was sent for so long"""
    patience: float = 60.0
    """for so long a good moment is waited for"""
    apart: float = 60.0
    """between the first two renewals; doubled with each one more"""
    longest_apart: float = 1800.0


class QueryLane:
    """The one query that a counter session may have in flight, as the API counts it."""

    def __init__(self, rules: LaneRules | None = None) -> None:
        self._rules = rules or LaneRules()
        self._overdue = 0
        """request id of a query that was given up and may still be answered"""
        self._refused_since: float | None = None
        self._busy_at = float("-inf")
        self._renewed_at = float("-inf")
        self._apart = self._rules.apart

    def gave_up(self, request_id: int) -> None:
        """The last answer to this query did not come in time."""
        self._overdue = request_id

    def answered(self, request_id: int) -> None:
        """The last answer to a query came, in time or late."""
        if request_id == self._overdue:
            self.took()

    def took(self) -> None:
        """The API took a query: it waits for no other."""
        self._overdue, self._refused_since = 0, None

    def refused(self, now: float) -> None:
        """The API answered -2 although nothing is in flight that is still waited for."""
        if self._refused_since is None:
            self._refused_since = now

    def sent_other(self, now: float) -> None:
        """An order, or anything else that is no query, was sent."""
        self._busy_at = now

    def is_dead(self, now: float) -> bool:
        """Whether no query goes through any more."""
        if self._refused_since is None:
            return False
        return self._overdue != 0 or now - self._refused_since >= self._rules.suspect

    def renew_at(self, now: float) -> float | None:
        """When to renew the session, as far as is known now; None while the lane is alive."""
        if self._refused_since is None or not self.is_dead(now):
            return None
        good = min(self._busy_at + self._rules.quiet, self._refused_since + self._rules.patience)
        return max(good, self._renewed_at + self._apart)

    def renewed(self, now: float) -> None:
        """The session is being renewed."""
        rules = self._rules
        calm = now - self._renewed_at > 2 * rules.longest_apart
        self._apart = rules.apart if calm else min(2 * self._apart, rules.longest_apart)
        self._renewed_at = now


class Unanswered:
    """Questions that were not answered: who asked may ask again after a while, a longer one each time."""

    def __init__(self, *, first: float = 60.0, longest: float = 900.0, most: int = 10_000) -> None:
        """`first` and `longest` are seconds; beyond `most` questions the oldest are forgotten."""
        self._first, self._longest, self._most = first, longest, most
        self._held: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """question -> how long it is held, and until when"""

    def gave_up(self, question: Hashable, now: float) -> None:
        """It was asked and not answered in time."""
        before, _ = self._held.pop(question, (0.0, 0.0))
        seconds = min(max(self._first, 4 * before), self._longest)
        self._held[question] = seconds, now + seconds
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    def answered(self, question: Hashable) -> None:
        """It was answered after all, or another time."""
        self._held.pop(question, None)

    def seconds_left(self, question: Hashable, now: float) -> float:
        """How long it may not be asked; 0 where it may."""
        _, until = self._held.get(question, (0.0, 0.0))
        return max(0.0, until - now)
