"""What was wanted of the relay's speed, beside what was measured: reached, or missed."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.figure_tables import Cell, Figures, Table, shown

_MODES = ("many_to_many", "many_to_one")


@dataclass(frozen=True, slots=True)
class Bar:
    """The worst of `values` must be at most `bar`, or where `is_rate` the least at least it."""

    words: tuple[str, str]
    values: tuple[float | None, ...]
    bar: float
    aim: float
    unit: str = "×"
    is_rate: bool = False

    def row(self) -> list[Cell]:
        there = [value for value in self.values if value is not None]
        sign = "≥" if self.is_rate else "≤"
        limits: list[Cell] = [f"{sign} {shown(limit, self.unit)}" for limit in (self.bar, self.aim)]
        if not there:
            return [self.words, shown(None), *limits, ""]
        worst = min(there) if self.is_rate else max(there)
        return [self.words, shown(worst, self.unit), *limits, self._verdict(worst)]

    def _verdict(self, worst: float) -> tuple[str, str]:
        def is_within(limit: float) -> bool:
            return worst >= limit if self.is_rate else worst <= limit

        if is_within(self.aim):
            return "达到目标", "aim reached"
        return ("达到", "reached") if is_within(self.bar) else ("未达到", "missed")


def bars(figures: Figures) -> list[Bar]:
    """The worse mode of those that are measured in both."""

    def both(key: str) -> tuple[float | None, ...]:
        return tuple(figures.number(key, mode) for mode in _MODES)

    one, busy = (
        figures.number("order_round_trip_us", "many_to_one", "p50"),
        figures.number("order_round_trip_us_busy", "32", "p50"),
    )
    among = busy / one if one and busy else None
    return [
        Bar(("报单 p50，3 ms 间隔，与底线之比", "order p50, 3 ms pauses, to the floor"), both("order_round_trip_ratio_to_floor"), 1.4, 1.2),
        Bar(("同上，与直连之比", "the same, to direct"), both("order_round_trip_ratio_to_direct"), 2.1, 1.8),
        Bar(("报单 p99 与直连 p99 之比", "order p99 to direct's p99"), both("order_p99_ratio_to_direct"), 2, 1.5),
        Bar(("报单 p50，20 ms 间隔与自身连续下单之比", "order p50, 20 ms pauses, to its own back to back"), both("pause_20ms_ratio_to_back_to_back"), 1.6, 1.3),
        Bar(("同上，开启 `relay.keep_warm_milliseconds`", "the same with `relay.keep_warm_milliseconds`"), tuple(figures.number("pause_20ms_ratio_to_back_to_back", f"{mode}_warm") for mode in _MODES), 1.6, 1.3),
        Bar(("单个终端每秒回报，与直连之比", "notices a second to one terminal, to direct"), both("events_ratio_to_direct"), 0.7, 1, is_rate=True),
        Bar(("中继每条回报的 CPU", "relay's CPU a notice"), (figures.number("relay_cpu_us_per_event"),), 12, 5, "µs"),
        Bar(("一条通知发给 100 个终端，中继每终端 CPU", "one notice alone to 100 terminals, relay's CPU a terminal"), (figures.number("fan_out_cpu_us_per_terminal", "100"),), 25, 10, "µs"),
        Bar(("每 100 ms 一条公共通知发给 1,000 个终端时报单 p99，与平静时之比", "order p99 while a public notice goes to 1,000 terminals each 100 ms, to quiet"), (figures.number("order_p99_ratio_during_fan_out"),), 2, 1.2),
        Bar(("多对一空闲终端内存", "memory of an idle many-to-one terminal"), (figures.number("rss_kib_per_terminal", "1000"),), 120, 60, "KiB"),
        Bar(("32 个终端同时下单，报单 p50 与单终端之比", "32 terminals that trade, order p50 to one terminal's"), (among,), 6, 3),
    ]  # fmt: skip


def bar_table(figures: Figures) -> Table:
    head: list[Cell] = ["", ("实测", "measured"), ("门槛", "bar"), ("目标", "aim"), ""]
    return [head, *(bar.row() for bar in bars(figures))]
