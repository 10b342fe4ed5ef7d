"""The proof of the auth code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.admission import challenge
from relay.admission.challenge import TIMESTAMP_BYTES, auth_info, proof_is_right

CODE = "ABCDEFGHJKLMNPQ1"
TIMESTAMP = bytes(range(TIMESTAMP_BYTES))


def test_the_answer_is_aes_128_cbc_with_a_zero_iv() -> None:
    """The first block is AES-128 of the timestamp's first block: a value any other language can be checked with."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    timestamp = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a") + bytes(TIMESTAMP_BYTES - 16)

    # Key and block of NIST SP 800-38A; as text the key is not printable, so it is used directly.
    assert challenge._encrypt(key, timestamp)[:16].hex() == "3ad77bb40d7a3660a89ecaf32466ef97"


def test_the_right_auth_code_proves_itself() -> None:
    """The 128 bytes made with the auth code are accepted."""
    answer = auth_info(CODE, TIMESTAMP)

    assert len(answer) == TIMESTAMP_BYTES
    assert proof_is_right(CODE, TIMESTAMP, answer)


@given(st.integers(0, TIMESTAMP_BYTES - 1), st.integers(1, 255))
def test_any_other_answer_is_refused(position: int, change: int) -> None:
    """One changed byte anywhere is no proof."""
    answer = bytearray(auth_info(CODE, TIMESTAMP))
    answer[position] ^= change

    assert not proof_is_right(CODE, TIMESTAMP, bytes(answer))


@pytest.mark.parametrize("answer", [b"", b"x", bytes(127), bytes(129), TIMESTAMP])
def test_answers_of_any_shape_are_refused_quietly(answer: bytes) -> None:
    """Answers of another length, and the timestamp itself, are no proof and no error."""
    assert not proof_is_right(CODE, TIMESTAMP, answer)


def test_an_answer_to_another_challenge_is_refused() -> None:
    """A recorded answer does not fit the next challenge."""
    assert not proof_is_right(CODE, bytes(TIMESTAMP_BYTES), auth_info(CODE, TIMESTAMP))


def test_an_unknown_terminal_never_proves_itself() -> None:
    """Not even with the answer that the relay computes for nobody."""
    assert not proof_is_right(None, TIMESTAMP, auth_info(challenge._NO_CODE, TIMESTAMP))
