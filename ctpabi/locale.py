"""The zh_CN.GB18030 locale, without which the binding aborts the process the moment it is imported (CTP fact 9).

Where the system has none, a private one (84 KB) is built once in the user's cache and found through LOCPATH.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from ctpabi.cache import cache_directory

NAME = "zh_CN.GB18030"
INSTALL_COMMAND = "apt-get install -y locales"
_LC_ALL_MASK = 0x1FBF
"""glibc's LC_ALL_MASK: every category but the unassigned bit 6"""
_BUILD_TIMEOUT_SECONDS = 120
_one_at_a_time = threading.Lock()


class LocaleMissing(RuntimeError):
    """There is no zh_CN.GB18030 and it cannot be built; the message names the command that helps."""


def ensure() -> None:
    """Make zh_CN.GB18030 available to this process and its children; sets LOCPATH where needed.

    Call it before openctp_ctp is imported. Raises LocaleMissing.
    """
    with _one_at_a_time:
        if not available():
            _provide()


def _provide() -> None:
    try:
        directory = _private_directory()
        # Look at the file, do not ask glibc: it would remember for ever that there was nothing in that directory.
        if not _is_built(directory / NAME):
            _build(directory)
        # glibc looks into LOCPATH only, when it is set: a useless one is replaced, not appended to.
        os.environ["LOCPATH"] = str(directory)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        if isinstance(error, LocaleMissing):
            raise
        raise LocaleMissing(f"locale {NAME} is missing and cannot be built ({error}): {INSTALL_COMMAND}") from error
    if not available():
        raise LocaleMissing(f"locale {NAME} was built in {directory} but does not load: {INSTALL_COMMAND}")


def available() -> bool:
    """Whether the C library loads the locale now."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.newlocale.restype = ctypes.c_void_p
    libc.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
    libc.freelocale.argtypes = [ctypes.c_void_p]
    found = libc.newlocale(_LC_ALL_MASK, NAME.encode(), None)
    if found:
        libc.freelocale(found)
    return bool(found)


def built() -> bool:
    """Whether a private one stands in the cache already."""
    return _is_built(_private_directory() / NAME)


def _private_directory() -> Path:
    return cache_directory() / "locale"


def _build(directory: Path) -> None:
    """Build the locale beside its place and rename it there: two processes may race, and the first one wins."""
    localedef = shutil.which("localedef")
    if localedef is None:
        raise LocaleMissing(f"locale {NAME} is missing and so is localedef to build it: {INSTALL_COMMAND}")
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        built = Path(scratch) / NAME
        command = [localedef, "-i", "POSIX", "-f", "GB18030", "--no-archive", str(built)]
        # Exit status 1 only says that there were warnings, which POSIX's definition always gives.
        result = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_SECONDS, check=False)
        if not _is_built(built):
            reason = result.stderr.strip().splitlines()[-1:] or [f"exit status {result.returncode}"]
            raise LocaleMissing(f"locale {NAME} cannot be built ({reason[0]}): {INSTALL_COMMAND}")
        _move_into_place(built, directory / NAME)


def _move_into_place(built: Path, place: Path) -> None:
    try:
        built.rename(place)
    except OSError:
        if not _is_built(place):
            raise


def _is_built(place: Path) -> bool:
    return (place / "LC_CTYPE").exists()


def reads_chinese(environ: Mapping[str, str]) -> bool:
    """Whether a person's locale is Chinese, be it installed on this machine or not."""
    chosen = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return chosen.lower().startswith("zh")
