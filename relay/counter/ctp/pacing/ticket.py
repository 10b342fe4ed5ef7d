"""One request that waits for its turn to be sent to the counter."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, auto

from relay.counter.ctp.identity.scope_table import Priority


class Stage(Enum):
    NEW = auto()
    WAITING = auto()
    SENT = auto()
    OVER = auto()


@dataclass(eq=False, slots=True)
class Ticket:
    """One request waiting to be sent."""

    sender: Hashable
    priority: Priority
    deadline: float
    """seconds on the caller's clock; at this moment it is too late to send"""
    request_id: int = 0
    """nRequestID at the counter, by which a query's answers are known"""
    attempts: int = 0
    stage: Stage = Stage.NEW
