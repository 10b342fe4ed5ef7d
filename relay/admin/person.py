"""Who acts, as the kernel knows it. Nothing that a caller can choose is believed: no variable, no argument, no message."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NO_LOGIN = 0xFFFF_FFFF
"""the kernel's login uid of a process without a login, a service's for instance"""


@dataclass(frozen=True, slots=True)
class Person:
    """Who makes a change, and through which door."""

    by: str
    """the user that the calling process runs as"""
    through: str
    """the door: `command line` or `control socket`"""
    logged_in_as: str = ""
    """the user that logged in to the machine, where the kernel keeps it and it is another one than `by`"""

    def facts(self) -> dict[str, str]:
        """For the entry in the ledger."""
        known = {"by": self.by, "through": self.through}
        return known | ({"logged_in_as": self.logged_in_as} if self.logged_in_as else {})


def person_of(uid: int, login_uid: Path, through: str) -> Person:
    """The person behind a process that runs as `uid`.

    `login_uid` is the process's /proc/PID/loginuid: the kernel sets it at the login and it stays the same through su and
    sudo. It cannot be read where the process is gone or the kernel keeps none; then the uid is all that is known.
    """
    logged_in = _NO_LOGIN
    with suppress(OSError, ValueError):
        logged_in = int(login_uid.read_text(encoding="ascii"))
    another = logged_in not in {_NO_LOGIN, uid}
    return Person(_user_name(uid), through, _user_name(logged_in) if another else "")


def person_here(login_uid: Path = Path("/proc/self/loginuid")) -> Person:
    """Who runs this process, for commands."""
    return person_of(os.getuid(), login_uid, "command line")


def person_at_socket(pid: int, uid: int) -> Person:
    """Who is at the other end of a Unix socket; pid and uid are the kernel's (SO_PEERCRED)."""
    return person_of(uid, Path(f"/proc/{pid}/loginuid"), "control socket")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
