"""Sealing the ledger: the file of a trading day, the proof of one entry, a month's archive. One seal follows another.

A day is sealed once, when it is over, and begins where the day sealed before it ended; so every entry is in exactly one
day's file, and one that came late is in the next. What was sealed is written again with the same bytes, by any relay
of the database: the seal is kept there, and its signature with it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from relay.admin.changes import Changes
from relay.admin.person import Person
from relay.database.times import stamp
from relay.ledger import kept_seals, reader
from relay.ledger.chain import GENESIS_HASH, Entry
from relay.ledger.day_page import day_page
from relay.ledger.day_summary import DaySummary
from relay.ledger.digests import SHA256, require_digest
from relay.ledger.export_columns import json_line
from relay.ledger.file_lines import NothingToVerify, part_rows
from relay.ledger.kept_seals import SealFolder
from relay.ledger.proof import proof_of
from relay.ledger.reader import Progress, Stretch
from relay.ledger.seal import FORMAT, Seal, SealKind
from relay.ledger.seal_file import SealMisfit, SealTally, entries_of, file_lines_of, seal_of
from relay.ledger.signing_key import open_signing_key
from relay.ledger.trading_day import day_end, day_of_text
from relay.ledger.whole_file import part_of, to_disk

GRACE = dt.timedelta(minutes=5)
"""after a day's end, in which entries that waited for the database may still come"""


class NotSealed(ValueError):
    """It cannot be sealed, or written again; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class SealedFile:
    name: str
    path: Path
    page: Path | None
    entries: int
    is_new: bool
    """whether the file was not there before"""
    was_left: bool = False
    """whether a run that was killed had left a part of it, which was written anew"""


@dataclass(frozen=True, slots=True)
class SealTools:
    """What sealing needs."""

    ledger: Engine
    key_file: Path
    folder: SealFolder
    relay: str
    clock: Callable[[], dt.datetime]
    """aware"""
    digest: str = SHA256


class SealActions:
    """Blocks."""

    def __init__(self, tools: SealTools, changes: Changes) -> None:
        self._tools = tools
        self._changes = changes

    # Days ----------------------------------------------------------------------------------------------------

    def seal_days(
        self, by: Person, out: Path, until: str = "", progress: Progress | None = None
    ) -> Iterator[SealedFile]:
        """Seal every day that is over and not sealed yet, up to `until` (2026-01-05) where that is given; write their files.

        With `until` that day's file is written in any case: again with the same bytes where it was sealed before. Raises
        NotSealed, NothingToVerify, SealMisfit, SecretFileRefused, DigestUnavailable, LedgerUnavailable, OSError.
        """
        if until:
            self.require_over(until)
        self.copy_seals()
        seals = self.days()
        if until in seals:
            yield self.write_day(seals[until], out, progress)
            return
        newest = max(seals, default="")
        if until and until < newest:
            raise NotSealed(
                f"{until} was passed over: {newest} is sealed already, and what was left of earlier days is in its file"
                f"（{until} 已越过，其记录在 {newest} 的文件中）"
            )
        for day in self._open_days(until):
            yield self.write_day(self._seal_day(by, day, progress), out, progress)

    def write_day(self, seal: Seal, out: Path, progress: Progress | None = None) -> SealedFile:
        """The file of a sealed day and its page; what is there already must be the same."""
        content, summary = seal.content, DaySummary()
        path = out / f"ledger-{content.name}.jsonl"

        def counted() -> Iterator[Entry]:
            for entry in self.read_sealed(content.parts, progress):
                summary.take(entry)
                yield entry

        written = write_same(path, file_lines_of(seal, counted()))
        page = path.with_suffix(".html")
        write_anew(page, day_page(seal, summary, path.name))
        return SealedFile(content.name, path, page, content.entries, written.is_new, written.was_left)

    def copy_seals(self) -> None:
        """Keep the database's seals on this machine too: those of other relays, and of a process that ended too early."""
        seals = kept_seals.seals_in(self._tools.ledger)
        self._tools.folder.keep(seal for seal in seals.values() if seal.is_signed())

    def days(self) -> dict[str, Seal]:
        """The seals of days, by their names."""
        seals = kept_seals.seals_in(self._tools.ledger)
        return {name: seal for (kind, name), seal in seals.items() if kind == SealKind.DAY}

    def unsealed_days(self, until: str) -> list[str]:
        """Trading days with entries up to and with this one that are not sealed."""
        seals = self.days()
        newest = max(seals, default="")
        heads = {chain: part.after for chain, part in seals[newest].content.parts.items()} if newest else {}
        days = {_named(text) for text in reader.days_after(self._tools.ledger, heads)}
        return sorted(day for day in days if newest < day <= until)

    def _open_days(self, until: str) -> list[str]:
        """The days to seal now, oldest first."""
        now = self._tools.clock()
        over = {day for day in self.unsealed_days(until or "9999") if until or _is_over(day, now)}
        return sorted(over | ({until} if until else set()))

    def require_over(self, day: str) -> None:
        """Raise NotSealed where this trading day is not over."""
        if not _is_over(day, self._tools.clock()):
            raise NotSealed(
                f"trading day {day} is not over: it ends at {stamp(day_end(day) + GRACE)[:16]}"
                f" (交易日 {day} 尚未结束); for what there is so far: ctp-relay ledger export --day"
            )

    def _seal_day(self, by: Person, day: str, progress: Progress | None) -> Seal:
        before = max(self.days().items(), default=("", None))[1]
        after = reader.heads_after_day(self._tools.ledger, day.replace("-", ""))
        # A chain that no seal has yet begins with this day: no entry is in no file.
        starts = {chain: part.before for chain, part in reader.stretches(self._tools.ledger).items()}
        if before is not None:
            starts |= {chain: part.after for chain, part in before.content.parts.items()}
        if gone := sorted(set(starts) - set(after)):
            raise SealMisfit(
                f"{gone[0]}: the recorded head of the chain is missing, and its entries were sealed before: see"
                " ctp-relay ledger verify"
            )
        parts = {
            chain: Stretch(starts[chain], max(head, starts[chain], key=lambda one: one.sequence))
            for chain, head in after.items()
        }
        return self.make_seal(by, SealKind.DAY, day, parts, before, progress)

    # Proofs --------------------------------------------------------------------------------------------------

    def prove(
        self, by: Person, entry: str, file: Path | None = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """The proof of one entry, named CHAIN#NUMBER as `ledger tail` does; that it was handed out is an entry.

        From the database, or from a sealed file. Raises NotSealed, SealMisfit, NoLedgerFile, LedgerUnavailable.
        """
        chain, _, number = entry.rpartition("#")
        if not chain or not number.isascii() or not number.isdigit():
            raise NotSealed(f"{entry!r} names no entry: CHAIN#NUMBER, as ctp-relay ledger tail shows it")
        for seal in self.days().values() if file is None else [seal_of(file)]:
            part = seal.content.parts.get(chain)
            if part is not None and part.before.sequence < int(number) <= part.after.sequence:
                entries = self.read_sealed(seal.content.parts, progress) if file is None else entries_of(file)
                proof = proof_of(seal, entries, chain, int(number))
                self._changes.record(by, "ledger_prove", {"entry": entry})
                return proof
        raise NotSealed(
            f"{entry} is in no sealed day: seal its day with ctp-relay ledger day (该记录所属交易日尚未封存)"
        )

    # What days and months have in common ---------------------------------------------------------------------

    def make_seal(
        self,
        by: Person,
        kind: SealKind,
        name: str,
        parts: dict[str, Stretch],
        before: Seal | None,
        progress: Progress | None,
    ) -> Seal:
        """Read and verify what is to be sealed, sign it, keep it. Raises as `seal_days` does."""
        if not parts:
            raise NothingToVerify("the ledger has no entry")
        tools = self._tools
        require_digest(tools.digest)
        key = open_signing_key(tools.key_file)
        tally = SealTally(parts, tools.digest)
        for entry in self.read_sealed(parts, progress):
            tally.take(entry, json_line(entry))
        root, counts = tally.end()
        rows = part_rows(parts)
        content = {
            "seal": FORMAT,
            "kind": kind.value,
            "name": name,
            "relay": tools.relay,
            "made_at": stamp(tools.clock()),
            "digest": tools.digest,
            "entries": tally.tree.leaves,
            "root": root.hex(),
            "chains": {chain: row | {"entries": counts[chain]} for chain, row in rows.items()},
            "counter_named": any(day.startswith(name.replace("-", "")) for day in tally.counter_days),
            "previous": before.fingerprint if before is not None else GENESIS_HASH,
        }
        seal = Seal.sign(content, key)
        self._keep(by, seal, kind, name)
        return seal

    def _keep(self, by: Person, seal: Seal, kind: SealKind, name: str) -> None:
        facts = {"of": kind.value, "name": name, "root": seal.content.root, "public_key": seal.public_key}
        try:
            with self._changes.recorded(self._tools.ledger, by, "ledger_sealed", facts) as connection:
                kept_seals.keep_in_database(connection, seal)
        except IntegrityError:
            raise NotSealed(f"another process has just sealed {kind} {name}: run the command again") from None
        self._tools.folder.keep([seal])

    def read_sealed(self, parts: Mapping[str, Stretch], progress: Progress | None = None) -> Iterator[Entry]:
        """The entries by chain and sequence. Raises NotSealed where they are in an archive."""
        here = reader.stretches(self._tools.ledger)
        for chain, part in parts.items():
            if chain in here and part.before.sequence < here[chain].before.sequence:
                raise NotSealed(
                    f"these entries of {chain} are archived: their file was written before, or restore the archive with"
                    f" ctp-relay ledger restore (记录已归档)"
                )
        return reader.read(self._tools.ledger, dict(sorted(parts.items())), progress)


@dataclass(frozen=True, slots=True)
class FileWritten:
    is_new: bool
    """False: it was there with the same bytes already"""
    was_left: bool
    """whether a run that was killed had left a part of it"""


def write_same(path: Path, lines: Iterable[str]) -> FileWritten:
    """Write a file, whole or not at all.

    Raises NotSealed where another one is there, PartTaken, and what making the lines raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with part_of(path) as part:
        part.file.writelines(line.encode() for line in lines)
        to_disk(part)
        return FileWritten(replace_same(path, part.path), part.was_left)


def write_anew(path: Path, content: str) -> None:
    """Write a file, whole or not at all, whatever is there: one that is made of another, and proves nothing itself."""
    with part_of(path) as part:
        part.file.write(content.encode())
        part.file.flush()
        part.path.replace(path)


def replace_same(path: Path, new: Path) -> bool:
    """Give a new file its name; returns False where it is there with the same bytes already. Raises NotSealed."""
    if not path.exists():
        new.rename(path)
        sync_folder(path.parent)  # entries may go from the database next: the name must outlast the power
        return True
    if file_digest(path) != file_digest(new):
        raise NotSealed(
            f"{path} is there, and is another file than this one: look who changed it ({path} 已存在且内容不同)"
        )
    return False


def sync_folder(folder: Path) -> None:
    """Put the names in it on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_over(day: str, now: dt.datetime) -> bool:
    try:
        return now >= day_end(day) + GRACE
    except ValueError:
        raise NotSealed(f"{day!r} is no day: YYYY-MM-DD") from None


def _named(text: str) -> str:
    """2026-01-05 of a trading day as the counter writes it, or of the hour of an entry that names none."""
    day = text if text.isdigit() else day_of_text(f"{text[:13]}:00{text[13:]}")
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"
