"""What an auth code is."""

from __future__ import annotations

import pytest

from relay.directory.auth_codes import AuthCodeMalformed, auth_code_key, new_auth_code


def test_new_auth_codes_are_of_the_right_form_and_differ() -> None:
    """16 characters that a vendor can type."""
    codes = {new_auth_code() for _ in range(50)}

    assert len(codes) == 50
    assert all(auth_code_key(code).isalnum() for code in codes)


@pytest.mark.parametrize("code", ["", "short", "x" * 17, "ABCDEFGHJKLMNPQ\n", "ABCDEFGHJKLMNP码1"])
def test_an_auth_code_has_sixteen_ascii_characters(code: str) -> None:
    """Others are refused, and the message does not show them."""
    with pytest.raises(AuthCodeMalformed) as caught:
        auth_code_key(code)

    assert not code or code not in str(caught.value)
