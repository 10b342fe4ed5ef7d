"""What is kept of an investor's password, and how a terminal proves it without sending it. Pure; a derivation takes 20 ms and more.

The terminal derives a key from the password with argon2id, and from that two more:

    client key = HMAC(derived, "Client Key")        stored key = SHA-256(client key)
    server key = HMAC(derived, "Server Key")

The relay keeps the stored key and the server key. A proof is the client key, XORed with HMAC(stored key, said), where `said` names the
stream's challenge, a nonce of the terminal's and who logs in. So what is kept is not enough to make a proof, a proof is good once,
and to guess a password from what is kept costs one argon2id for each try. HMAC(server key, said) shows the terminal that
the relay knows the password's keys. It is SCRAM (RFC 5802) with argon2id, in one message.

The salt of an investor is made of the firm's and of the name, so that it can be told before anything is known of who asks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw

NONCE_BYTES: Final = 32
PROOF_BYTES: Final = 32
SALT_BYTES: Final = 16
_CONTEXT = b"ctp-relay password proof 1"
_KEPT = re.compile(
    r"\$ctp-relay-proof\$m=(?P<kib>\d{1,7}),t=(?P<passes>\d{1,3}),p=1"
    r"\$(?P<salt>[\w+/=]+)\$(?P<stored>[\w+/=]+)\$(?P<server>[\w+/=]+)"
)


@dataclass(frozen=True, slots=True)
class PasswordCost:
    """Of one derivation; one lane."""

    passes: int
    kib: int


@dataclass(frozen=True, slots=True)
class PasswordKeys:
    """What is kept of a password."""

    cost: PasswordCost
    salt: bytes
    stored: bytes = field(repr=False)
    server: bytes = field(repr=False)

    @classmethod
    def of(cls, derived: bytes, cost: PasswordCost, salt: bytes) -> Self:
        client, server = (hmac.digest(derived, name, "sha256") for name in (b"Client Key", b"Server Key"))
        return cls(cost, salt, hashlib.sha256(client).digest(), server)

    @classmethod
    def read(cls, kept: str) -> Self | None:
        """Of a row of the table; None for what earlier versions wrote there."""
        found = _KEPT.fullmatch(kept)
        if found is None:
            return None
        cost = PasswordCost(int(found["passes"]), int(found["kib"]))
        try:
            return cls(cost, *(base64.b64decode(found[name], validate=True) for name in ("salt", "stored", "server")))
        except binascii.Error:
            return None

    def text(self) -> str:
        """For the table."""
        parts = (base64.b64encode(part).decode("ascii") for part in (self.salt, self.stored, self.server))
        return f"$ctp-relay-proof$m={self.cost.kib},t={self.cost.passes},p=1${'$'.join(parts)}"

    def is_proved(self, said: bytes, proof: bytes) -> bool:
        """Whether `proof` was made of `said` by somebody who knows the password."""
        if len(proof) != PROOF_BYTES:
            return False
        client = bytes(a ^ b for a, b in zip(proof, hmac.digest(self.stored, said, "sha256"), strict=True))
        return hmac.compare_digest(hashlib.sha256(client).digest(), self.stored)

    def answer(self, said: bytes) -> bytes:
        """What shows the terminal that these keys are known here."""
        return hmac.digest(self.server, said, "sha256")

    def is_of(self, derived: bytes) -> bool:
        return hmac.compare_digest(self.of(derived, self.cost, self.salt).stored, self.stored)


class PasswordHashing:
    """The dear part: one derivation, or one comparison with what earlier versions kept. Thread-safe, blocks."""

    def __init__(self, cost: PasswordCost = PasswordCost(passes=2, kib=19 * 1024)) -> None:
        self.cost = cost
        self._older = PasswordHasher(time_cost=cost.passes, memory_cost=cost.kib, parallelism=1)

    def keys(self, password: str, salt: bytes) -> PasswordKeys:
        """For a new password."""
        return PasswordKeys.of(self._derived(password, self.cost, salt), self.cost, salt)

    def matches(self, password: str, keys: PasswordKeys) -> bool:
        return keys.is_of(self._derived(password, keys.cost, keys.salt))

    def matches_older(self, password: str, kept: str) -> bool:
        """Compared with argon2id's own format."""
        try:
            return self._older.verify(kept, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    def _derived(self, password: str, cost: PasswordCost, salt: bytes) -> bytes:
        return hash_secret_raw(_bytes(password), salt, cost.passes, cost.kib, 1, 32, Type.ID)


def salt_of(firm_salt: bytes, broker_id: str, investor_id: str) -> bytes:
    """An investor's salt."""
    return hmac.digest(firm_salt, f"{broker_id}\0{investor_id}".encode(), "sha256")[:SALT_BYTES]


def said_of(challenge: bytes, nonce: bytes, names: Sequence[str]) -> bytes:
    """What a proof is made of; `names` are app id, broker id and investor id."""
    texts = b"".join(len(name.encode()).to_bytes(2, "big") + name.encode() for name in names)
    return b"".join((_CONTEXT, challenge, nonce, texts))


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "replace")
