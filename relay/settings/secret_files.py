"""Files with a secret inside: who may be able to read them, and how they are read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import SecretStr


class SecretFileRefused(Exception):
    """The file cannot be used; the message says which file, why, and the command that repairs it."""


def check_private(path: Path) -> None:
    """Raise SecretFileRefused when others than the owner (and the owner's group, for reading) may use the file."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise SecretFileRefused(f"{path}: there is no such file") from None
    except OSError as error:
        raise SecretFileRefused(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise SecretFileRefused(f"{path}: is not a regular file")
    # The group may read: container orchestrators mount secrets as root:group 0440.
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SecretFileRefused(f"{path}: others than its owner can use it; run: chmod 600 {path}")


def read_secret(path: Path) -> SecretStr:
    """The file's first line, without the line end; raises SecretFileRefused."""
    check_private(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SecretFileRefused(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretFileRefused(f"{path}: is not UTF-8 text") from None
    if not lines or not lines[0]:
        raise SecretFileRefused(f"{path}: is empty")
    return SecretStr(lines[0])


def create_private(path: Path, content: bytes) -> None:
    """Write a new file only its owner may use, whole or not at all; FileExistsError where there is one already."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise
