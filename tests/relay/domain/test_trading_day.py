"""When a new trading day begins."""

from __future__ import annotations

import pytest

from relay.domain.trading_day import NOT_LOGGED_IN, DayChange, TradingDay


def test_the_day_changes_with_a_login() -> None:
    """There is no callback: the login's answer says it."""
    day = TradingDay()

    changes = [day.logged_in(text) for text in ("20250710", "20250710", "20250711")]

    assert changes == [DayChange.FIRST, DayChange.SAME, DayChange.NEXT]
    assert day.text == "20250711"


def test_a_restart_over_night_sees_the_change() -> None:
    """The stored day counts as known."""
    assert TradingDay("20250710").logged_in("20250711") is DayChange.NEXT


def test_an_earlier_day_is_a_change_too() -> None:
    """The counter is right: references of a day that is not today's are wrong."""
    assert TradingDay("20250711").logged_in("20250710") is DayChange.NEXT


@pytest.mark.parametrize("text", ["", "2025-07-10", "2025071", NOT_LOGGED_IN, "２０２５０７１０"])
def test_what_is_no_day_changes_nothing(text: str) -> None:
    """Before a login GetTradingDay answers 19800100; nothing is reset for such an answer."""
    day = TradingDay("20250710")

    assert day.logged_in(text) is DayChange.UNREADABLE
    assert day.text == "20250710"
