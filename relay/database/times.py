"""How times stand in the tables."""

from __future__ import annotations

import datetime as dt
from typing import Final

COUNTER_ZONE: Final = dt.timezone(dt.timedelta(hours=8), "UTC+8")


def stamp(now: dt.datetime) -> str:
    """The form of an aware time: ISO 8601 in UTC+8 with microseconds."""
    return now.astimezone(COUNTER_ZONE).isoformat(timespec="microseconds")
