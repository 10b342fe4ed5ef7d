"""How this terminal proves the investor's password without sending it.

A key is derived from the password, which takes some 20 ms; everything else is quick, and what was derived is kept for the next
login. PasswordOffer in terminal.proto has the formulas.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.secret import Secret

NONCE_BYTES: Final = 32
_SALT_BYTES: Final = 16
_CONTEXT = b"ctp-relay password proof 1"
_LEAST_PASSES, _MOST_PASSES = 2, 32
_LEAST_KIB, _MOST_KIB = 19 * 1024, 1024 * 1024
_MOST_KEPT = 4096


@dataclass(frozen=True, slots=True)
class SaltedName:
    """Whose password, and how it is derived."""

    firm_salt: bytes
    passes: int
    kib: int
    broker_id: str
    investor_id: str


@dataclass(slots=True)
class DerivedPassword:
    derived: bytes = field(repr=False)
    is_known: bool = False
    """whether the relay has shown that it has this password's keys: then the proof alone is enough"""

    def proof(self, said: bytes) -> bytes:
        client = hmac.digest(self.derived, b"Client Key", "sha256")
        mask = hmac.digest(hashlib.sha256(client).digest(), said, "sha256")
        return bytes(a ^ b for a, b in zip(client, mask, strict=True))

    def expected(self, said: bytes) -> bytes:
        """What the relay answers that has the keys."""
        return hmac.digest(hmac.digest(self.derived, b"Server Key", "sha256"), said, "sha256")


class DerivedPasswords:
    """What was derived, in this process's memory. Terminals of one program may share it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[SaltedName, bytes], DerivedPassword] = {}
        self._mark = secrets.token_bytes(32)

    def __repr__(self) -> str:
        return f"<DerivedPasswords of {len(self._kept)}>"

    async def key(self, name: SaltedName, password: Secret) -> DerivedPassword | None:
        """Derived on a thread, once; None where this machine's OpenSSL has no argon2id."""
        mark = name, hashlib.blake2b(password.reveal().encode("utf-8", "replace"), key=self._mark).digest()
        if mark not in self._kept:
            try:
                derived = await asyncio.to_thread(_derived, name, password)
            except UnsupportedAlgorithm:
                return None
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[mark] = DerivedPassword(derived)
        return self._kept[mark]


def salted_name(offer: pb.PasswordOffer, broker_id: str, investor_id: str) -> SaltedName | None:
    """None where what is offered is less than this terminal proves with, or more than any relay needs."""
    in_bounds = _LEAST_PASSES <= offer.passes <= _MOST_PASSES and _LEAST_KIB <= offer.memory_kib <= _MOST_KIB
    if not in_bounds or len(offer.firm_salt) != _SALT_BYTES:
        return None
    return SaltedName(offer.firm_salt, offer.passes, offer.memory_kib, broker_id, investor_id)


def said_of(timestamp: bytes, nonce: bytes, app_id: str, name: SaltedName) -> bytes:
    """What a proof is made of."""
    names = (text.encode() for text in (app_id, name.broker_id, name.investor_id))
    return b"".join((_CONTEXT, timestamp, nonce, *(len(each).to_bytes(2, "big") + each for each in names)))


def _derived(name: SaltedName, password: Secret) -> bytes:
    text = f"{name.broker_id}\0{name.investor_id}".encode()
    salt = hmac.digest(name.firm_salt, text, "sha256")[:_SALT_BYTES]
    argon2 = Argon2id(salt=salt, length=32, iterations=name.passes, lanes=1, memory_cost=name.kib)
    return argon2.derive(password.reveal().encode("utf-8", "replace"))
