"""Which password the counter took last of each investor: so that the right one still gets in when strangers have guessed.

A password itself is not kept. What is kept is its digest under a random key of this process: it is never written, and
means nothing to another process or after a restart. The counter sessions say what was taken and what was refused; the
guard of the logins asks.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict

_INVESTORS = 100_000


class RightPasswords:
    """Bounded: the investor who logged in longest ago is forgotten first. Filled by successful logins only."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._digests: OrderedDict[str, bytes] = OrderedDict()

    def __repr__(self) -> str:
        return f"<RightPasswords of {len(self._digests)} investors>"

    def took(self, investor_id: str, password: str) -> None:
        """The counter accepted this password: at a login, or as a new one."""
        self._digests[investor_id] = self._digest(investor_id, password)
        self._digests.move_to_end(investor_id)
        while len(self._digests) > _INVESTORS:
            self._digests.popitem(last=False)

    def refused(self, investor_id: str, password: str) -> None:
        """The counter refused this password: where it was the right one once, it was changed elsewhere."""
        if self.is_right(investor_id, password):
            del self._digests[investor_id]

    def knows(self, investor_id: str) -> bool:
        """Whether the counter has taken a password of this investor."""
        return investor_id in self._digests

    def is_right(self, investor_id: str, password: str) -> bool | None:
        """Whether it is the one the counter took last; None where none is known."""
        digest = self._digests.get(investor_id)
        return None if digest is None else hmac.compare_digest(digest, self._digest(investor_id, password))

    def _digest(self, investor_id: str, password: str) -> bytes:
        text = f"{len(investor_id)} {investor_id}{password}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()
