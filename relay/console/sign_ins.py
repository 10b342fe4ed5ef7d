"""Who is signed in: opaque ids of browsers, and what each of them may do until when.

Kept in memory: a restart of the console signs everyone out, and no copy of a database holds a way in. Of an id only its
SHA-256 is kept. An id is made at the sign-in, never taken from a browser, and replaced when the rights behind it grow (after
the second factor), so that one that a stranger knows is worth nothing.

    opened      the password was right; `confirmed` is False while the second factor is awaited
    confirmed   under a new id
    ends        signed out; idle or old; the account's generation grew; too many sign-ins of the account
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_OF_ONE_ACCOUNT = 8
"""sign-ins; the one that was used longest ago gives way"""
MOST = 512
_CODE_SECONDS = 300.0
"""how long a second factor is waited for"""


@dataclass(slots=True)
class SignIn:
    """One browser of one account."""

    account: str
    generation: int
    """the account's, when the password was given"""
    confirmed: bool
    address: str
    opened_at: float
    used_at: float
    notices: list[str] = field(default_factory=list)
    """sentences for the next page"""
    shown_once: dict[str, str] = field(default_factory=dict, repr=False)
    """secrets that the next page shows and that are forgotten then"""
    draft: dict[str, object] = field(default_factory=dict, repr=False)
    """what a form of several steps keeps between them"""

    def take_notices(self) -> list[str]:
        taken, self.notices = self.notices, []
        return taken

    def take_shown_once(self) -> dict[str, str]:
        taken, self.shown_once = self.shown_once, {}
        return taken


class SignIns:
    """For the loop."""

    def __init__(self, clock: Callable[[], float], *, idle_seconds: float, longest_seconds: float) -> None:
        """`clock` is monotonic."""
        self._clock = clock
        self._idle = idle_seconds
        self._longest = longest_seconds
        self._by_digest: OrderedDict[bytes, SignIn] = OrderedDict()
        """the one used longest ago first"""

    def open(self, account: str, generation: int, address: str, *, confirmed: bool) -> str:
        """A new id, for the browser's cookie."""
        self._make_room(account, confirmed=confirmed)
        now = self._clock()
        return self._keep(SignIn(account, generation, confirmed, address, now, now))

    def confirm(self, identity: str) -> str:
        """The second factor was right: the same sign-in under a new id. Raises KeyError where it is over."""
        sign_in = self._by_digest.pop(_digest(identity))
        self._make_room(sign_in.account, confirmed=True)
        now = self._clock()
        sign_in.confirmed, sign_in.opened_at, sign_in.used_at = True, now, now
        return self._keep(sign_in)

    def find(self, identity: str) -> SignIn | None:
        """The sign-in behind an id; one that is over is forgotten."""
        digest = _digest(identity)
        sign_in = self._by_digest.get(digest)
        if sign_in is None:
            return None
        if self._is_over(sign_in):
            del self._by_digest[digest]
            return None
        return sign_in

    def use(self, identity: str) -> None:
        """The person behind the browser did something."""
        digest = _digest(identity)
        if (sign_in := self._by_digest.get(digest)) is not None:
            sign_in.used_at = self._clock()
            self._by_digest.move_to_end(digest)

    def close(self, identity: str) -> None:
        self._by_digest.pop(_digest(identity), None)

    def of_account(self, account: str) -> list[SignIn]:
        """Those that hold, the one used last first."""
        held = [one for one in self._by_digest.values() if one.account == account and not self._is_over(one)]
        return held[::-1]

    def follow(self, account: str, identity: str, generation: int) -> str:
        """Keep this one sign-in through a change that ends the account's others, under a new id.

        Raises KeyError where it is over.
        """
        kept = self._by_digest.pop(_digest(identity))
        self.close_account(account)
        kept.generation = generation
        return self._keep(kept)

    def close_account(self, account: str) -> None:
        """End them all."""
        for digest in [digest for digest, one in self._by_digest.items() if one.account == account]:
            del self._by_digest[digest]

    def __len__(self) -> int:
        return len(self._by_digest)

    def _keep(self, sign_in: SignIn) -> str:
        identity = secrets.token_urlsafe(32)
        self._by_digest[_digest(identity)] = sign_in
        return identity

    def _is_over(self, sign_in: SignIn) -> bool:
        now = self._clock()
        idle = self._idle if sign_in.confirmed else min(self._idle, _CODE_SECONDS)
        return now - sign_in.used_at > idle or now - sign_in.opened_at > self._longest

    def _make_room(self, account: str, *, confirmed: bool) -> None:
        """A password alone ends no sign-in that has its second factor."""
        for digest in [digest for digest, one in self._by_digest.items() if self._is_over(one)]:
            del self._by_digest[digest]
        held = self._by_digest.items()
        own = [digest for digest, one in held if one.account == account and one.confirmed is confirmed]
        for digest in own[: max(0, len(own) - MOST_OF_ONE_ACCOUNT + 1)]:
            del self._by_digest[digest]
        while len(self._by_digest) >= MOST:
            self._by_digest.popitem(last=False)


def _digest(identity: str) -> bytes:
    return hashlib.sha256(identity.encode("utf-8", "replace")).digest()
