"""Checking passwords without letting strangers spend the machine: one hash's time for every name, few at a time.

Argon2 takes 20 MB and some 30 ms on purpose. So two are computed at a time, a few wait, and of one address fewer; who comes
beyond that is asked to try again, which says nothing of the name.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from relay.directory.console_passwords import MOST_CHARACTERS, hashed_password, make_hasher

_AT_A_TIME = 2
_MOST_WAITING = 32
_MOST_OF_ONE_ADDRESS = 4


class HashingBusy(Exception):
    """Too many passwords are being checked, of this address or of all."""


class Passwords:
    """For the loop, but `hashed`, which blocks."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or make_hasher()
        self._of_no_account = self._hasher.hash("")
        self._threads = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="passwords")
        self._inside: Counter[str] = Counter()

    async def matches(self, hashed: str | None, password: str, address: str) -> bool:
        """Whether it is the password; `hashed` is None for an account that does not exist. Raises HashingBusy."""
        if self._inside.total() >= _MOST_WAITING or self._inside[address] >= _MOST_OF_ONE_ADDRESS:
            raise HashingBusy
        self._inside[address] += 1
        try:
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(self._threads, self._check, hashed or self._of_no_account, password)
        finally:
            self._inside[address] -= 1
            if not self._inside[address]:
                del self._inside[address]
        return right and hashed is not None

    def hashed(self, password: str) -> str:
        """Raises ValueError for a password that is too short or too long."""
        return hashed_password(password, self._hasher)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password[:MOST_CHARACTERS].encode("utf-8", "replace"))
        except (VerificationError, InvalidHashError):
            return False
