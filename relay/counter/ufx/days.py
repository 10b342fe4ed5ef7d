"""Which trading day it is: no login of UFX says so. Pure.

The rule is the calendar's in China: from `night_from` on it is the next weekday's day, and on a weekend Monday's. Holidays are not
known. The day's orders may know better: where their rows carry a date, the latest of them wins.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

from relay.counter.translated.days import CHINA, day_in, is_too_far_ahead

_SATURDAY = 5


def china_now() -> dt.datetime:
    return dt.datetime.now(CHINA)


def day_of(now: dt.datetime, night_from: str) -> str:
    """YYYYMMDD by the rule; without `night_from` a day ends at midnight."""
    at = now.astimezone(CHINA)
    day = at.date()
    if night_from and at.time() >= dt.time.fromisoformat(night_from):
        day += dt.timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += dt.timedelta(days=1)
    return day.strftime("%Y%m%d")


class TradingDays:
    """Of one process: the rule, and what the rows of each account's orders said last."""

    def __init__(self, rule: Callable[[], str], used: Callable[[], str], *, from_orders: bool) -> None:
        """`used` is the day under which orders were sent already, or empty: an earlier one does not come after it."""
        self.from_orders = from_orders
        self._rule = rule
        self._used = used
        self._said: dict[str, str] = {}

    def today(self) -> str:
        return max(max(self._said.values(), default="") or self._rule(), self._used())

    def knows(self, account_code: str) -> bool:
        """Whether the rows of this account need not be asked for."""
        return not self.from_orders or account_code in self._said

    def heard(self, account_code: str, dates: Iterable[str]) -> None:
        """All orders of an account have these dates."""
        if self.from_orders:
            self._said[account_code] = max(filter(self._is_near, dates), default="")

    def forget(self, account_code: str) -> None:
        """The rows are to be asked for again."""
        self._said.pop(account_code, None)

    def _is_near(self, date: str) -> bool:
        day, rule = day_in(date), day_in(self._rule())
        return day is not None and rule is not None and not is_too_far_ahead(day, rule)
