"""Who acts, through which door, in which role, and why.

Who it is comes from the kernel or from a certificate: no variable, no argument and no message can say it. Two things a
caller does say: why it acts, and, where it is a console, which of its accounts acts. An account can only lower the role.
"""

from __future__ import annotations

import json
import os
import pwd
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from relay.admin.roles import PersonRole, ReasonMissing
from relay.outside_text import shown

_NO_LOGIN = 0xFFFF_FFFF
"""the kernel's login uid of a process without a login, a service's for instance"""


LONGEST_REASON = 200
LONGEST_NAME = 128
"""of a session, an investor, an app id or an address that is asked for: it stands in the ledger"""
_LONGEST_ACCOUNT = 64


def short_name(name: str) -> str:
    """The same, where it is no longer than any name may be; raises ValueError."""
    if len(name) > LONGEST_NAME:
        raise ValueError(f"最多 {LONGEST_NAME} 个字符 / a name has at most {LONGEST_NAME} characters")
    return name


@dataclass(frozen=True, slots=True)
class Person:
    """Who makes a change, and through which door."""

    by: str
    """the user that the calling process runs as, or the name in its certificate"""
    through: str
    """the door: `command line`, `control socket`, `network`; `console` where one asks for an account"""
    logged_in_as: str = ""
    """the user that logged in to the machine, where the kernel keeps it and it is another one than `by`"""
    role: PersonRole = PersonRole.ADMIN
    """who may open the control socket or read the settings may do all"""
    account: str = ""
    """the console's account that acts"""
    reason: str = ""
    """why, harmless to look at"""

    def facts(self) -> dict[str, str]:
        """For the entry in the ledger."""
        known = {"by": self.by, "through": self.through, "role": self.role.value, "reason": self.reason}
        optional = {"logged_in_as": self.logged_in_as, "account": self.account}
        return known | {name: value for name, value in optional.items() if value}

    def packed(self) -> bytes:
        """For a worker, which believes it of its supervisor alone."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Person:
        """The person of `packed`; raises ValueError."""
        values = json.loads(data)
        try:
            return cls(**values | {"role": PersonRole(values["role"])})
        except (TypeError, KeyError) as error:
            raise ValueError("this is no person") from error

    def because(self, reason: str) -> Person:
        """The same person with a reason; raises ReasonMissing where it is too long. It may be empty."""
        text = shown(reason.strip())
        if len(text) > LONGEST_REASON:
            long = f"原因最多 {LONGEST_REASON} 个字符 / the reason has more than {LONGEST_REASON} characters"
            raise ReasonMissing(long)
        return replace(self, reason=text)

    def acting_for(self, account: str, role: str) -> Person:
        """A console's account in the place of the console: it may do what both may. Raises ValueError."""
        name = shown(account)
        if not name or name != account or len(name) > _LONGEST_ACCOUNT:
            raise ValueError(f"an account's name is 1 to {_LONGEST_ACCOUNT} printable characters")
        return replace(self, through="console", account=name, role=self.role.at_most(PersonRole(role)))


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


def person_of_console(login_uid: Path = Path("/proc/self/loginuid")) -> Person:
    """Who runs the console; each of its actions is `acting_for` an account."""
    return person_of(os.getuid(), login_uid, "console")


def person_at_socket(pid: int, uid: int) -> Person:
    """Who is at the other end of a Unix socket; pid and uid are the kernel's (SO_PEERCRED)."""
    return person_of(uid, Path(f"/proc/{pid}/loginuid"), "control socket")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
