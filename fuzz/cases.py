"""The corpus of `fuzz/cases`: one text file a target, one Python bytes literal a line, `#` begins a remark."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parent / "cases"


def cases_of(target: str, folder: Path = FOLDER) -> list[bytes]:
    """The inputs kept for a target; ValueError names the line that is none."""
    path = folder / f"{target}.txt"
    if not path.is_file():
        return []
    found: list[bytes] = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            value = ast.literal_eval(line)
            if not isinstance(value, bytes):
                raise ValueError(f"{path.name} line {number}: not a bytes literal")
            found.append(value)
    return found
