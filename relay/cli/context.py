"""What commands share: the settings file, what an operator may do with what it names, and who types."""

from __future__ import annotations

import datetime as dt
import sys
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from sqlalchemy import Engine

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.accounts import AccountActions
from relay.admin.changes import Changes
from relay.admin.investors import InvestorActions
from relay.admin.ledger import LedgerActions
from relay.admin.ledger_archives import ArchiveActions
from relay.admin.ledger_seals import SealActions, SealTools
from relay.admin.person import Person, person_here
from relay.admin.terminals import TerminalActions
from relay.cli.output import CommandRefused
from relay.cli.reader import spoken
from relay.database.database import open_database, prepare
from relay.ledger.kept_seals import SealFolder
from relay.settings.file import directory_url, ledger_url, load, seals_dir, secrets_key_file, signing_key_file
from relay.settings.secret_files import read_secret
from relay.settings.settings import Settings

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="CTP_RELAY_CONFIG", help="Settings file.", show_default=True)
]
DEFAULT_CONFIG = Path("relay.toml")
Reason = Annotated[
    str | None, typer.Option("--reason", help="Why, for the ledger; asked for on a terminal where it is needed.")
]


def why(reason: str | None) -> str:
    """Why the directory is changed: asked for where there is a person to ask, and may be left out."""
    if reason is None and sys.stdin.isatty() and sys.stdout.isatty():
        return str(typer.prompt(spoken("原因", "reason"), default="", show_default=False))
    return reason or ""


def asking(reason: str | None) -> pb.Asking:
    """The reason of an action on a running relay, asked for where there is a person to ask. Raises CommandRefused."""
    if reason is None and sys.stdin.isatty():
        reason = str(typer.prompt(spoken("原因", "reason")))
    if not (reason or "").strip():
        raise CommandRefused(spoken("请说明原因：--reason 原因", "give a reason: --reason TEXT"))
    return pb.Asking(reason=reason)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Workplace:
    """Settings of one command, the person who types it, and what may be done here. Databases are opened when used."""

    def __init__(self, config: Path, reason: str = "") -> None:
        """`reason` is why something is changed. Raises ReasonMissing where it is too long."""
        self.settings: Settings = load(config)
        self.by: Person = person_here().because(reason)

    @cached_property
    def terminals(self) -> TerminalActions:
        return TerminalActions(self.directory, secrets_key_file(self.settings), self._changes, now)

    @cached_property
    def investors(self) -> InvestorActions:
        return InvestorActions(self.directory, self._changes, now)

    @cached_property
    def accounts(self) -> AccountActions:
        return AccountActions(self.directory, secrets_key_file(self.settings), self._changes, now)

    @cached_property
    def records(self) -> LedgerActions:
        return LedgerActions(self.ledger, signing_key_file(self.settings), self._changes, self._seals)

    @cached_property
    def seals(self) -> SealActions:
        return SealActions(self._seal_tools, self._changes)

    @cached_property
    def archives(self) -> ArchiveActions:
        return ArchiveActions(self._seal_tools, self.seals, self._changes)

    @cached_property
    def _seal_tools(self) -> SealTools:
        settings, key_file = self.settings, signing_key_file(self.settings)
        return SealTools(self.ledger, key_file, self._seals, settings.relay.name, now, settings.ledger.digest)

    @cached_property
    def _seals(self) -> SealFolder:
        return SealFolder(seals_dir(self.settings))

    @cached_property
    def ledger(self) -> Engine:
        return _opened(ledger_url(self.settings))

    @cached_property
    def directory(self) -> Engine:
        if directory_url(self.settings) == ledger_url(self.settings):
            return self.ledger
        return _opened(directory_url(self.settings))

    @cached_property
    def _changes(self) -> Changes:
        return Changes(self.ledger, self.settings.relay.name, now, self.settings.ledger.digest)


def ask_secret(what: str, file: Path | None) -> str:
    """A secret from a file, from standard input (`-`), or typed in twice without showing; never from an argument."""
    if file is not None and str(file) != "-":
        return read_secret(file).get_secret_value()
    if file is not None:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandRefused(
            spoken(
                f"这里无人可问（{what}）：请给出文件，或用 - 从标准输入读取",
                f"there is nobody to ask for the {what}: give a file, or - to read standard input",
            )
        )
    return str(typer.prompt(what, hide_input=True, confirmation_prompt=True))


def _opened(url: SecretStr) -> Engine:
    engine = open_database(url)
    prepare(engine)
    return engine
