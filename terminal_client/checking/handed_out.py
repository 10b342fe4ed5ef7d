"""The folder with what the terminal's user types in: the certificate, auth code and password in files, and a file that sets them all.

The secrets are made up for one run and are good nowhere else. They are in files all the same, so that no screen, log or shell history
has anything that looks like a secret, and a terminal takes them the way it takes real ones.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from terminal_client.checking.rules import Given


@dataclass(frozen=True, slots=True)
class HandedOut:
    """Where the files are."""

    ca_file: Path
    auth_code_file: Path
    password_file: Path
    environment_file: Path
    """what a shell reads to set all of it for `ctp-terminal` and the example terminals"""


def hand_out(folder: Path, given: Given, certificate: bytes) -> HandedOut:
    """Write the three files; OSError where that cannot be done."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = HandedOut(folder / "ca.crt", folder / "auth_code", folder / "password", folder / "environment")
    _write(files.ca_file, certificate)
    _write(files.auth_code_file, given.auth_code.reveal().encode() + b"\n")
    _write(files.password_file, given.password.reveal().encode() + b"\n")
    return files


def hand_out_environment(files: HandedOut, relay: str, given: Given) -> None:
    """For a relay that listens already; OSError as above."""
    variables = {
        "RELAY": relay,
        "CA_FILE": str(files.ca_file.absolute()),
        "APP_ID": given.app_id,
        "AUTH_CODE": given.auth_code.reveal(),
        "BROKER": given.broker_id,
        "INVESTOR": given.investor_id,
        "PASSWORD": given.password.reveal(),
    }
    lines = (f"export CTP_TERMINAL_{name}={shlex.quote(value)}\n" for name, value in variables.items())
    _write(files.environment_file, "".join(lines).encode())


def _write(path: Path, content: bytes) -> None:
    """For this user alone, also where the file was there before; never through a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
