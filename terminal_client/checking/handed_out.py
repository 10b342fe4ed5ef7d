"""The folder with what the terminal's user types in: the certificate, and auth code and password in files of their own.

The secrets are made up for one run and are good nowhere else. They are in files all the same, so that no screen, log or shell history
has anything that looks like a secret, and a terminal takes them the way it takes real ones.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from terminal_client.checking.rules import Given


@dataclass(frozen=True, slots=True)
class HandedOut:
    """Where the files are."""

    ca_file: Path
    auth_code_file: Path
    password_file: Path


def hand_out(folder: Path, given: Given, certificate: bytes) -> HandedOut:
    """Write the three files; OSError where that cannot be done."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = HandedOut(folder / "ca.crt", folder / "auth_code", folder / "password")
    _write(files.ca_file, certificate)
    _write(files.auth_code_file, given.auth_code.reveal().encode() + b"\n")
    _write(files.password_file, given.password.reveal().encode() + b"\n")
    return files


def _write(path: Path, content: bytes) -> None:
    """For this user alone, also where the file was there before; never through a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
