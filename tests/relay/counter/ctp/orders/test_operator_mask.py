"""What a terminal sees where the counter wrote the shared operator."""

from __future__ import annotations

import pytest

from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from relay.counter.ctp.orders.view import OperatorMask

CATALOG = load_catalog()
ORDER = CATALOG.structs["Order"]
ON_ORDER = CATALOG.callbacks["OnRtnOrder"]


def order(user: str, active: str = "") -> bytes:
    return layout.pack(ORDER, {"InvestorID": "100001", "UserID": user, "ActiveUserID": active, "OrderRef": "7"})


def test_the_operator_is_shown_as_the_investor_itself() -> None:
    """In many-to-many the investor's own id stands there; a terminal must not be able to tell."""
    shown = OperatorMask(CATALOG, "op0001").show(ON_ORDER, order("op0001", "op0001"), b"100001")

    assert shown == order("100001", "100001")


def test_orders_of_other_users_are_shown_as_they_are() -> None:
    """The investor's orders from elsewhere keep who sent them."""
    body = order("trader9")

    assert OperatorMask(CATALOG, "op0001").show(ON_ORDER, body, b"100001") is body


@pytest.mark.parametrize("body", [order("op0001"), order("")])
def test_without_an_operator_nothing_is_touched(body: bytes) -> None:
    """Many-to-many has none."""
    assert OperatorMask(CATALOG, "").show(ON_ORDER, body, b"100001") is body
