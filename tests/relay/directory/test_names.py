"""What a name may look like."""

from __future__ import annotations

import pytest

from relay.directory.names import is_account_id, is_app_id


@pytest.mark.parametrize(
    ("text", "fits"),
    [("a", True), ("client demo_1.0", True), ("x" * 32, True), ("x" * 33, False), ("", False), ("a@b", False),
     ("a\u2028", False), ("a\x1b", False), ("é", False)],
)  # fmt: skip
def test_an_app_id(text: str, fits: bool) -> None:
    """1 to 32 printable ASCII characters, no @."""
    assert is_app_id(text) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [("100001", True), ("1" * 12, True), ("1" * 13, False), ("", False), ("1 2", False), ("\u202e1", False)],
)
def test_an_account_id(text: str, fits: bool) -> None:
    """As long as CTP's field, without spaces."""
    assert is_account_id(text) is fits
