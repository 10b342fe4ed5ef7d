"""The hash functions: the standards' own vectors, and a plain word where one is missing."""

from __future__ import annotations

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from relay.ledger.digests import DigestUnavailable, digest_of, require_digest


@pytest.mark.parametrize(
    ("name", "content", "digest"),
    [
        ("sha256", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("sm3", b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        ("sm3", b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_the_standards_vectors(name: str, content: bytes, digest: str) -> None:
    """FIPS 180-4, and the two examples of GB/T 32905."""
    assert digest_of(name, content).hex() == digest


def test_a_missing_sm3_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; never another hash in its place."""

    def refuse(_: object) -> None:
        raise UnsupportedAlgorithm("no")

    monkeypatch.setattr(hashes, "Hash", refuse)
    with pytest.raises(DigestUnavailable, match=r"SM3 .*ledger\.digest"):
        require_digest("sm3")
    require_digest("sha256")


def test_another_name_is_none() -> None:
    """What a file may say."""
    with pytest.raises(ValueError, match="no digest"):
        digest_of("md5", b"")
