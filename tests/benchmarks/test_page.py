"""docs/performance.md, its Chinese twin and the charts, as they are made of figures."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from benchmarks import results
from benchmarks.bar_table import Bar
from benchmarks.charts import Bars, draw
from benchmarks.figure_tables import Figures, shown
from benchmarks.page import charts, filled, written


def test_pages_and_charts_are_what_the_results_say() -> None:
    """No figure in them is typed by hand; `make bench` writes them."""
    for path, text in written(results.read()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m benchmarks.page"


def test_a_page_may_not_name_a_table_that_is_not_there() -> None:
    """A mistyped name would leave an old table for ever."""
    with pytest.raises(ValueError, match="there is no table order;"):
        filled("<!-- figures: order -->\n<!-- end -->", Figures({}), "en")


def test_a_table_speaks_the_pages_language_and_replaces_what_stood_there() -> None:
    """Both pages have the same figures."""
    page, figures = "<!-- figures: storm -->\nold\n<!-- end -->", Figures({"login_storm_p99_s": 7.25})

    chinese, english = (filled(page, figures, language) for language in ("zh", "en"))

    assert "| 99 % 已登录 | 7.25 s |" in chinese
    assert "| 99 % are in after | 7.25 s |" in english
    assert "old" not in chinese + english


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (1712.0, "1,712 µs"), (2.0, "2 µs"), (30.456, "30.46 µs"), (0.5, "0.5 µs")]
)
def test_a_figure_has_few_digits_and_one_that_was_not_measured_is_a_dash(value: float | None, text: str) -> None:
    """An unmeasured figure is never a zero."""
    assert shown(value, "µs") == text


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((1.1, 1.2), "aim reached"), ((1.1, 1.4), "reached"), ((1.5, 1.1), "missed"), ((None, 1.3), "reached")],
)
def test_the_worse_mode_decides_whether_a_bar_is_reached(values: tuple[float | None, ...], verdict: str) -> None:
    """A fast mode does not hide a slow one."""
    assert Bar(("", ""), values, bar=1.4, aim=1.2).row()[-1][1] == verdict


def test_of_a_rate_the_lower_one_decides() -> None:
    """More is better there."""
    assert Bar(("", ""), (0.9, 0.6), bar=0.7, aim=1, is_rate=True).row()[-1] == ("未达到", "missed")


def test_what_was_not_measured_reaches_and_misses_nothing() -> None:
    """It is a dash."""
    assert Bar(("", ""), (None,), bar=2, aim=1).row()[1:] == ["–", "≤ 2 ×", "≤ 1 ×", ""]


def test_a_chart_is_the_same_bytes_for_the_same_figures_and_well_formed() -> None:
    """Also with letters that XML reserves, and without any figure."""
    bars = Bars("a < b & 报单", "µs", ("x", "y"), [("one", (1.0, None)), ("two", (2000.0, 0.0))])

    assert draw(bars) == draw(bars)
    assert len(ET.fromstring(draw(bars)).findall("{http://www.w3.org/2000/svg}rect")) == 6
    for empty in charts(Figures({})).values():
        ET.fromstring(draw(empty))
