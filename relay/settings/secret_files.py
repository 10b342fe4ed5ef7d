"""Files with a secret inside: who may be able to read them, and how they are read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import SecretStr

from relay.settings.file_modes import why_changeable

_LONGEST = 65_536


class SecretFileRefused(Exception):
    """The file cannot be used; the message says which file, why, and the command that repairs it."""


def check_private(path: Path) -> None:
    """Raise SecretFileRefused when others than the owner (and the owner's group, for reading) may use the file.

    The owner is the user of this process, or root.
    """
    try:
        mode = path.stat().st_mode
        changeable = why_changeable(path)
    except FileNotFoundError:
        raise SecretFileRefused(f"{path}: there is no such file") from None
    except OSError as error:
        raise SecretFileRefused(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise SecretFileRefused(f"{path}: is not a regular file")
    # The group may read: container orchestrators mount secrets as root:group 0440.
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SecretFileRefused(f"{path}: others than its owner can use it; run: chmod 600 {path}")
    if changeable:
        raise SecretFileRefused(changeable)


def read_secret(path: Path) -> SecretStr:
    """The file's first line, without the line end; raises SecretFileRefused.

    A line ends with a line feed: what other programs take for a line's end may be a part of the secret.
    """
    check_private(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
        first = content.decode().split("\n")[0].removesuffix("\r")
    except OSError as error:
        raise SecretFileRefused(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretFileRefused(f"{path}: is not UTF-8 text") from None
    if len(content) > _LONGEST:
        raise SecretFileRefused(f"{path}: has more than {_LONGEST} bytes: it is no secret's file")
    if not first:
        raise SecretFileRefused(f"{path}: is empty")
    return SecretStr(first)


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
