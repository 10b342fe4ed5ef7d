"""Which requests leave a trace in the orders' stream."""

from __future__ import annotations

import pytest

from ctpabi.catalog.data import load_catalog
from relay.counter.ctp.orders.order_notes import _is_order, _kind

CATALOG = load_catalog()


def test_every_request_that_orders_or_takes_back_is_in_the_stream() -> None:
    """By name, so that a new version of the interface is looked at."""
    assert sorted(name.removeprefix("Req") for name in CATALOG.methods if _is_order(name)) == [
        "BatchOrderAction", "CancelOffsetSetting", "CombActionInsert", "ExecOrderAction", "ExecOrderInsert",
        "ForQuoteInsert", "OffsetSetting", "OptionSelfCloseAction", "OptionSelfCloseInsert", "OrderAction",
        "OrderInsert", "ParkedOrderAction", "ParkedOrderInsert", "QuoteAction", "QuoteInsert", "RemoveParkedOrder",
        "RemoveParkedOrderAction",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "action", "kind"),
    [
        ("ReqOrderInsert", "", "order_insert"),
        ("ReqParkedOrderInsert", "", "order_insert"),
        ("ReqOffsetSetting", "", "order_insert"),
        ("ReqCancelOffsetSetting", "", "order_cancel"),
        ("ReqRemoveParkedOrder", "", "order_cancel"),
        ("ReqOrderAction", "0", "order_cancel"),
        ("ReqOrderAction", "3", "order_change"),
    ],
)
def test_an_entry_says_what_was_done(method: str, action: str, kind: str) -> None:
    """Ordered, changed or taken back."""
    assert _kind(method, action) == kind
