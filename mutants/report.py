"""What a run found: the survivors as diffs, the counts, and the same as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from mutants.judge import Verdict
from mutants.places import ROOT


@dataclass(slots=True)
class Outcome:
    """One sample."""

    seed: int
    wanted: int
    possible: int
    """changes that could be made, from which the sample is drawn"""
    verdicts: list[Verdict] = field(default_factory=list)
    accepted: list[tuple[Verdict, str]] = field(default_factory=list)
    """survivors that change nothing, with the reason"""
    seconds: float = 0.0

    @property
    def survived(self) -> list[Verdict]:
        return [one for one in self.verdicts if not one.killed]

    @property
    def percent(self) -> float:
        """Of those that change something, how many were killed."""
        return 100.0 * (len(self.verdicts) - len(self.survived)) / max(1, len(self.verdicts))

    @property
    def complete(self) -> bool:
        return len(self.verdicts) + len(self.accepted) >= self.wanted


def as_text(outcome: Outcome) -> str:
    lines = [_survivor(one) for one in outcome.survived]
    lines += [f"changes nothing: {one.change.file}:{one.change.line}: {reason}" for one, reason in outcome.accepted]
    killed = len(outcome.verdicts) - len(outcome.survived)
    lines.append(
        f"seed {outcome.seed}: {killed} of {len(outcome.verdicts)} killed ({outcome.percent:.1f} %), {len(outcome.survived)} survived, "
        f"{len(outcome.accepted)} change nothing; {outcome.possible} changes are possible; {outcome.seconds:.0f} s"
    )
    if not outcome.complete:
        lines.append(
            f"{len(outcome.verdicts) + len(outcome.accepted)} of {outcome.wanted} so far: the same command goes on where it stopped"
        )
    return "\n".join(lines) + "\n"


def as_json(outcome: Outcome) -> dict[str, Any]:
    kinds = Counter(one.change.kind for one in outcome.verdicts)
    survived = Counter(one.change.kind for one in outcome.survived)
    return {
        "seed": outcome.seed,
        "wanted": outcome.wanted,
        "possible": outcome.possible,
        "judged": len(outcome.verdicts),
        "killed": len(outcome.verdicts) - len(outcome.survived),
        "percent": round(outcome.percent, 2),
        "seconds": round(outcome.seconds, 1),
        "kinds": {kind: {"judged": count, "survived": survived[kind]} for kind, count in sorted(kinds.items())},
        "survived": [_row(one) for one in outcome.survived],
        "accepted": [_row(one) | {"reason": reason} for one, reason in outcome.accepted],
    }


def _survivor(one: Verdict) -> str:
    return f"{one.change.file}:{one.change.line}: survived, {one.by} ({one.change.kind})\n{_diff(one)}\n"


def _row(one: Verdict) -> dict[str, Any]:
    change = one.change
    return {
        "file": change.file,
        "line": change.line,
        "scope": change.scope,
        "kind": change.kind,
        "tests": one.by,
        "diff": _diff(one),
    }


def _diff(one: Verdict) -> str:
    return one.change.diff((ROOT / one.change.file).read_bytes())
