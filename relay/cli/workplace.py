"""What commands on ledger and directory share: who types, what may be done there, and what can go wrong with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from relay.admin.accounts import AccountActions, LastAdmin
from relay.admin.changes import Changes
from relay.admin.investors import InvestorActions
from relay.admin.ledger import LedgerActions
from relay.admin.ledger_archives import ArchiveActions
from relay.admin.ledger_seals import SealActions, SealTools
from relay.admin.person import Person, person_here
from relay.admin.terminals import TerminalActions
from relay.cli.exit_codes import ExitCode
from relay.cli.output import leaving, reporting
from relay.cli.reader import reader_here, spoken
from relay.database.database import DatabaseUnusable, brief, open_database, prepare
from relay.directory.secrets_box import SecretUnreadable
from relay.directory.terminals import EntryExists, EntryUnknown
from relay.ledger.digests import DigestUnavailable
from relay.ledger.file_lines import NothingToVerify
from relay.ledger.kept_seals import SealFolder
from relay.ledger.seal_file import SealMisfit
from relay.settings.file import directory_url, ledger_url, load, seals_dir, secrets_key_file, signing_key_file
from relay.settings.settings import Settings


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


def _opened(url: SecretStr) -> Engine:
    engine = open_database(url)
    prepare(engine)
    return engine


@contextmanager
def reporting_stores() -> Iterator[None]:
    """`reporting`, and what can go wrong with ledger and directory."""
    with reporting():
        try:
            yield
        except SecretUnreadable as error:
            raise leaving(reader_here().half(str(error)), ExitCode.SETTINGS) from None
        except NothingToVerify as error:
            raise leaving(spoken(f"无可核验：{error}", f"nothing to verify: {error}"), ExitCode.NOTHING) from None
        except DatabaseUnusable as error:
            raise leaving(str(error), ExitCode.DATABASE) from None
        except SQLAlchemyError as error:
            raise leaving(
                spoken(f"数据库出错：{brief(error)}", f"the database failed: {brief(error)}"), ExitCode.DATABASE
            ) from None
        except (EntryExists, EntryUnknown, DigestUnavailable, LastAdmin, SealMisfit) as error:
            raise leaving(reader_here().half(str(error)), ExitCode.REFUSED) from None
