"""What docs/performance.md, its Chinese twin and the charts show, written from results/latest.json: python -m benchmarks.page [--check].

A table stands between `<!-- figures: NAME -->` and `<!-- end -->`; no figure in it is typed by hand. `make bench` does this at its end.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.bar_table import bar_table
from benchmarks.charts import Bars, draw
from benchmarks.figure_tables import TABLES, Figures, Table

ROOT = Path(__file__).parents[1]
PAGES = {"en": ROOT / "docs" / "performance.md", "zh": ROOT / "docs" / "performance.zh.md"}
CHARTS = ROOT / "docs" / "images"
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_VARIANTS = ("direct", "floor", "many_to_many", "many_to_one")
_NAMES = ("直连 direct", "底线 floor", "多对多 many-to-many", "多对一 many-to-one")


def written(figures: Mapping[str, Any]) -> dict[Path, str]:
    """Every file that is made of figures, with what it must contain."""
    found = Figures(figures)
    files = {CHARTS / f"{name}.svg": draw(bars) for name, bars in charts(found).items()}
    for language, page in PAGES.items():
        files[page] = filled(page.read_text(encoding="utf-8"), found, language)
    return files


def filled(text: str, figures: Figures, language: str) -> str:
    """The page with its tables; ValueError for a table that is not known."""
    tables = {**TABLES, "bars": bar_table}

    def table(block: re.Match[str]) -> str:
        if block[2] not in tables:
            raise ValueError(f"there is no table {block[2]}; there are {', '.join(tables)}")
        return f"{block[1]}\n{markdown(tables[block[2]](figures), language)}\n\n{block[3]}"

    return _BLOCK.sub(table, text)


def markdown(table: Table, language: str) -> str:
    """Columns of figures are set right; a word in two languages is (Chinese, English)."""
    place = 0 if language == "zh" else 1
    rows = [[cell if isinstance(cell, str) else cell[place] for cell in row] for row in table]
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|---|{'---:|' * (len(table[0]) - 1)}", *body])


def charts(figures: Figures) -> dict[str, Bars]:
    """By file name."""
    pauses = (
        ("_back_to_back", "连续下单 back to back"),
        ("", "间隔 3 ms pauses"),
        ("_pause_20ms", "间隔 20 ms pauses"),
    )
    trips = [
        (words, [figures.number(f"order_round_trip_us{key}", name, "p50") for name in _VARIANTS])
        for key, words in pauses
    ]
    busy = [
        (
            f"{size} 个终端 terminals",
            [
                figures.number("order_round_trip_us_busy_many_to_many", size, "p50"),
                figures.number("order_round_trip_us_busy", size, "p50"),
            ],
        )
        for size in ("1", "8", "32", "100")
    ]
    rates = [
        (words, [figures.number("events_per_second", name)])
        for name, words in zip(_VARIANTS, _NAMES, strict=True)
        if name != "floor"
    ]
    memory = [
        (f"{size} 个终端 terminals", [figures.number("rss_kib_per_terminal", size)]) for size in ("100", "1000", "5000")
    ]
    return {
        "speed-orders": Bars("报单到回报 order call → OnRtnOrder, p50", "µs", _NAMES, trips),
        "speed-busy": Bars("多个终端同时下单 many terminals trading, p50", "µs", _NAMES[2:], busy, 2),
        "speed-events": Bars("单个终端每秒回报数 notices a second to one terminal", "/s", (), rates, 2),
        "speed-memory": Bars("每个空闲终端的内存 memory of an idle terminal", "KiB", (), memory, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 where a file is not as it must be"
    )
    given = parser.parse_args()
    stale = [
        path for path, text in written(results.read()).items() if not path.exists() or path.read_text("utf-8") != text
    ]
    if given.check and stale:
        sys.exit(
            f"not as results/latest.json has it: {', '.join(path.name for path in stale)}; run python -m benchmarks.page"
        )
    write()


def write() -> None:
    """All pages and charts."""
    for path, text in written(results.read()).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
