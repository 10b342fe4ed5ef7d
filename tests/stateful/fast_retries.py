"""The relay's pauses are seconds and minutes; these histories have thousands of steps."""

from __future__ import annotations

import functools

from relay.counter.ctp.orders import router, waiting_calls
from relay.counter.ctp.pacing import pacing
from relay.counter.ctp.pacing.pacing import PacingLimits
from relay.counter.ctp.queries.query_lane import LaneRules, QueryLane, Unanswered

QUERY_SECONDS = 1.5
"""for so long a query may be silent"""


def arrange() -> None:
    """Make the pauses short, for this process."""
    rules = LaneRules(suspect=0.2, quiet=0.02, patience=0.5, apart=0.02, longest_apart=0.1)
    limits = functools.partial(PacingLimits, retry_seconds=0.01, query_timeout_seconds=QUERY_SECONDS)
    for module in (router, waiting_calls):
        setattr(module, "PacingLimits", limits)  # noqa: B010
    setattr(router, "Unanswered", functools.partial(Unanswered, first=0.01, longest=0.01))  # noqa: B010
    setattr(pacing, "QueryLane", functools.partial(QueryLane, rules))  # noqa: B010
