"""A process's own folder for the vendor's flow files, and the sweeping of those that dead processes left.

Each API instance needs a folder that exists and that nobody else uses (CTP fact 7). A relay that is killed cannot remove its own.
Every process therefore works below one folder of its own and holds a lock on it; whoever starts removes the folders
whose lock is free.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "process-"


@contextmanager
def process_folder(root: Path) -> Iterator[Path]:
    """An empty folder below `root`, removed at the end. Raises OSError where `root` cannot be used."""
    root.mkdir(parents=True, exist_ok=True)
    with _sweeping(root):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep_folders(root: Path) -> None:
    """Remove what dead processes left below `root`; for the one that starts them, and outlives them."""
    if root.is_dir():
        with _sweeping(root):
            pass


@contextmanager
def _sweeping(root: Path) -> Iterator[None]:
    """Inside, `root` is swept, and no other process sweeps: it would remove what this one has just made."""
    sweep = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(sweep, fcntl.LOCK_EX)
        for left in root.glob(f"{_PREFIX}*"):
            _remove_unused(left)
        yield
    finally:
        os.close(sweep)


def _remove_unused(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # its process lives
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
