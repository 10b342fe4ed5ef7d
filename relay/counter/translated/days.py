"""Days as counters write them, and how far ahead of the calendar a trading day is believed. Pure."""

from __future__ import annotations

import datetime as dt

CHINA = dt.timezone(dt.timedelta(hours=8))
MOST_AHEAD = dt.timedelta(days=15)
"""a trading day is ahead of the calendar by a night, a weekend or a holiday: the longest so far had eleven days"""


def day_in(text: str) -> dt.date | None:
    """The day of YYYYMMDD; None where it is none."""
    if len(text) != 8 or not text.isascii() or not text.isdecimal():
        return None
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def is_too_far_ahead(trading_day: dt.date, today: dt.date) -> bool:
    """What a counter names by mistake, and all that comes after it would look older."""
    return trading_day > today + MOST_AHEAD
