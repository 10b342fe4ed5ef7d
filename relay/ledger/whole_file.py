"""A file that is written whole or not at all, under a name of its own until it is.

The name is always the same (`.NAME.part`), so that what a killed process left behind is not litter: the next one writes it
anew. A lock on it keeps two processes from writing one file; what is linked to it elsewhere, or is no file, is not touched.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


class PartTaken(OSError):
    """Another process writes this file, or what stands in its place is no file of ours."""


@dataclass(slots=True)
class PartFile:
    """What is written, until it is given its name."""

    path: Path
    file: BinaryIO
    was_left: bool
    """whether a process that was killed had left a part of it"""


@contextmanager
def part_of(path: Path) -> Iterator[PartFile]:
    """The part file of `path`, empty, mode 0600. Flush and rename it: what still has its own name afterwards is removed.

    Raises PartTaken, OSError.
    """
    part = path.with_name(f".{path.name}.part")
    descriptor = _locked(part)
    with os.fdopen(descriptor, "wb") as file:
        was_left = os.fstat(descriptor).st_size > 0
        file.truncate(0)
        try:
            yield PartFile(part, file, was_left)
        finally:
            if _is_at(part, descriptor):
                part.unlink()


def to_disk(of: PartFile) -> None:
    """Everything that was written is on the disk."""
    of.file.flush()
    os.fsync(of.file.fileno())


def _locked(part: Path) -> int:
    while True:
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except IsADirectoryError:
            raise PartTaken(f"{part}: is no file") from None
        try:
            _take(part, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if _is_at(part, descriptor):
            return descriptor
        os.close(descriptor)  # it was given its name, or removed, before the lock was ours


def _take(part: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PartTaken(f"{part}: another process is writing it（另一个进程正在写）") from None
    found = os.fstat(descriptor)
    if _is_at(part, descriptor) and (not stat.S_ISREG(found.st_mode) or found.st_nlink != 1):
        raise PartTaken(f"{part}: is no file of its own: look who put it there")


def _is_at(part: Path, descriptor: int) -> bool:
    try:
        there = part.lstat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
