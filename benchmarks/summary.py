"""Percentiles and ratios of one run, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

DIRECT = "direct"


def percentile(times: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of `times` lie, by nearest rank."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summarize(
    rounds: Mapping[str, Sequence[Sequence[float]]], events_per_second: Mapping[str, float], logins_per_second: float
) -> dict[str, Any]:
    """`rounds`: variant -> rounds of order round trips in microseconds; the ratio is the median of each round's."""
    trips = {}
    for variant, times in rounds.items():
        every = [time for one in times for time in one]
        trips[variant] = {"p50": round(percentile(every, 0.5)), "p99": round(percentile(every, 0.99))}
    ratios = {
        variant: round(
            median(median(one) / median(direct) for one, direct in zip(times, rounds[DIRECT], strict=True)), 2
        )
        for variant, times in rounds.items()
        if variant != DIRECT
    }
    return {
        "order_round_trip_us": trips,
        "order_round_trip_ratio_to_direct": ratios,
        "events_per_second": {"one_terminal": round(events_per_second["many_to_one"]), **_rounded(events_per_second)},
        "logins_per_second": {"many_to_one": round(logins_per_second, 1)},
        "orders_measured": {variant: sum(len(one) for one in times) for variant, times in rounds.items()},
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "counter": "simulated",
    }


def write(summary: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def show(summary: Mapping[str, Any], console: Console) -> None:
    table = Table(title="报单往返 order call → OnRtnOrder, one order at a time")
    for column in ("variant", "p50 µs", "p99 µs", "p50 to direct"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for variant, figures in summary["order_round_trip_us"].items():
        ratio = summary["order_round_trip_ratio_to_direct"].get(variant, 1.0)
        table.add_row(variant, str(figures["p50"]), str(figures["p99"]), f"{ratio:.2f} ×")
    console.print(table)
    for variant, rate in summary["events_per_second"].items():
        console.print(f"回报 order notices to one terminal, {variant}: {rate:,} a second")
    logins = summary["logins_per_second"]["many_to_one"]
    console.print(f"登录 logins, many_to_one, password check included: {logins:g} a second")


def _rounded(rates: Mapping[str, float]) -> dict[str, int]:
    return {variant: round(rate) for variant, rate in rates.items()}
