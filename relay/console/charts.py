"""The geometry of the small charts: values in, SVG paths and boxes out; the page's template draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

WIDTH, HEIGHT = 600.0, 100.0
"""The charts' own units; the page stretches them to the room there is."""
_GAP = 0.25
"""the part of a column's place that stays empty"""


@dataclass(frozen=True, slots=True)
class LineChart:
    path: str
    """the line, with a break where a value is missing"""
    area: str
    """what is under the line"""
    top: float
    """the value at the upper edge"""
    highest: float
    last: float | None


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """One place of a column chart, with up to two values that stand on one another."""

    x: float
    width: float
    y: float
    height: float
    second_y: float
    second_height: float
    value: int
    second: int
    label: str


@dataclass(frozen=True, slots=True)
class ColumnChart:
    columns: tuple[ChartColumn, ...]
    top: float


def round_up(value: float) -> float:
    """The next of 1, 2, 3, 4, 6, 8, 10, 20 …, so that a chart's upper edge is a figure that a person reads at once."""
    if value <= 1:
        return 1.0
    size = 10.0 ** floor(log10(value))
    return next(step * size for step in (1, 2, 3, 4, 6, 8, 10) if value <= step * size)


def line_chart(values: Sequence[float | None]) -> LineChart:
    """A line through values at equal distances; None is a gap."""
    known = [value for value in values if value is not None]
    highest = max(known, default=0.0)
    top = round_up(highest)
    step = WIDTH / max(1, len(values) - 1)
    lines: list[str] = []
    areas: list[str] = []
    for run in _runs(values):
        points = [(index * step, HEIGHT - value / top * HEIGHT) for index, value in run]
        if len(points) == 1:  # a single value between two gaps is a short stroke, not nothing
            points.append((min(WIDTH, points[0][0] + step), points[0][1]))
        drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        lines.append(f"M{drawn}")
        areas.append(f"M{points[0][0]:.1f} {HEIGHT:g}L{drawn}L{points[-1][0]:.1f} {HEIGHT:g}Z")
    last = values[-1] if values else None
    return LineChart("".join(lines), "".join(areas), top, highest, last)


def column_chart(places: Sequence[tuple[str, int, int]]) -> ColumnChart:
    """Columns of (label, value, second value); the second stands on the first."""
    top = round_up(max((value + second for _, value, second in places), default=0))
    room = WIDTH / max(1, len(places))
    columns = []
    for index, (label, value, second) in enumerate(places):
        height, second_height = value / top * HEIGHT, second / top * HEIGHT
        x, y = (index + _GAP / 2) * room, HEIGHT - height
        columns.append(
            ChartColumn(x, room * (1 - _GAP), y, height, y - second_height, second_height, value, second, label)
        )
    return ColumnChart(tuple(columns), top)


def shares(counts: Sequence[int]) -> list[float]:
    """Each count as a part of the greatest, 0 to 100, for bars beside one another."""
    greatest = max(counts, default=0)
    return [100.0 * count / greatest if greatest else 0.0 for count in counts]


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((index, value))
    return [run for run in runs if run]
