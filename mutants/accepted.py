"""Changes that no test can be asked to see, each with its reason: accepted.toml, matched by what stands there."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from mutants.changes import Change

KEPT = Path(__file__).with_name("accepted.toml")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry."""

    file: str
    scope: str
    before: str
    after: str
    reason: str

    @property
    def content(self) -> tuple[str, str, str, str]:
        return self.file, self.scope, self.before, self.after


def accepted() -> dict[tuple[str, str, str, str], Accepted]:
    """All entries by what they match."""
    entries = [Accepted(**entry) for entry in tomllib.loads(KEPT.read_text(encoding="utf-8")).get("change", [])]
    return {entry.content: entry for entry in entries}


def content_of(change: Change, source: bytes) -> tuple[str, str, str, str]:
    return change.file, *change.content(source)
