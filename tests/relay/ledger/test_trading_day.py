"""Which trading day an entry belongs to."""

from __future__ import annotations

import datetime as dt

import pytest

from relay.database.times import COUNTER_ZONE
from relay.ledger.trading_day import KnownTradingDay, day_by_rule


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=COUNTER_ZONE)


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2026-01-05T08:57", "20260105"),
        ("2026-01-05T17:59", "20260105"),
        ("2026-01-05T18:00", "20260106"),
        ("2026-01-06T02:29", "20260106"),
        ("2026-01-09T20:55", "20260112"),
        ("2026-01-10T02:30", "20260112"),
        ("2026-01-11T12:00", "20260112"),
    ],
    ids=["morning", "before the end", "the end", "after midnight", "Friday night", "Saturday", "Sunday"],
)
def test_without_a_word_it_is_the_weekday_that_ends_next(time: str, day: str) -> None:
    """The night session belongs to the next trading day, Friday's to Monday."""
    assert day_by_rule(at(time)) == day


def test_the_rule_is_of_the_counters_zone() -> None:
    """20:00 in UTC is 04:00 of the next day there."""
    assert day_by_rule(dt.datetime(2026, 1, 5, 20, tzinfo=dt.UTC)) == "20260106"


def test_the_counters_word_counts_until_its_day_ends() -> None:
    """Before a holiday it says a day far ahead; after that day the rule is asked again."""
    known = KnownTradingDay()
    known.hear("20261009")

    assert known.at(at("2026-09-30T21:00")) == "20261009"
    assert known.at(at("2026-10-08T12:00")) == "20261009"
    assert known.at(at("2026-10-09T17:59")) == "20261009"
    assert known.at(at("2026-10-09T18:01")) == "20261012"


@pytest.mark.parametrize("word", ["", "x", "99991231", "20200101", "20260231", "2026W021", 20260105, None])
def test_a_word_that_cannot_be_is_not_believed(word: object) -> None:
    """No date, over already, further ahead than any holiday, or written in another form."""
    known = KnownTradingDay()
    known.hear(word)

    assert known.at(at("2026-01-05T10:00")) == "20260105"
