"""What a run found: the survivors as diffs, the counts, and the same as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from mutants.judge import Judged
from mutants.places import ROOT


@dataclass(slots=True)
class Sample:
    """One sample."""

    seed: int
    wanted: int
    possible: int
    """changes that could be made, from which the sample is drawn"""
    verdicts: list[Judged] = field(default_factory=list)
    accepted: list[tuple[Judged, str]] = field(default_factory=list)
    """survivors that change nothing, with the reason"""
    seconds: float = 0.0

    @property
    def survived(self) -> list[Judged]:
        return [one for one in self.verdicts if not one.killed]

    @property
    def percent(self) -> float:
        """Of those that change something, how many were killed."""
        return 100.0 * (len(self.verdicts) - len(self.survived)) / max(1, len(self.verdicts))

    @property
    def complete(self) -> bool:
        return len(self.verdicts) + len(self.accepted) >= self.wanted


def as_text(sample: Sample) -> str:
    lines = [_survivor(one) for one in sample.survived]
    lines += [f"changes nothing: {one.change.file}:{one.change.line}: {reason}" for one, reason in sample.accepted]
    killed = len(sample.verdicts) - len(sample.survived)
    lines.append(
        f"seed {sample.seed}: {killed} of {len(sample.verdicts)} killed ({sample.percent:.1f} %), {len(sample.survived)} survived, "
        f"{len(sample.accepted)} change nothing; {sample.possible} changes are possible; {sample.seconds:.0f} s"
    )
    if not sample.complete:
        lines.append(
            f"{len(sample.verdicts) + len(sample.accepted)} of {sample.wanted} so far: the same command goes on where it stopped"
        )
    return "\n".join(lines) + "\n"


def as_json(sample: Sample) -> dict[str, Any]:
    kinds = Counter(one.change.kind for one in sample.verdicts)
    survived = Counter(one.change.kind for one in sample.survived)
    return {
        "seed": sample.seed,
        "wanted": sample.wanted,
        "possible": sample.possible,
        "judged": len(sample.verdicts),
        "killed": len(sample.verdicts) - len(sample.survived),
        "percent": round(sample.percent, 2),
        "seconds": round(sample.seconds, 1),
        "kinds": {kind: {"judged": count, "survived": survived[kind]} for kind, count in sorted(kinds.items())},
        "survived": [_row(one) for one in sample.survived],
        "accepted": [_row(one) | {"reason": reason} for one, reason in sample.accepted],
    }


def _survivor(one: Judged) -> str:
    return f"{one.change.file}:{one.change.line}: survived, {one.by} ({one.change.kind})\n{_diff(one)}\n"


def _row(one: Judged) -> dict[str, Any]:
    change = one.change
    return {
        "file": change.file,
        "line": change.line,
        "scope": change.scope,
        "kind": change.kind,
        "tests": one.by,
        "diff": _diff(one),
    }


def _diff(one: Judged) -> str:
    return one.change.diff((ROOT / one.change.file).read_bytes())
