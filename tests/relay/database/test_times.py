"""How times stand in the tables."""

from __future__ import annotations

import datetime as dt

from relay.database.times import stamp


def test_a_time_of_any_zone_stands_in_the_counters() -> None:
    """With microseconds, so that texts sort as times do."""
    assert stamp(dt.datetime(2026, 11, 25, 16, 0, 0, tzinfo=dt.UTC)) == "2026-11-26T00:00:00.000000+08:00"
