"""What a command ends with, for scripts; and how its help says so."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    REFUSED = 1
    """the command was understood and refused, or a verification found problems"""
    USAGE = 2
    SETTINGS = 3
    DATABASE = 4
    NOTHING = 5
    """there is nothing to verify"""


EPILOG = (
    "Exit codes: 0 done, 1 refused or problems found, 2 wrong usage, 3 settings or secret file wrong, "
    "4 database or ledger not available, 5 nothing there to verify."
)
