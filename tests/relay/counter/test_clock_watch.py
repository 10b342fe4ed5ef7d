"""How far the clock is from the counter's: across midnight, between logins, and where the counter says no time."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from relay.counter.clock_watch import ClockWatch, offset_of
from relay.faults.faults import Faults
from relay.faults.table import Fault

CHINA = dt.timezone(dt.timedelta(hours=8))


def wall(text: str) -> float:
    return dt.datetime.fromisoformat(f"2026-01-05T{text}").replace(tzinfo=CHINA).timestamp()


@pytest.mark.parametrize(
    ("said", "ours", "offset"),
    [("08:57:00", "08:57:00.500", 0), ("08:57:00", "08:57:10.500", 10), ("23:59:58", "00:00:03.500", 5)],
)
def test_the_offset_is_the_shorter_way_round_the_clock(said: str, ours: str, offset: float) -> None:
    """Midnight lies between the two clocks in some nights."""
    assert offset_of(said, wall(ours)) == pytest.approx(offset)


@pytest.mark.parametrize("said", ["", "8:57", "25:00:00", "20260105", "--:--:--"])
def test_a_counter_that_says_no_time_changes_nothing(said: str) -> None:
    """SimNow does, at some hours."""
    faults = Faults()
    watch = ClockWatch(faults, 5)
    watch.answered(said)

    assert math.isnan(watch.offset)
    assert faults.now() == ()


def test_a_clock_that_is_stepped_between_two_logins_is_found() -> None:
    """In many-to-one there may be one login a day."""
    times = {"wall": wall("08:57:00.500"), "steady": 100.0}
    faults = Faults()
    watch = ClockWatch(faults, 5, lambda: times["wall"], lambda: times["steady"])
    watch.answered("08:57:00")
    before = faults.now()
    times.update(wall=times["wall"] + 3600 - 30, steady=3700.0)
    watch.look()
    behind = faults.now()
    times["wall"] += 30
    watch.look()

    assert before == ()
    assert "30.0 s behind" in behind[0].why
    assert not faults.stands(Fault.CLOCK_OFF)


def test_without_a_tolerance_it_is_measured_and_is_no_fault() -> None:
    """For counters whose clock is not to be believed."""
    faults = Faults()
    watch = ClockWatch(faults, 0, lambda: wall("09:00:00.500"))
    watch.answered("08:00:00")

    assert watch.offset == pytest.approx(3600, abs=1)
    assert faults.now() == ()
