"""Where what is built once is kept: the locale, the simulated counter's library."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def cache_directory() -> Path:
    """A directory this process may write to, made where it was missing.

    `XDG_CACHE_HOME`, systemd's `CACHE_DIRECTORY`, then `.cache` in the home directory. A service user may have none of
    them: then a temporary directory serves, for this process and its children. Raises OSError where even that fails.
    """
    return lasting_directory() or _temporary_directory()


def lasting_directory() -> Path | None:
    """The same without the temporary one: what is put there is there for the next process, too."""
    for directory in cache_places():
        try:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK | os.X_OK):
            return directory
    return None


def cache_places() -> Iterator[Path]:
    """Where something may be kept already, the best place first. This process may not be able to write there, or to look."""
    for variable in ("XDG_CACHE_HOME", "CACHE_DIRECTORY"):
        if os.environ.get(variable):
            yield Path(os.environ[variable], "ctp-relay")
    with contextlib.suppress(RuntimeError):  # no HOME, and the user is not in the user database
        yield Path.home() / ".cache" / "ctp-relay"


@contextlib.contextmanager
def only_builder(place: Path) -> Iterator[None]:
    """One process at a time makes what `place` is to hold; nobody but its user may write in the folder that is made for it."""
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def _temporary_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="ctp-relay-cache-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory
