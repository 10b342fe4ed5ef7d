"""Encrypts what the directory must be able to read back: the terminals' auth codes.

The key is a file apart from the database, so that a copy of the database alone gives no auth code away.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from relay.secret_files import SecretFileRefused, create_private, read_secret


class SecretUnreadable(Exception):
    """What was stored was not encrypted with this key."""


class SecretsBox:
    """One key. Thread-safe."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    @classmethod
    def open(cls, path: Path) -> SecretsBox:
        """Use the key file; raises SecretFileRefused where it is missing, not private or no key."""
        try:
            return cls(read_secret(path).get_secret_value().encode("ascii"))
        except ValueError:
            raise SecretFileRefused(f"{path}: holds no key of this relay") from None

    @classmethod
    def open_or_create(cls, path: Path) -> SecretsBox:
        """Use the key file, or make one; for the command that registers the first terminal."""
        with suppress(FileExistsError):  # made before, or by another process at this moment
            create_private(path, Fernet.generate_key() + b"\n")
        return cls.open(path)

    def lock(self, secret: str) -> bytes:
        """Encrypt."""
        return self._fernet.encrypt(secret.encode("utf-8"))

    def unlock(self, locked: bytes) -> str:
        """Decrypt; raises SecretUnreadable."""
        try:
            return self._fernet.decrypt(locked).decode("utf-8")
        except InvalidToken:
            raise SecretUnreadable("the key file is not the one this was encrypted with") from None
