"""Which of the counter's events answer a request, read from the catalog.

Some requests succeed without any response: an accepted order is told by order notices only (CTP's
OnRspOrderInsert comes on rejection alone). For those the request is answered when it was sent.
"""

from __future__ import annotations

from functools import cache

from ctpabi.catalog import Shape
from ctpabi.catalog.data import load_catalog

# Bank transfers answer with OnRtn… notices too, but their OnErrRtn… have other names than the requests.
BANK_TRANSFERS = frozenset({"ReqFromBankToFutureByFuture", "ReqFromFutureToBankByFuture"})
BANK_QUERY = "ReqQueryBankAccountMoneyByFuture"


@cache
def response_kinds() -> frozenset[str]:
    """The event members that carry a request id."""
    shapes = (Shape.RESPONSE, Shape.RESPONSE_ERROR)
    return frozenset(c.proto_name for c in load_catalog().callbacks.values() if c.shape in shapes)


@cache
def notice_only_requests() -> frozenset[str]:
    """The requests whose success is told by notices: those that have an error notice."""
    callbacks = load_catalog().callbacks
    return frozenset(
        method.proto_name
        for method in load_catalog().requests
        if method.name in BANK_TRANSFERS or method.name == BANK_QUERY or "OnErrRtn" + method.name[3:] in callbacks
    )


def is_response(kind: str) -> bool:
    """Whether this event member answers a request id."""
    return kind in response_kinds()


def ends_with_result(request: str) -> bool:
    """Whether this request is answered once it was sent."""
    return request in notice_only_requests()
