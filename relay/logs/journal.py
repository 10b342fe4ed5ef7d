"""Log lines as records of systemd's journal, so that `journalctl CTP_RELAY_EVENT=fault_began` finds them by field.

The journal's native protocol: one datagram of fields for each record. MESSAGE is the line for people, PRIORITY its level,
CTP_RELAY_EVENT its event, and every other member of the line is a field CTP_RELAY_NAME. Where the journal does not take a record,
the line goes to standard output, which the journal reads too, without fields.

It runs on the log writer's thread, so a journal that is slow stops nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

JOURNAL_SOCKET: Final = Path("/run/systemd/journal/socket")
IDENTIFIER: Final = "ctp-relay"
_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_WITHOUT_A_LEVEL = 6
_OWN = ("event", "level", "timestamp")
"""members that the journal has fields of its own for, or that stand first in the line"""
_LONGEST_NAME = 64
_LONGEST_MESSAGE = 32 * 1024
_Write = Callable[[bytes], None]


def is_read_by_journal(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Whether the journal reads this descriptor: JOURNAL_STREAM has its device and inode, and children inherit the variable."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def to_journal(otherwise: _Write, path: Path = JOURNAL_SOCKET) -> _Write:
    """Write lines of JSON as records; those that the journal does not take go to `otherwise`."""

    def write(data: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            for line in data.splitlines(keepends=True):
                try:
                    _send(out, path, _members(line))
                except OSError:
                    otherwise(line)

    return write


def _send(out: socket.socket, path: Path, members: Mapping[str, Any]) -> None:
    """One record; one that is too large goes with its message alone. Raises OSError."""
    try:
        out.sendto(record(members), str(path))
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise
        few = {name: members[name] for name in _OWN if name in members}
        out.sendto(record(few, _message(members)[:_LONGEST_MESSAGE]), str(path))


def _members(line: bytes) -> Mapping[str, Any]:
    with contextlib.suppress(ValueError):
        if isinstance(found := json.loads(line), dict):
            return found
    return {"event": line.decode("utf-8", "replace").rstrip("\n")}


def record(members: Mapping[str, Any], message: str = "") -> bytes:
    """The fields of one record, as the journal reads them."""
    fields = {
        "MESSAGE": message or _message(members),
        "PRIORITY": str(_PRIORITIES.get(str(members.get("level")), _WITHOUT_A_LEVEL)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "CTP_RELAY_EVENT": str(members.get("event", "")),
    }
    fields |= {_name(name): _text(value) for name, value in members.items() if name not in _OWN}
    return b"".join(_encoded(fields))


def _encoded(fields: Mapping[str, str]) -> Iterator[bytes]:
    for name, text in fields.items():
        value = text.encode("utf-8", "backslashreplace")
        # With its length in front a value may have lines; as NAME=value its second line would be another field.
        yield name.encode("ascii") + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"


def _name(member: str) -> str:
    return f"CTP_RELAY_{re.sub('[^A-Z0-9]', '_', member.upper())}"[:_LONGEST_NAME]


def _message(members: Mapping[str, Any]) -> str:
    pairs = [f"{name}={_text(value)}" for name, value in members.items() if name not in _OWN]
    return " ".join([str(members.get("event", "")), *pairs])


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
