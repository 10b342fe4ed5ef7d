"""What a user is advised where gRPC did not reach the relay."""

from __future__ import annotations

import pytest

from vnpy_relay.reach import with_advice


@pytest.mark.parametrize(
    ("why", "field"),
    [
        ("Tls handshake failed: SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED", "「CA证书」"),
        ("UNAUTHENTICATED: Hostname Verification Check failed.", "「证书名称」"),
        ("SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER", "「传输方式」"),
        ("ipv4:127.0.0.1:50052: Failed to connect to remote host: Connection refused", "「中继地址」"),
        ("UNAVAILABLE: DNS resolution failed for relay.firm:50051", "「中继地址」"),
    ],
)
def test_the_field_to_check_comes_first(why: str, field: str) -> None:
    """And gRPC's own words behind it, for support."""
    said = with_advice(why)

    assert field in said.removesuffix(f"({why})")
    assert said.endswith(f"({why})")


def test_what_is_not_known_is_said_as_it_is() -> None:
    assert with_advice("the relay is starting") == "the relay is starting"
