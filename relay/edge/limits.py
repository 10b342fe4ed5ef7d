"""What the settings allow at the edge."""

from __future__ import annotations

from dataclasses import dataclass

from relay.edge.pace import PaceLimits
from relay.edge.shares import ShareLimits


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What the settings allow; may change while the relay runs."""

    strangers: ShareLimits
    logging_in: ShareLimits
    """connections that have proved themselves and have no session yet"""
    pace: PaceLimits
    max_message: int
    hello_seconds: float
    carrying_many: int
    """connections of proxies that carry many terminals each"""
    sessions: int = 0
    """connections that sessions may have; what they leave is there for those that are logging in, too"""
