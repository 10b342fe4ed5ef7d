"""The alarm before a day's orders are used up."""

from __future__ import annotations

from relay.counter.ctp.delivery.day_use import DayUse


def test_operations_hear_of_it_before_nobody_can_order_any_more() -> None:
    """Once at 80, 90 and 100 percent, for each counter session."""
    use = DayUse(50)

    alarms = {after: percent for after in range(1, 51) if (percent := use.inserted(after - 1, after))}
    other = {after: percent for after in range(1, 51) if (percent := use.inserted(after - 1, after))}

    assert alarms == other == {40: 80, 45: 90, 50: 100}


def test_an_order_of_several_references_passes_no_alarm_by() -> None:
    """A combination has a reference for each leg."""
    assert DayUse(50).inserted(38, 41) == 80
    assert DayUse(50).inserted(38, 46) == 90
    assert DayUse(50).inserted(41, 44) is None


def test_the_figure_is_that_of_the_fullest_session_of_the_day() -> None:
    """The others are further from their bound."""
    use = DayUse(50)
    use.inserted(6, 7)
    use.inserted(2, 3)
    assert use.fullest == 7

    use.start_day()
    assert use.fullest == 0
