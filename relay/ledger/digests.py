"""The hash functions an entry, a tree and a seal can be made with: SHA-256, and China's SM3 (GB/T 32905)."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

SHA256: Final = "sha256"
SM3: Final = "sm3"
DIGESTS: Final = (SHA256, SM3)


class DigestUnavailable(Exception):
    """This machine's OpenSSL does not have the hash function; the message says what to do."""


def digest_of(name: str, content: bytes) -> bytes:
    """32 bytes. Raises DigestUnavailable, and ValueError for a name that is none of `DIGESTS`."""
    if name == SHA256:
        return hashlib.sha256(content).digest()
    if name != SM3:
        raise ValueError(f"{name!r} is no digest of the ledger")
    try:
        made = hashes.Hash(hashes.SM3())
    except UnsupportedAlgorithm:
        raise DigestUnavailable(
            "SM3 is not in this machine's OpenSSL (国密 SM3 不可用): install cryptography from its wheel,"
            ' or set ledger.digest = "sha256"'
        ) from None
    made.update(content)
    return made.finalize()


def require_digest(name: str) -> None:
    """Raise DigestUnavailable where this machine cannot make it."""
    digest_of(name, b"")
