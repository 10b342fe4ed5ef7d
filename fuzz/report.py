"""What a campaign shows: its progress on a terminal, a table at its end, or JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.campaign import ROOT, Tally
from fuzz.targets import WITHOUT_COVERAGE

_CLEAR = "\r\x1b[K"


class Progress:
    """One line that is written over, on a terminal only."""

    def __init__(self, whole: int) -> None:
        self._whole = whole
        self._shown = sys.stderr.isatty()

    def __call__(self, outcomes: dict[str, Tally]) -> None:
        if self._shown:
            done = sum(outcome.inputs for outcome in outcomes.values())
            running = [name for name, outcome in outcomes.items() if outcome.inputs and not outcome.seconds]
            found = sum(bool(outcome.finding) for outcome in outcomes.values())
            line = f"{done:,} of {self._whole:,} inputs, {found} findings; {', '.join(running)}"
            sys.stderr.write(_CLEAR + line[:110])
            sys.stderr.flush()

    def over(self) -> None:
        """Leave an empty line behind."""
        if self._shown:
            sys.stderr.write(_CLEAR)


def table(outcomes: Sequence[Tally], driver: str) -> str:
    """A row for each target, a line for each finding, and how to see it again."""
    rows = [("target", "inputs", "a second", "edges", "of seeds", "seconds", "findings")]
    rows += [
        (
            outcome.target,
            f"{outcome.inputs:,}",
            f"{outcome.a_second:,}",
            *((f"{outcome.edges:,}", f"{outcome.edges_of_seeds:,}") if driver not in WITHOUT_COVERAGE else ("-", "-")),
            f"{outcome.seconds:.1f}",
            "1" if outcome.finding else "",
        )
        for outcome in outcomes
    ]
    found = sum(bool(outcome.finding) for outcome in outcomes)
    inputs, seconds = sum(outcome.inputs for outcome in outcomes), sum(outcome.seconds for outcome in outcomes)
    edges = sum(outcome.edges for outcome in outcomes)
    rows.append(("in all", f"{inputs:,}", "", f"{edges:,}" if edges else "-", "", f"{seconds:.1f}", str(found)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([*lines, *_findings(outcomes, driver)]) + "\n"


def _findings(outcomes: Sequence[Tally], driver: str) -> list[str]:
    lines: list[str] = []
    for outcome in outcomes:
        if outcome.finding:
            lines += ["", f"{outcome.target}: {outcome.finding}", f"  again: {again(outcome, driver)}"]
    return lines


def again(outcome: Tally, driver: str) -> str:
    """The command that plays a finding once more."""
    by = "--driver compiled " if driver == "compiled" else ""
    return f"python -m fuzz {outcome.target} {by}--input {_short(outcome.input) if outcome.input else 'FILE'}"


def as_json(outcomes: Sequence[Tally], driver: str, seed: int) -> dict[str, object]:
    """The same for programs."""
    rows = {
        outcome.target: {
            "inputs": outcome.inputs,
            "edges": outcome.edges,
            "edges_of_seeds": outcome.edges_of_seeds,
            "seconds": round(outcome.seconds, 1),
            "inputs_a_second": outcome.a_second,
            "finding": outcome.finding,
            "input": _short(outcome.input) if outcome.input else "",
        }
        for outcome in outcomes
    }
    found = [outcome.target for outcome in outcomes if outcome.finding]
    inputs = sum(outcome.inputs for outcome in outcomes)
    return {"driver": driver, "seed": seed, "inputs": inputs, "findings": found, "targets": rows}


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
