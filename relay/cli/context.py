"""What commands share: the settings file, the databases behind it, and the entry each change leaves in the ledger."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from sqlalchemy import Engine

from relay.cli.output import CommandRefused, warn
from relay.secret_files import SecretFileRefused, read_secret
from relay.services.database import open_database, prepare
from relay.services.investors import Investors
from relay.services.ledger import record_now
from relay.services.secrets_box import SecretsBox
from relay.services.terminals import Terminals, open_key
from relay.settings.file import directory_url, ledger_url, load, secrets_key_file
from relay.settings.settings import Settings

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="CTP_RELAY_CONFIG", help="Settings file.", show_default=True)
]
DEFAULT_CONFIG = Path("relay.toml")
_NO_LOGIN = 0xFFFF_FFFF
"""the kernel's login uid of a process without a login, a service's for instance"""


def now() -> dt.datetime:
    """The system's clock, for the commands."""
    return dt.datetime.now(dt.UTC)


class Workplace:
    """Settings and opened databases of one command."""

    def __init__(self, config: Path) -> None:
        self.settings: Settings = load(config)

    @cached_property
    def ledger(self) -> Engine:
        """The ledger's database, ready for use."""
        return _opened(ledger_url(self.settings))

    @cached_property
    def directory(self) -> Engine:
        """The directory's database, ready for use."""
        if directory_url(self.settings) == ledger_url(self.settings):
            return self.ledger
        return _opened(directory_url(self.settings))

    @cached_property
    def terminals(self) -> Terminals:
        """The terminals with the key of their auth codes; raises SecretFileRefused."""
        return Terminals(self.directory, open_key(self.directory, secrets_key_file(self.settings)), clock=now)

    def terminals_with_another_key(self) -> Terminals:
        """The terminals where their key is lost for good: the key file there is, or a new one, is used from here on."""
        key = SecretsBox.open_or_create(secrets_key_file(self.settings))
        return Terminals(self.directory, key, clock=now)

    @cached_property
    def terminals_by_name(self) -> Terminals:
        """The terminals for what needs no auth code, where the key is missing too."""
        try:
            return self.terminals
        except SecretFileRefused as refused:
            warn(str(refused))
            return Terminals(self.directory, SecretsBox.without_key(), clock=now)

    @cached_property
    def investors(self) -> Investors:
        return Investors(self.directory, clock=now)

    @contextmanager
    def recorded(self, kind: str, data: Mapping[str, object]) -> Iterator[None]:
        """A change to the directory: announced in the ledger before, and its failure after, should it fail."""
        chain = f"{self.settings.relay.name}/admin"
        facts = {**data, **acting_person()}
        record_now(self.ledger, chain, now, f"admin_{kind}", facts)
        try:
            yield
        except Exception as error:
            record_now(self.ledger, chain, now, f"admin_{kind}_failed", {**facts, "why": type(error).__name__})
            raise


def acting_person(login_uid: Path = Path("/proc/self/loginuid")) -> dict[str, str]:
    """Who acts, as the kernel knows it: no variable of the environment is believed.

    `by` is the process's user. `logged_in_as` is the user that logged in to the machine, where the kernel keeps it
    (it stays the same through su and sudo) and it is another one.
    """
    acting = {"by": _user_name(os.getuid())}
    with contextlib.suppress(OSError, ValueError):
        logged_in = int(login_uid.read_text(encoding="ascii"))
        if logged_in not in {_NO_LOGIN, os.getuid()}:
            acting["logged_in_as"] = _user_name(logged_in)
    return acting


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def ask_secret(what: str, file: Path | None) -> str:
    """A secret from a file, from standard input (`-`), or typed in twice without showing; never from an argument."""
    if file is not None and str(file) != "-":
        return read_secret(file).get_secret_value()
    if file is not None:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandRefused(f"there is nobody to ask for the {what}: give a file, or - to read standard input")
    return str(typer.prompt(what, hide_input=True, confirmation_prompt=True))


def _opened(url: SecretStr) -> Engine:
    engine = open_database(url)
    prepare(engine)
    return engine
