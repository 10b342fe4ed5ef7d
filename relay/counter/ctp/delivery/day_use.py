"""How much of a trading day's orders is used up, reported before no order is possible any more."""

from __future__ import annotations

from typing import Final

ALARM_PERCENT: Final = (80, 90, 100)


class DayUse:
    """What the counter sessions of one process have used of their day's orders."""

    def __init__(self, total: int) -> None:
        """`total` is what each counter session may use."""
        self.total = total
        self.fullest = 0
        """orders of the counter session that has used most since a trading day began; for the metrics"""

    def inserted(self, before: int, after: int) -> int | None:
        """A session's orders went from `before` to `after`; the percentage operations must hear of, where it is passed."""
        self.fullest = max(self.fullest, after)
        passed = [percent for percent in ALARM_PERCENT if before * 100 < percent * self.total <= after * 100]
        return passed[-1] if passed else None

    def start_day(self) -> None:
        """A new trading day."""
        self.fullest = 0
