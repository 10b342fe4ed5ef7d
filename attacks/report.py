"""The result of a run: a table for people, JSON for programs, and the table in docs/security.md."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from attacks.catalog import find
from attacks.verdicts import Bounds, Measured

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "attack.json"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- attack table -->", "<!-- end of attack table -->"
Results = Mapping[tuple[str, int], Measured]
"""(attack, from how many addresses) -> what was measured"""


def as_json(results: Results, mode: str, bounds: Bounds) -> dict[str, Any]:
    attacks = {f"{name}_from_{spread}": result.as_json(bounds) for (name, spread), result in results.items()}
    return {
        "mode": mode,
        "limits": asdict(bounds),
        "holds": all(attack["holds"] for attack in attacks.values()),
        "attacks": attacks,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "counter": "simulated",
    }


def write(content: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_page(results: Results, mode: str, page: Path = PAGE) -> None:
    """Replace the table between the markers; the rest of the page is left as it is."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{markdown(results, mode)}\n{END}{after}", encoding="utf-8")


def markdown(results: Results, mode: str) -> str:
    """One row for each attack; from one address / from a hundred."""
    lines = [
        f"Mode `{mode}`; each cell from one address / from a hundred. {os.cpu_count()} cores, attackers at the lowest priority.",
        "",
        "| attack | honest logins | p95 of their time | order p99 ÷ quiet | memory | served again after | |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for name, _ in results):
        both = [result for (one, _), result in results.items() if one == name]
        cells = [" / ".join(column) for column in zip(*(_cells(result) for result in both), strict=True)]
        holds = all(not result.missed(Bounds()) for result in both)
        lines.append(f"| {find(name).words} | {' | '.join(cells)} | {'holds' if holds else '**does not hold**'} |")
    return "\n".join(lines)


def table(results: Results, mode: str, bounds: Bounds) -> Table:
    shown = Table(title=f"攻击下的正常终端 honest terminals under attack, {mode}")
    for column in ("attack", "from", "logins", "p95", "order p99", "memory", "again", ""):
        shown.add_column(column, justify="left" if column in {"attack", ""} else "right")
    for (name, spread), result in results.items():
        missed = result.missed(bounds)
        verdict = f"[red]misses {', '.join(missed)}[/red]" if missed else "[green]holds[/green]"
        shown.add_row(name, str(spread), *_cells(result), verdict)
    return shown


def show(results: Results, mode: str, bounds: Bounds, console: Console) -> None:
    console.print(table(results, mode, bounds))


def line(name: str, spread: int, result: Measured, bounds: Bounds) -> str:
    """One result in one line, with what the attackers did."""
    missed = result.missed(bounds)
    verdict = f"[red]✗ {', '.join(missed)}[/red]" if missed else "[green]✓[/green]"
    done = ", ".join(f"{word} {count:,}" for word, count in result.done.items())
    why = ", ".join(f"{word} {count}" for word, count in result.refusals.items())
    cells = "  ".join(_cells(result))
    return f"{name} from {spread}: {cells}  written {result.written_mib} MiB  {verdict}\n  {done}" + (
        f"\n  honest logins refused: {why}" if why else ""
    )


def _cells(result: Measured) -> tuple[str, ...]:
    taken = "—" if result.honest_login_p95_s is None else f"{result.honest_login_p95_s:.2f} s"
    again = "not" if result.recovered_s is None else f"{result.recovered_s:.1f} s"
    return (
        f"{result.honest_logins_percent:g} %",
        taken,
        f"{result.order_p99_ratio:.1f} ×",
        f"{result.rss_growth_mib:+.0f} MiB",
        again,
    )
