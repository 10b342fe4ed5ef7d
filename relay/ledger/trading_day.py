"""Which trading day (交易日) an entry belongs to: what the counter said at a login, else a rule.

The night session belongs to the next trading day, Friday's to Monday. Only the counter knows the holidays, and says the
day at each login. Its word holds until that day ends, at 18:00 in UTC+8: after the day session's last business, before
the night session's first login. Without a word that holds, an entry belongs to the weekday whose end comes next. So a
holiday may get entries of a relay that nobody could trade with; its file says that the counter never named the day.

A word that is no date, is over, or lies further ahead than any holiday is not believed.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from relay.database.times import COUNTER_ZONE

DAY_ENDS: Final = dt.time(18, 0, tzinfo=COUNTER_ZONE)
_FURTHEST: Final = dt.timedelta(days=15)
_SATURDAY: Final = 5
_WRITTEN: Final = re.compile("[0-9]{8}")


class KnownTradingDay:
    """The latest trading day that the counter named to this process."""

    def __init__(self, word: str = "") -> None:
        self._word = word

    def hear(self, word: object) -> None:
        """The counter named a day, as it writes it: 20260105."""
        if isinstance(word, str) and word:
            self._word = word

    def at(self, now: dt.datetime) -> str:
        """The trading day of an entry made now, as the counter writes days."""
        return self._word if _holds(self._word, now) else day_by_rule(now)


def day_by_rule(at: dt.datetime) -> str:
    """The trading day of an aware time where the counter has said none: the next weekday that has not ended."""
    local = at.astimezone(COUNTER_ZONE)
    day = local.date()
    if local.timetz() >= DAY_ENDS:
        day += dt.timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += dt.timedelta(days=1)
    return f"{day:%Y%m%d}"


def day_of_text(at: str) -> str:
    """`day_by_rule` of a stored time. Raises ValueError where it is none."""
    return day_by_rule(dt.datetime.fromisoformat(at))


def day_end(day: str) -> dt.datetime:
    """When a trading day is over. Raises ValueError for what is no day."""
    return dt.datetime.combine(dt.date.fromisoformat(day), DAY_ENDS)


def day_begin(day: str) -> dt.datetime:
    """When a trading day begins by the rule: at the end of the weekday before it. Raises ValueError for what is no day."""
    before = dt.date.fromisoformat(day) - dt.timedelta(days=1)
    while before.weekday() >= _SATURDAY:
        before -= dt.timedelta(days=1)
    return dt.datetime.combine(before, DAY_ENDS)


def _holds(word: str, now: dt.datetime) -> bool:
    if not _WRITTEN.fullmatch(word):  # dates have other forms that sort otherwise, such as 2026W011
        return False
    try:
        end = day_end(word)
    except ValueError:
        return False
    return now < end < now + _FURTHEST
