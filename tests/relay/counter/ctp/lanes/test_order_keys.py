"""Which order a key named first."""

from __future__ import annotations

from relay.counter.ctp.lanes.order_keys import FirstOrder, OrderKeys, digest
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.refusals.refusal import Refusal

ENTRY = MapEntry(RefSpace.ORDER, 1, 77, 41, 0, 1_000_000_000, 7, "12", 0, "10001", "k", b"c")


def test_a_key_leads_to_its_first_order() -> None:
    """Until then it is new."""
    keys = OrderKeys()
    assert keys.first("10001", "k", b"c") is None
    keys.remember(ENTRY)

    assert keys.first("10001", "k", b"c") == FirstOrder(1_000_000_000, 7, "12")
    assert keys.first("10002", "k", b"c") is None


def test_other_content_under_the_same_key_is_refused() -> None:
    """It would otherwise be an order that silently never went out."""
    keys = OrderKeys()
    keys.remember(ENTRY)

    refusal = keys.first("10001", "k", b"d")

    assert isinstance(refusal, Refusal)
    assert refusal.reason == "order_key_reused"


def test_a_key_has_64_bytes_at_most() -> None:
    """Bytes, not characters."""
    keys = OrderKeys()

    assert keys.first("10001", "k" * 64, b"c") is None
    too_long = keys.first("10001", "单" * 22, b"c")
    assert isinstance(too_long, Refusal)
    assert too_long.reason == "order_key_too_long"


def test_the_request_is_part_of_what_is_asked() -> None:
    """The same bytes for another request are another order."""
    assert digest("ReqOrderInsert", b"x") != digest("ReqParkedOrderInsert", b"x")
