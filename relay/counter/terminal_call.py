"""A terminal's request on its way to the counter, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ctprelay.ctp.v1.requests_pb2 import Request


class ReadRequest(NamedTuple):
    """A request that the counter's adapter read by itself from a terminal's bytes."""

    name: str
    """of its member in ctp.v1.Request"""
    content: Any
    """what it carries, as the adapter keeps it"""


@dataclass(slots=True)
class TerminalCall:
    """One request of a terminal on its way to the counter."""

    request: Request | ReadRequest
    """as the terminal sent it, which the counter's adapter turns into what its counter takes; or as the adapter read it"""
    request_id: int
    """the terminal's own"""
    valid_for: float
    """seconds it may wait in the relay"""
    client_order_key: str = ""
    fresh: bool = False
    """asks the counter although the answer to this public query is known"""

    @property
    def name(self) -> str | None:
        """Which member of ctp.v1.Request it is; None where it is none that is known here."""
        request = self.request
        return request.name if isinstance(request, ReadRequest) else request.WhichOneof("body")


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What became of a call when it left the relay."""

    return_code: int
    """the API's: 0 sent, -1 no connection, -2 too many unanswered, -3 too many a second"""
    order_ref: str = ""
    """the terminal's order reference, where the relay chose one"""
    first_order_ref: str = ""
    """the first order's reference, where client_order_key was seen before and nothing was sent"""
    queue_position: int = 0
    """how many requests were ahead of it when it came"""
    waited_milliseconds: int = 0
    first_front_id: int = 0
    first_session_id: int = 0
    """with first_order_ref: whose reference it is, since a terminal session counts its own"""
