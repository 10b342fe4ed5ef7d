"""One look at each thing: what is wrong with it, in a few words, or nothing. They block: never on the event loop."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import resource
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, update
from sqlalchemy.exc import SQLAlchemyError

from relay.database.database import brief, writing
from relay.database.schema import LEDGER_HEAD

MEGABYTE = 1024 * 1024
_PROBE = b"\0" * 4096
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ALARM_DAYS = (7, 1)
_CONNECT_SECONDS = 3.0
NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}
_SCARCE = 0.9
"""of the descriptors: beyond it they are few"""
_FEW = 32
"""descriptors that are few, however many there may be"""
_OF_A_SESSION = 6
"""what a session at the counter needs: with fewer no login succeeds"""


@dataclass(frozen=True, slots=True)
class DiskState:
    free_bytes: int
    why_full: str = ""
    why_low: str = ""


def look_at_disk(directory: Path, low_bytes: int, full_bytes: int) -> DiskState:
    """Whether the relay can still write here: what the system says is free, and whether it takes a page of ours."""
    found = os.statvfs(directory)
    free = found.f_bavail * found.f_frsize
    said = f"{free // MEGABYTE} MiB are free in {directory}"
    if free < full_bytes or (refused := _why_not_written(directory / ".room")):
        return DiskState(free, why_full=said if free < full_bytes else f"{directory}: {refused}")
    return DiskState(free, why_low=said if free < low_bytes else "")


def _why_not_written(file: Path) -> str:
    """Why a page cannot be written; only what a full disk says. Other causes are found by who needs the file."""
    try:
        with file.open("wb", buffering=0) as probe:
            probe.write(_PROBE)
            os.fsync(probe.fileno())
    except OSError as error:
        return str(error.strerror) if error.errno in _FULL else ""
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
    return ""


def why_not_writable(engine: Engine) -> str:
    """Why the database takes no entry. A change of no row is refused by a standby and by a disk that may only be read."""
    try:
        with writing(engine) as connection:
            connection.execute(update(LEDGER_HEAD).where(LEDGER_HEAD.c.chain == "").values(sequence=0))
    except (SQLAlchemyError, OSError) as error:
        return brief(error)
    return ""


def certificate_state(valid_until: dt.datetime, now: dt.datetime, warn_days: float) -> tuple[str, str]:
    """Why it no longer serves, and why it soon will not; at most one of them is not empty."""
    left = valid_until - now
    if left <= dt.timedelta(0):
        return f"expired at {valid_until.isoformat()}", ""
    days = left / dt.timedelta(days=1)
    return "", f"{days:.1f} days are left, until {valid_until.isoformat()}" if days < warn_days else ""


def certificate_stage(valid_until: dt.datetime, now: dt.datetime) -> int:
    """Which alarm is due: the fewest of these days that are not yet over; 0 where more are left, or none."""
    left = valid_until - now
    due = [days for days in _ALARM_DAYS if dt.timedelta(0) < left <= dt.timedelta(days=days)]
    return min(due, default=0)


def descriptors_used() -> tuple[int, int]:
    """How many files are open, and how many may be. Where not one more can be opened, all are."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir()), most
    except OSError as error:
        if error.errno in NO_DESCRIPTOR:
            return most, most
        raise


def descriptors_state(used: int, most: int) -> tuple[str, str]:
    """Why no login can have what it needs, and why that may soon be so; at most one of them is not empty."""
    said = f"{used} of {most} are used"
    if most - used < _OF_A_SESSION:
        return said, ""
    return "", said if used > _SCARCE * most or most - used < _FEW else ""


def why_no_descriptor() -> str:
    """Empty where one more file can be opened."""
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_DIRECTORY))
    except OSError as error:
        return str(error.strerror) if error.errno in NO_DESCRIPTOR else ""
    return ""


def why_no_front(fronts: Sequence[str]) -> str:
    """Why none of these accepts a connection; says nothing about whether it speaks CTP.

    Raises OSError where this process has no descriptor for it: that says nothing of a front.
    """
    whys: list[str] = []
    for front in fronts:
        host, _, port = front.partition("://")[2].rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS):
                return ""
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                raise
            whys.append(f"{front}: {error.strerror or error}")
    return "; ".join(whys)
