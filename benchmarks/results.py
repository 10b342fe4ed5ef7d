"""results/latest.json: each part of the benchmark writes its own keys into it and leaves the others as they are."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "latest.json"


def read(path: Path = RESULTS) -> dict[str, Any]:
    """Empty where there is none yet."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def merge(found: Mapping[str, Any], path: Path = RESULTS) -> None:
    """Tables are merged member by member, figures replaced."""
    kept = read(path)
    add(kept, {**found, **_about()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def add(kept: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Tables member by member; figures replace what was there."""
    for name, value in found.items():
        if isinstance(value, Mapping) and isinstance(kept.get(name), dict):
            add(kept[name], value)
        else:
            kept[name] = value


def _about() -> dict[str, Any]:
    return {"machine": {"cores": os.cpu_count(), "python": platform.python_version()}, "counter": "simulated"}
