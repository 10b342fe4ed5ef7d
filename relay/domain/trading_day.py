"""The trading day, and what ends with it.

CTP has no callback for it: the TradingDay of each login is compared with the one known. A night session belongs to
the next trading day already (DOMAIN 1.6). With the day end the references (`Lanes.start_day`), what terminals have had
(`Delivery.start_day`), the public answers (`QueryCache.start_day`), the notices kept for terminals that come later,
and each investor's settlement confirmation.
"""

from __future__ import annotations

from enum import StrEnum

NOT_LOGGED_IN = "19800100"
"""what GetTradingDay answers before a login"""


class DayChange(StrEnum):
    """How a login's TradingDay relates to the one known."""

    FIRST = "first"
    SAME = "same"
    NEXT = "next"
    UNREADABLE = "unreadable"
    """no date: nothing is to be reset for it"""


def is_trading_day(text: str) -> bool:
    """Whether `text` is a date as CTP writes it: eight digits, and not the one it answers before a login."""
    return len(text) == 8 and text.isascii() and text.isdigit() and text != NOT_LOGGED_IN


class TradingDay:
    """The trading day of one counter session."""

    def __init__(self, known: str = "") -> None:
        """`known` is what was stored, so that a restart over night still sees the change."""
        self._day = known if is_trading_day(known) else ""

    @property
    def text(self) -> str:
        """YYYYMMDD, or empty before the first login."""
        return self._day

    def logged_in(self, trading_day: str) -> DayChange:
        """Take the TradingDay of a login's answer. On NEXT everything that ends with the day is to be cleared first.

        A day earlier than the known one is taken as well: the counter is right, and yesterday's references would
        be wrong on either side.
        """
        if not is_trading_day(trading_day):
            return DayChange.UNREADABLE
        before, self._day = self._day, trading_day
        if not before:
            return DayChange.FIRST
        return DayChange.SAME if before == trading_day else DayChange.NEXT
