"""Which trading day it is: the rule, and where the day's orders know better."""

from __future__ import annotations

import datetime as dt

import pytest

from relay.counter.translated.days import CHINA
from relay.counter.ufx.days import TradingDays, day_of


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-26T09:00", "20261126"), ("2026-11-26T19:59", "20261126"), ("2026-11-26T20:00", "20261127"),
        ("2026-11-27T01:30", "20261127"), ("2026-11-27T21:00", "20261130"), ("2026-11-28T01:30", "20261130"),
        ("2026-11-29T12:00", "20261130"), ("2026-11-29T21:00", "20261130"), ("2026-11-30T20:00", "20261201"),
        ("2026-12-31T21:00", "20270101"),
    ],
)  # fmt: skip
def test_the_rule(now: str, day: str) -> None:
    """A night belongs to the next weekday, Friday's and the weekend to Monday; holidays are not known."""
    assert day_of(at(now), "20:00") == day


def test_the_rule_is_of_chinas_clock_and_of_the_settings() -> None:
    """Whatever zone the time is in; and without a night session a day ends at midnight."""
    assert day_of(dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC), "20:00") == "20261127"
    assert day_of(at("2026-11-26T20:30"), "20:45") == "20261126"
    assert day_of(at("2026-11-26T23:59"), "") == "20261126"


class Clock:
    """The rule's day, and the day under which orders were sent."""

    rule, used = "20261127", ""

    def days(self, *, from_orders: bool = True) -> TradingDays:
        return TradingDays(lambda: self.rule, lambda: self.used, from_orders=from_orders)


def test_the_date_of_the_rows_wins() -> None:
    """The latest of them; none, an unreadable one and one that is far ahead leave it to the rule."""
    days = Clock().days()
    said = []
    for dates in (["20261125", "20261126"], [], ["", "2026112", "99991231", "20261340"], ["20220104"]):
        days.heard("A", dates)
        said.append(days.today())

    assert said == ["20261126", "20261127", "20261127", "20220104"]


def test_rows_that_are_gone_say_nothing_more() -> None:
    """Neither do those of an account that is gone; and where the settings say so, no row does."""
    days, deaf = Clock().days(), Clock().days(from_orders=False)
    for one in (days, deaf):
        one.heard("A", ["20261126"])
    known = days.knows("A"), days.knows("B"), deaf.knows("B")
    before = days.today()
    days.forget("A")

    assert known == (True, False, True)
    assert (before, days.today(), deaf.today()) == ("20261126", "20261127", "20261127")


def test_no_day_comes_again_after_orders_were_sent_under_a_later_one() -> None:
    """Their keys would be forgotten, and an order sent twice."""
    clock = Clock()
    days = clock.days()
    clock.used = "20261127"
    days.heard("A", ["20261126"])

    assert days.today() == "20261127"
