"""What a user is advised where the relay is not reached."""

from __future__ import annotations

import pytest

from terminal_client.channel import NotReached
from vnpy_relay.reach import with_advice


@pytest.mark.parametrize(
    ("why", "field"),
    [
        (NotReached.NOT_TRUSTED, "「CA证书」"),
        (NotReached.ANOTHER_NAME, "「证书名称」"),
        (NotReached.NO_TLS, "「传输方式」"),
        (NotReached.NOTHING_LISTENS, "「中继地址」"),
        (NotReached.NO_SUCH_HOST, "「中继地址」"),
        (NotReached.NO_ANSWER, "防火墙"),
    ],
)
def test_the_field_to_check_comes_first(why: str, field: str) -> None:
    """And the terminal's own words behind it, for support."""
    said = with_advice(f"UNAVAILABLE: relay.firm:50051: {why}: more")

    assert field in said.removesuffix(f"({why})")
    assert said.endswith(f": {why}: more)")


def test_what_is_not_known_is_said_as_it_is() -> None:
    assert with_advice("the relay is starting") == "the relay is starting"
