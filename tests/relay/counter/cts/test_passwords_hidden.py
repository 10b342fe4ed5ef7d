"""How a password is hidden, against results of two other implementations."""

from __future__ import annotations

import pytest

from relay.counter.cts.passwords import can_be_hidden, check_passkey, hide


@pytest.mark.parametrize(
    ("password", "passkey", "hidden"),
    [("666666", "12345678", "7UeQNHRmrbs="), ("12345678", "abcdefgh", "IcYNpTQki84kG8keXlWz1g==")],
)
def test_a_password_is_hidden_as_by_other_clients(password: str, passkey: str, hidden: str) -> None:
    """Two known results."""
    assert hide(password, check_passkey(passkey)) == hidden


def test_only_ascii_can_be_hidden() -> None:
    """A NUL would end the password at a counter written in C."""
    assert [can_be_hidden(text) for text in ("a b!", "密码", "a\0b")] == [True, False, False]
