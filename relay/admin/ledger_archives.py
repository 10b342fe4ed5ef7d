"""Monthly archives: entries leave the database only once they are sealed, written and verified; and they can come back.

The order of things: seal the month (signed, kept in the database and on this machine), write the file, read it again and verify
it whole, say in `ledger_archive` up to where it goes, remove. Each step can be done again after a crash: the seal is found, the file is
made with the same bytes, what is behind `ledger_archive`'s head counts as removed whether it is gone yet or not.
"""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import delete, insert, select

from relay.admin.changes import Changes
from relay.admin.ledger_seals import NotSealed, SealActions, SealTools, file_digest, replace_same
from relay.admin.person import Person
from relay.database.database import insert_new, writing
from relay.database.schema import LEDGER_ARCHIVE
from relay.ledger import kept_seals, reader
from relay.ledger.chain import Entry
from relay.ledger.export_columns import fields_of
from relay.ledger.reader import Progress, Stretch
from relay.ledger.seal import Seal, SealKind
from relay.ledger.seal_file import PACKED, entries_of, file_lines_of, seal_of, verify_path
from relay.ledger.whole_file import part_of, to_disk

_AT_A_TIME = 2000
"""entries removed or put back in one transaction: logins wait no longer behind it"""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    month: str
    path: Path
    entries: int
    sha256: str


class ArchiveActions:
    """Blocks. Raises what `SealActions` does."""

    def __init__(self, tools: SealTools, seals: SealActions, changes: Changes) -> None:
        self._tools = tools
        self._seals = seals
        self._changes = changes

    def archive(self, by: Person, month: str, out: Path, progress: Progress | None = None) -> ArchiveFile:
        """Put everything up to the end of this month (2026-01) into a sealed file, and remove it from the database."""
        months = self._months()
        self._require_turn(month, months)
        self._seals.copy_seals()
        seal = months.get(month) or self._seal(by, month, months, progress)
        content, path = seal.content, out / f"ledger-{month}.jsonl{PACKED}"
        if not self._is_removed(month):
            _write_packed(path, file_lines_of(seal, self._seals.read_sealed(content.parts, progress)))
        self._require_whole(path, seal)
        made = ArchiveFile(month, path, content.entries, file_digest(path))
        if not self._is_removed(month):
            facts = {"month": month, "file": path.name, "sha256": made.sha256, "entries": made.entries}
            with self._changes.recorded(self._tools.ledger, by, "ledger_archived", facts) as connection:
                connection.execute(insert(LEDGER_ARCHIVE), [_row(month, part) for part in content.parts.values()])
        self._remove(content.parts.values())
        return made

    def restore(self, by: Person, path: Path) -> ArchiveFile:
        """Put an archive's entries back; the newest one first. The seal stays, so the month can be archived again."""
        seal = seal_of(path)
        content = seal.content
        self._require_whole(path, seal)
        kept = self._months().get(content.name)
        if content.kind is not SealKind.MONTH or kept is None or kept.manifest != seal.manifest:
            raise NotSealed(f"{path}: is no archive of this ledger ({path} 不是本台账的归档)")
        if not self._is_removed(content.name):
            raise NotSealed(f"the entries of {content.name} are in the database ({content.name} 的记录已在数据库中)")
        if (newest := self._newest_removed()) != content.name:
            raise NotSealed(f"{newest} was archived later: restore it first (请先恢复 {newest})")
        for group in _groups(entries_of(path)):
            with writing(self._tools.ledger) as connection:
                for chain in {entry.chain for entry in group}:
                    mine = [fields_of(entry) for entry in group if entry.chain == chain]
                    connection.execute(insert_new(connection, reader.table_of(chain)), mine)
        facts = {"month": content.name, "file": path.name, "entries": content.entries}
        with self._changes.recorded(self._tools.ledger, by, "ledger_restored", facts) as connection:
            connection.execute(delete(LEDGER_ARCHIVE).where(LEDGER_ARCHIVE.c.month == content.name))
        return ArchiveFile(content.name, path, content.entries, file_digest(path))

    def _seal(self, by: Person, month: str, months: dict[str, Seal], progress: Progress | None) -> Seal:
        last = _last_day(month)
        self._seals.require_over(last)
        newest = max(months, default="")
        if month < newest:
            raise NotSealed(f"{newest} is archived already, and has what was before it ({newest} 已归档)")
        days = {name: seal for name, seal in self._seals.days().items() if name <= last}
        if not days or (missing := self._seals.unsealed_days(last)):
            what = ", ".join(missing) if days else month
            raise NotSealed(
                f"not every trading day is sealed ({what}): run ctp-relay ledger day first (请先封存交易日)"
            )
        ends = days[max(days)].content.parts
        starts = {chain: part.before for chain, part in reader.stretches(self._tools.ledger).items()}
        before = months.get(newest)
        if before is not None:
            starts |= {chain: part.after for chain, part in before.content.parts.items()}
        parts = {chain: Stretch(starts[chain], part.after) for chain, part in ends.items()}
        return self._seals.make_seal(by, SealKind.MONTH, month, parts, before, progress)

    def _require_turn(self, month: str, months: dict[str, Seal]) -> None:
        """A month that was sealed must be out of the database before a later one is: nothing is read behind an archive."""
        for earlier in sorted(months):
            if earlier < month and not self._is_removed(earlier):
                raise NotSealed(f"{earlier} is sealed and not archived: archive it first (请先归档 {earlier})")

    def _months(self) -> dict[str, Seal]:
        seals = kept_seals.seals_in(self._tools.ledger)
        return {name: seal for (kind, name), seal in seals.items() if kind == SealKind.MONTH}

    def _is_removed(self, month: str) -> bool:
        wanted = select(LEDGER_ARCHIVE.c.chain).where(LEDGER_ARCHIVE.c.month == month).limit(1)
        with self._tools.ledger.connect() as connection:
            return connection.execute(wanted).first() is not None

    def _newest_removed(self) -> str:
        wanted = select(LEDGER_ARCHIVE.c.month).order_by(LEDGER_ARCHIVE.c.month.desc()).limit(1)
        with self._tools.ledger.connect() as connection:
            return str(connection.execute(wanted).scalar())

    def _require_whole(self, path: Path, seal: Seal) -> None:
        """Nothing is removed, and nothing put back, before the file was read and found whole."""
        if not path.exists():
            raise NotSealed(f"{path}: is not there, and its entries are no longer in the database (归档文件不在)")
        found = verify_path(path, public_keys=[seal.public_key])
        problems = [*found.problems, *(str(problem) for audit in found.chains for problem in audit.problems)]
        if problems or seal_of(path).manifest != seal.manifest:
            raise NotSealed(f"{path}: {problems[0] if problems else 'has another seal than the database'}")

    def _remove(self, parts: Iterable[Stretch]) -> None:
        for part in parts:
            table, chain = reader.table_of(part.after.chain), part.after.chain
            for first in range(part.before.sequence + 1, part.after.sequence + 1, _AT_A_TIME):
                last = min(first + _AT_A_TIME - 1, part.after.sequence)
                mine = delete(table).where(table.c.chain == chain, table.c.sequence.between(first, last))
                with writing(self._tools.ledger) as connection:
                    connection.execute(mine)


def _row(month: str, part: Stretch) -> dict[str, object]:
    return {
        "chain": part.after.chain,
        "month": month,
        "before_sequence": part.before.sequence,
        "before_hash": part.before.hash,
        "sequence": part.after.sequence,
        "hash": part.after.hash,
    }


def _write_packed(path: Path, lines: Iterable[str]) -> None:
    """The lines, packed without a name or a time in it: the same lines give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with part_of(path) as part:
        with gzip.GzipFile(filename="", mode="wb", fileobj=part.file, mtime=0) as packed:
            packed.writelines(line.encode() for line in lines)
        to_disk(part)
        replace_same(path, part.path)


def _groups(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    while group := list(islice(entries, _AT_A_TIME)):
        yield group


def _last_day(month: str) -> str:
    try:
        first = dt.date.fromisoformat(f"{month}-01")
    except ValueError:
        raise NotSealed(f"{month!r} is no month: YYYY-MM") from None
    following = (first + dt.timedelta(days=31)).replace(day=1)
    return (following - dt.timedelta(days=1)).isoformat()
