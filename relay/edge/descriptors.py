"""How many descriptors the process may have, and for how many strangers they are enough."""

from __future__ import annotations

import resource
from typing import Final

import structlog

_log = structlog.get_logger(__name__)
OF_A_CONNECTION: Final = 1
ELSEWHERE: Final = 160
"""for databases, logs, the counter's connections, files that are open for a moment"""
_FEWEST: Final = 32
_FEWEST_LOGGING_IN: Final = 64
MOST_LOGGING_IN: Final = 2048


def raise_limit() -> int:
    """Allow this process as many open files as it may allow itself; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard


def most_strangers(wanted: int, sessions: int, descriptors: int) -> int:
    """So many connections without a session beside so many sessions; says it where they are fewer than wanted."""
    room = (descriptors - ELSEWHERE) // OF_A_CONNECTION - sessions
    most = max(_FEWEST, min(wanted, room))
    if most < wanted:
        needed = ELSEWHERE + OF_A_CONNECTION * (wanted + sessions)
        advice = "raise the limit of open files (LimitNOFILE=, ulimit -n)"
        _log.warning("descriptors_scarce", open_files=descriptors, needed=needed, strangers=most, advice=advice)
    return most


def most_logging_in(strangers: int, sessions: int, descriptors: int) -> int:
    """So many connections between proof and session beside these; a few also where descriptors are scarce."""
    room = (descriptors - ELSEWHERE) // OF_A_CONNECTION - sessions - strangers
    return max(_FEWEST_LOGGING_IN, min(MOST_LOGGING_IN, room))
