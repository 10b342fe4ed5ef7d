"""Every sentence that a person reads on the console, in Chinese and English.

A file `<subject>.toml` holds rows `key = { zh = "…", en = "…" }`; a page asks for `subject.key`. Facts are put in by name:
`{count}`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


class SentencesIncomplete(Exception):
    """A row lacks a language, or is no row."""


class Sentences:
    """The catalog in memory."""

    def __init__(self, rows: Mapping[str, Any]) -> None:
        """Raises SentencesIncomplete."""
        languages = set(Language)
        for key, row in rows.items():
            if not isinstance(row, Mapping) or set(row) != languages or not all(row.values()):
                raise SentencesIncomplete(f"{key}: needs {' and '.join(sorted(languages))}, both not empty")
        self._rows: dict[str, dict[str, str]] = {key: dict(row) for key, row in rows.items()}

    def keys(self) -> frozenset[str]:
        return frozenset(self._rows)

    def say(self, language: Language, key: str, **facts: object) -> str:
        """The sentence; raises KeyError for a key that is not in the catalog."""
        text = self._rows[key][language]
        return text.format_map(facts) if facts else text

    def has(self, key: str) -> bool:
        return key in self._rows


def load_sentences(folder: Path = _FOLDER) -> Sentences:
    """Read every file of the folder. Raises SentencesIncomplete."""
    rows: dict[str, Mapping[str, str]] = {}
    for file in sorted(folder.glob("*.toml")):
        for key, row in tomllib.loads(file.read_text(encoding="utf-8")).items():
            rows[f"{file.stem}.{key}"] = row
    return Sentences(rows)


def choose(chosen: str, accept_language: str) -> Language:
    """The language of a page: what was chosen, else the first that the browser names and we have, else Chinese."""
    if chosen in set(Language):
        return Language(chosen)
    named = sorted(_named(accept_language), key=lambda pair: -pair[1])
    return next((Language(name) for name, _ in named if name in set(Language)), Language.ZH)


def _named(accept_language: str) -> list[tuple[str, float]]:
    found = []
    for part in accept_language[:500].split(","):
        tag, _, weight = part.partition(";")
        try:
            found.append((tag.strip().lower().split("-")[0], float(weight.strip().removeprefix("q=") or 1)))
        except ValueError:
            continue
    return [(name, weight) for name, weight in found if weight > 0]
