"""A folder of parts: whether it is whole, who uses it, and when it goes.

Beside the parts lies a list of them with their digests: a library that was cut short ends the process that loads it, so it is compared before. A
process that runs parts holds a lock on their folder as long as it lives, for it loads some of them late; what is held is not removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from relay.compiled.parts import LIBRARY, compiled_modules, place_of

BUILDING = "building-"
"""how the folders begin in which parts are made"""
_LIST = "parts.json"
_KEPT = 8
_ADVICE = "run: python -m relay.compiled.build"


def write_list(folder: Path, *, made_by: str) -> None:
    """Of the parts in it, with what made them."""
    files = {str(file.relative_to(folder)): _digest(file) for file in sorted(folder.rglob("*.so"))}
    text = json.dumps({"made_by": made_by, "files": files}, indent=1)
    (folder / _LIST).write_text(f"{text}\n", encoding="utf-8")


def what_made(folder: Path) -> str:
    """As the list says; empty where it says nothing."""
    try:
        return str(json.loads((folder / _LIST).read_bytes())["made_by"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def why_not_whole(folder: Path) -> str | None:
    """Which file is missing or damaged; None where every part is there as it was made."""
    try:
        files = json.loads((folder / _LIST).read_bytes())["files"]
        for module in sorted({*compiled_modules(), LIBRARY}):
            place = place_of(module)
            if _digest(folder / place) != files[place]:
                return f"{folder / place} is not what was compiled; {_ADVICE}"
    except OSError as error:
        return f"the compiled parts are not whole: {error}; {_ADVICE}"
    except (ValueError, LookupError, TypeError):
        return f"{folder / _LIST} is not the list of the compiled parts; {_ADVICE}"
    return None


def hold(folder: Path) -> int:
    """Keep it from being removed until the descriptor that is given is closed. Raises OSError, also where it is being removed."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise
    except OSError:
        return held  # a file system without locks: nothing is removed there either
    with contextlib.suppress(OSError):
        os.utime(folder)  # parts that are used stay
    return held


def is_held(folder: Path) -> bool:
    """Whether a process runs these parts."""
    try:
        os.close(_had_alone(folder))
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def set_aside(folder: Path, scratch: Path) -> bool:
    """Move it into `scratch`, which is removed, unless a process runs these parts."""
    try:
        alone = _had_alone(folder)
    except OSError:
        return False
    try:
        folder.rename(scratch / folder.name)
    except OSError:
        return False
    finally:
        os.close(alone)
    return True


def _had_alone(folder: Path) -> int:
    """The descriptor by which nobody else holds it, until it is closed. Raises BlockingIOError where a process runs these parts, OSError."""
    tried = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(tried, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(tried)
        raise
    return tried


def remove_left_over(directory: Path) -> None:
    """Parts that no process runs, but for those used last, and what builders left that were killed.

    Only the builder calls it that has the directory for itself.
    """
    parts = [one for one in directory.iterdir() if one.is_dir() and not one.name.startswith(BUILDING)]
    with tempfile.TemporaryDirectory(dir=directory, prefix=BUILDING, ignore_cleanup_errors=True) as scratch:
        for folder in sorted(parts, key=lambda one: one.stat().st_mtime, reverse=True)[_KEPT:]:
            set_aside(folder, Path(scratch))
    for left in directory.glob(f"{BUILDING}*"):
        shutil.rmtree(left, ignore_errors=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
