"""Encrypts what the directory must be able to read back: the terminals' auth codes.

The key is a file apart from the database, so that a copy of the database alone gives no auth code away.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from relay.settings.secret_files import SecretFileRefused, create_private, read_secret


class SecretUnreadable(Exception):
    """What was stored was not encrypted with this key."""


class SecretsBox:
    """One key. Thread-safe."""

    def __init__(self, key: bytes, file: Path | None = None) -> None:
        """`file` is where the key stands, for messages."""
        self._fernet = Fernet(key)
        self._file = file

    @classmethod
    def open(cls, path: Path) -> SecretsBox:
        """Use the key file; raises SecretFileRefused where it is missing, not private or no key."""
        try:
            return cls(read_secret(path).get_secret_value().encode("ascii"), path)
        except ValueError:
            raise SecretFileRefused(f"{path}：不是本中继的密钥 / {path}: holds no key of this relay") from None

    @classmethod
    def open_or_create(cls, path: Path) -> SecretsBox:
        """Use the key file, or make one; only where nothing has been encrypted yet."""
        with suppress(FileExistsError):  # made before, or by another process at this moment
            create_private(path, Fernet.generate_key() + b"\n")
        return cls.open(path)

    @classmethod
    def without_key(cls) -> SecretsBox:
        """Reads nothing that was stored; for what needs no auth code."""
        return cls(Fernet.generate_key())

    def lock(self, secret: str) -> bytes:
        return self._fernet.encrypt(secret.encode("utf-8"))

    def unlock(self, locked: bytes) -> str:
        """Decrypt; raises SecretUnreadable."""
        try:
            return self._fernet.decrypt(locked).decode("utf-8")
        except InvalidToken:
            file, key = f"密钥文件 {self._file} ", f"the key file {self._file}"
            chinese, english = (file, key) if self._file else ("这把密钥", "this key")
            raise SecretUnreadable(
                f"{chinese}不是加密时所用的 / {english} is not the one this was encrypted with"
            ) from None
