"""The answer to the relay's challenge."""

from __future__ import annotations

import os
import subprocess

import pytest

from terminal_client.proof import BadAuthCode, auth_info

CODE = "0123456789abcdef"


def test_blocks_are_chained_and_nothing_is_padded() -> None:
    """Each block depends on those before it only, and the answer is as long as the challenge."""
    first, second = auth_info(CODE, bytes(128)), auth_info(CODE, bytes(127) + b"\x01")

    assert len(first) == 128
    assert first[:112] == second[:112]
    assert first[112:] != second[112:]


@pytest.mark.parametrize("code", ["", "short", CODE + "0", "密" * 16])
def test_a_malformed_code_is_refused_without_being_shown(code: str) -> None:
    """16 ASCII characters, and the message says how many there were, never which."""
    with pytest.raises(BadAuthCode, match="16 ASCII") as caught:
        auth_info(code, bytes(128))
    assert not code or code not in str(caught.value)


def test_a_challenge_of_another_length_is_refused() -> None:
    """Encrypting what somebody else chose the length of would be an oracle."""
    with pytest.raises(ValueError, match="128 bytes, not 16"):
        auth_info(CODE, bytes(16))


def test_it_agrees_with_openssl() -> None:
    """A terminal vendor can build the same answer with the tool everybody has."""
    timestamp = os.urandom(128)
    command = ["openssl", "enc", "-aes-128-cbc", "-nopad", "-K", CODE.encode().hex(), "-iv", "0" * 32]
    try:
        expected = subprocess.run(command, input=timestamp, capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("no openssl program here")

    assert auth_info(CODE, timestamp) == expected
