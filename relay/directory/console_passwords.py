"""What a console account's password must be, and how it is hashed. Hashing blocks, some 30 ms."""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher

LEAST_CHARACTERS: Final = 10
MOST_CHARACTERS: Final = 256


def make_hasher() -> PasswordHasher:
    """Argon2id with 19 MiB, as OWASP asks for at least."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hashed_password(password: str, hasher: PasswordHasher) -> str:
    """Raises ValueError for a password that is too short or too long."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise ValueError(
            f"密码应有 {LEAST_CHARACTERS} 至 {MOST_CHARACTERS} 个字符"
            f" / a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters"
        )
    return hasher.hash(password)
