"""Which order a key named first."""

from __future__ import annotations

from relay.domain.order_keys import OrderKeys, digest
from relay.errors import Refusal


def test_a_key_leads_to_its_first_order() -> None:
    """Until then it is new."""
    keys = OrderKeys()
    assert keys.first("10001", "k", b"c") is None
    keys.remember("10001", "k", b"c", "12")

    assert keys.first("10001", "k", b"c") == "12"
    assert keys.first("10002", "k", b"c") is None


def test_other_content_under_the_same_key_is_refused() -> None:
    """It would otherwise be an order that silently never went out."""
    keys = OrderKeys()
    keys.remember("10001", "k", b"c", "12")

    refusal = keys.first("10001", "k", b"d")

    assert isinstance(refusal, Refusal)
    assert refusal.reason == "order_key_reused"


def test_a_key_has_64_bytes_at_most() -> None:
    """Bytes, not characters."""
    keys = OrderKeys()

    assert keys.first("10001", "k" * 64, b"c") is None
    assert isinstance(keys.first("10001", "单" * 22, b"c"), Refusal)


def test_the_request_is_part_of_what_is_asked() -> None:
    """The same bytes for another request are another order."""
    assert digest("ReqOrderInsert", b"x") != digest("ReqParkedOrderInsert", b"x")
