"""Which of the counter's events answer a request, as the terminal names both.

Some requests succeed without any response: an accepted order is told by order notices only (CTP's
OnRspOrderInsert comes on rejection alone, CTP fact 57). For those the request is answered when it was sent.
"""

from __future__ import annotations

from functools import cache

from ctpabi.catalog import Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.facts.requests import known_requests


@cache
def response_kinds() -> frozenset[str]:
    """The event members that carry a request id."""
    shapes = (Shape.RESPONSE, Shape.RESPONSE_ERROR)
    return frozenset(c.proto_name for c in load_catalog().callbacks.values() if c.shape in shapes)


@cache
def requests_by_notices() -> frozenset[str]:
    """The requests whose success is told by notices, or by nothing."""
    return frozenset(
        method.proto_name for method in load_catalog().requests if known_requests()[method.name].by_notices
    )


def is_response(kind: str) -> bool:
    """Whether this event member answers a request id."""
    return kind in response_kinds()


def ends_with_result(request: str) -> bool:
    """Whether this request is answered once it was sent."""
    return request in requests_by_notices()
