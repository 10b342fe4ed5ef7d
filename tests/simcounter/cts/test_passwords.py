"""DES under the passkey, against vectors of two other implementations."""

from __future__ import annotations

import pytest

from simcounter.cts.passwords import hide, new_passkey, reveal


@pytest.mark.parametrize(
    ("password", "passkey", "hidden"),
    [("666666", "12345678", "7UeQNHRmrbs="), ("12345678", "abcdefgh", "IcYNpTQki84kG8keXlWz1g==")],
)
def test_a_password_is_hidden_as_by_other_clients(password: str, passkey: str, hidden: str) -> None:
    """Two known pairs, both ways."""
    assert hide(password, passkey) == hidden
    assert reveal(hidden, passkey) == password


@pytest.mark.parametrize("hidden", ["", "7UeQNHRmrbs", "not base64", "AAAA", None, 7, "7UeQNHRmrbs=" * 2])
def test_what_was_not_hidden_so_is_no_password(hidden: object) -> None:
    """Wrong Base64, wrong length, wrong padding, no text."""
    assert reveal(hidden, "12345678") != "666666"


def test_a_passkey_is_eight_ascii_characters() -> None:
    """And never the same twice."""
    keys = {new_passkey() for _ in range(100)}

    assert len(keys) == 100
    assert all(len(key) == 8 and key.isascii() for key in keys)
