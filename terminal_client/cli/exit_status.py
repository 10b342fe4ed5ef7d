"""What a command ends with, for scripts; and how its help says so."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    OK = 0
    CALL_FAILED = 1
    """the request was refused, rejected, or its outcome is not known"""
    USAGE = 2
    LOGIN_REJECTED = 3
    NOT_CONNECTED = 4
    COLLECTOR_FAILED = 5


EPILOG = (
    "Exit codes: 0 done, 1 request failed or rejected, 2 wrong usage or settings, 3 login rejected, "
    "4 relay not reached or session ended, 5 collector failed."
)
