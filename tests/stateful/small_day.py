"""A relay keeps the day's notices in hundreds of megabytes; these histories have hundreds of orders."""

from __future__ import annotations

import functools

from relay.counter.ctp.delivery import day_notices
from relay.counter.ctp.delivery.day_notices import DayNoticeLimits

TOTAL_BYTES = 300_000
TOO_MANY_ORDERS = 400
"""more than that holds"""
QUIET_NOTICES = 30
"""an investor with no more orders and trades than this has less than an equal share, and loses nothing"""


def arrange() -> None:
    """Keep little of the day, for this process."""
    setattr(day_notices, "DayNoticeLimits", functools.partial(DayNoticeLimits, total_bytes=TOTAL_BYTES))  # noqa: B010
