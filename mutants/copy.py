"""A copy of the source in which changes are made, so that the processes that tests start see them too.

The original's time stays on every copied file, and nothing that is changed is compiled to disk: bytecode of the
original is never taken for a change's, nor the other way round.
"""

from __future__ import annotations

import py_compile
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mutants.places import COPIED, ROOT

COPY = ROOT / ".cache" / "mutants" / "copy"


def renew_copy() -> None:
    """Make the copy like the source; what is alike stays untouched."""
    for name in COPIED:
        wanted = {path.relative_to(ROOT) for path in _files(ROOT / name)}
        for gone in {path.relative_to(COPY) for path in _files(COPY / name)} - wanted:
            (COPY / gone).unlink()
        for file in wanted:
            _renew(ROOT / file, COPY / file)


@contextmanager
def changed(file: str, text: bytes) -> Iterator[None]:
    """The copy's file with this text for a while."""
    place = COPY / file
    place.write_bytes(text)
    try:
        yield
    finally:
        shutil.copy2(ROOT / file, place)


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return [path for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc"]


def _renew(source: Path, target: Path) -> None:
    if target.exists():
        ours, theirs = source.stat(), target.stat()
        if (ours.st_mtime_ns, ours.st_size) == (theirs.st_mtime_ns, theirs.st_size):
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    if target.suffix == ".py":
        with suppress(py_compile.PyCompileError):
            py_compile.compile(str(target), doraise=True)
