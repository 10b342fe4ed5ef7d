"""The geometry of the small charts."""

from __future__ import annotations

import pytest

from relay.console.charts import HEIGHT, WIDTH, column_chart, line_chart, round_up, shares


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (1.2, 2), (7, 8), (10, 10), (529, 600), (601, 800), (9001, 10000)]
)
def test_the_upper_edge_is_a_figure_read_at_once(value: float, top: float) -> None:
    """The chart ends at a round figure that is not below the greatest value."""
    assert round_up(value) == top


def test_a_line_goes_from_edge_to_edge() -> None:
    """The first value stands left, the last right, the greatest below the upper edge."""
    chart = line_chart([0, 5, 10])

    assert chart.path == f"M0.0 {HEIGHT}L300.0 50.0L{WIDTH} 0.0"
    assert (chart.top, chart.highest, chart.last) == (10, 10, 10)


def test_a_missing_value_breaks_the_line() -> None:
    """A gap is seen as a gap, and not as a fall to nothing."""
    chart = line_chart([4, 4, None, 4, 4])

    assert chart.path.count("M") == 2
    assert chart.area.count("Z") == 2


def test_nothing_is_a_chart_too() -> None:
    """No values, or none but gaps, make an empty line."""
    assert line_chart([]).path == ""
    assert line_chart([None, None]).path == ""
    assert column_chart([]).columns == ()


def test_columns_stand_on_one_another_inside_the_chart() -> None:
    """The second value stands on the first, and both stay below the upper edge."""
    chart = column_chart([("08:00", 412, 3), ("09:00", 520, 9)])
    last = chart.columns[-1]

    assert chart.top == 600
    assert last.second_y == pytest.approx(HEIGHT - (520 + 9) / 600 * HEIGHT)
    assert all(column.x >= 0 and column.x + column.width <= WIDTH for column in chart.columns)


def test_shares_are_parts_of_the_greatest() -> None:
    """The most frequent reason fills its bar; without any there is none."""
    assert shares([8, 4, 0]) == [100.0, 50.0, 0.0]
    assert shares([0, 0]) == [0.0, 0.0]
