"""The permanent record in an operator's hands: prove that it is whole, hand it out, look at its newest entries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine

from relay.admin.changes import Changes
from relay.admin.person import Person
from relay.ledger import reader
from relay.ledger.chain import Entry
from relay.ledger.export_columns import csv_rows, login_lines
from relay.ledger.export_file import public_key_of, sealed_lines
from relay.ledger.file_lines import FileAudit, NoLedgerFile, NothingToVerify, misfits
from relay.ledger.kept_seals import SealAudit, SealFolder
from relay.ledger.reader import Audit, Progress, RequiredHeads
from relay.ledger.seal_file import verify_path
from relay.ledger.signing_key import make_signing_key, open_signing_key


class Form(StrEnum):
    JSON = "json"
    CSV = "csv"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class WholenessReport:
    audits: list[Audit]
    problems: list[str]
    """what was changed, removed or reordered, and every expected head that is missing; empty where all is whole"""
    signed_by: str = ""
    """the public keys that signed the files"""
    sealed_until: str = ""
    """the newest day whose seal demanded its heads"""

    @property
    def nothing(self) -> bool:
        """Whether there is no entry, no head that says that there was one, and nothing that is wrong."""
        there = any(audit.entries or (audit.head and audit.head.sequence) for audit in self.audits)
        return not there and not self.problems


class LedgerActions:
    """The ledger's database, and the key that signs what is exported of it. Blocks."""

    def __init__(
        self,
        ledger: Engine,
        key_file: Path,
        changes: Changes,
        folder: SealFolder | None = None,
        trusted_keys: Iterable[str] = (),
    ) -> None:
        """`folder` has this machine's copies of the seals; `trusted_keys` seal days of this database, besides this relay's."""
        self._ledger = ledger
        self._key_file = key_file
        self._changes = changes
        self._folder = folder
        self._trusted = frozenset(trusted_keys)

    def verify(
        self,
        expected_heads: Iterable[str] = (),
        *,
        trusted_keys: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> WholenessReport:
        """Recompute every chain; each expected hash must be an entry's, and so must every head that was sealed.

        A seal counts where this relay's key or a trusted one made it; where there is none of these keys, any.
        """
        seals = self.seals(trusted_keys)
        required = RequiredHeads(expected_heads, seals.pinned)
        audits = reader.audit(self._ledger, required=required, progress=progress)
        problems = _problems(audits) + seals.problems + required.missing()
        return WholenessReport(audits, problems, sealed_until=seals.newest_day)

    def seals(self, trusted_keys: Iterable[str] = ()) -> SealAudit:
        """What the seals of days and months demand of the ledger, and what is wrong with them themselves."""
        trusted = {*self._trusted, *trusted_keys}
        if self._key_file.exists():
            trusted.add(self.public_key())
        return SealAudit(self._ledger, self._folder, trusted)

    def tail(self, count: int, *, day: str | None = None, orders: bool = False) -> list[Entry]:
        """The newest entries, oldest first: of all chains of logins, or of all of orders; of one trading day, or of all.

        Raises ValueError for what is no day.
        """
        return reader.tail(self._ledger, count, day=_compact(day), orders=orders)

    def make_signing_key(self, by: Person) -> bool:
        """Make the key of exported files where there is none; its public half is an entry.

        Returns whether it was made. Raises SecretFileRefused, LedgerUnavailable.
        """
        if not make_signing_key(self._key_file):
            return False
        try:
            self._changes.record(by, "ledger_signing_key", {"public_key": self.public_key()})
        except BaseException:  # a key without its entry would never get one
            self._key_file.unlink(missing_ok=True)
            raise
        return True

    def public_key(self) -> str:
        """The public key that exported files are signed with, as 64 hexadecimal digits. Raises SecretFileRefused."""
        return public_key_of(open_signing_key(self._key_file))

    def export(self, form: Form, *, day: str | None = None, line_format: str = "") -> Iterator[str]:
        """The lines of a file of one trading day (YYYY-MM-DD), or of everything; a JSON file is signed.

        `line_format` is the form of a line of `Form.LINE`. Raises ValueError for what is no day, SecretFileRefused.
        """
        compact = _compact(day)
        key = open_signing_key(self._key_file) if form is Form.JSON else None
        parts = reader.stretches_of_day(self._ledger, compact) if compact else reader.stretches(self._ledger)
        entries = reader.read(self._ledger, parts)
        if key is not None:
            return sealed_lines(parts, entries, key=key, trading_day=day or "")
        return csv_rows(entries) if form is Form.CSV else login_lines(entries, line_format)


def verify_files(
    paths: Iterable[Path], *, public_keys: Iterable[str] = (), expected_heads: Iterable[str] = ()
) -> WholenessReport:
    """Check exported and sealed files that follow one another, oldest first, without the database. Raises NoLedgerFile,
    NothingToVerify, DigestUnavailable, OSError.

    Each must be signed by one of `public_keys` (64 hexadecimal digits): a relay's key may have been replaced between two of
    them. Without any, every key's signature will do.
    """
    names, keys, required = list(paths), list(public_keys), RequiredHeads(expected_heads)
    files = [_verify_file(path, keys, required) for path in names]
    audits = [audit for found in files for audit in found.chains]
    problems = _problems(audits)
    problems += [f"{path}: {what}" for path, found in zip(names, files, strict=True) for what in found.problems]
    problems += [*misfits(files), *required.missing()]
    signed_by = " ".join(sorted({found.signed_by for found in files if found.signed_by}))
    return WholenessReport(audits, problems, signed_by)


def _verify_file(path: Path, public_keys: Iterable[str], required: RequiredHeads) -> FileAudit:
    try:
        return verify_path(path, public_keys=public_keys, required=required)
    except (NoLedgerFile, NothingToVerify) as error:
        raise type(error)(f"{path}: {error}") from None


def _problems(audits: Iterable[Audit]) -> list[str]:
    return [str(problem) for audit in audits for problem in audit.problems]


def _compact(day: str | None) -> str:
    """A trading day as entries have it (20260105); empty where none is given."""
    if day is None:
        return ""
    try:
        return f"{dt.date.fromisoformat(day):%Y%m%d}"
    except ValueError:
        raise ValueError(f"{day!r} is no day: YYYY-MM-DD") from None
