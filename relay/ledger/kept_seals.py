"""Where seals are kept: a table of the ledger's database, and a folder of this relay's own machine.

A person who can write the whole database can make another ledger that fits, seals included. The folder's copies then
demand heads that this other ledger does not have. Whoever keeps day files elsewhere has a third copy.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from relay.database.schema import LEDGER_ARCHIVE, LEDGER_SEAL
from relay.ledger.chain import GENESIS_HASH, Head
from relay.ledger.reader import PinnedHead
from relay.ledger.seal import Seal, SealBroken, SealContent, SealKind
from relay.ledger.whole_file import part_of, to_disk

SealName = tuple[str, str]
"""kind and name"""


def seals_in(engine: Engine) -> dict[SealName, Seal]:
    """The database's seals, oldest name first; nothing is verified."""
    wanted = select(LEDGER_SEAL).order_by(LEDGER_SEAL.c.kind, LEDGER_SEAL.c.name)
    with engine.connect() as connection:
        return {
            (row.kind, row.name): Seal(row.manifest, row.public_key, row.signature)
            for row in connection.execute(wanted)
        }


def keep_in_database(connection: Connection, seal: Seal) -> None:
    """Add a seal; a second one of the same name is refused by the table."""
    content = seal.content
    connection.execute(
        insert(LEDGER_SEAL).values(
            kind=content.kind.value,
            name=content.name,
            manifest=seal.manifest,
            public_key=seal.public_key,
            signature=seal.signature,
        )
    )


class SealFolder:
    """The copies on this machine; one small file each, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, seals: Iterable[Seal]) -> None:
        """Write those that are not there yet; one that is there stays as it is. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for seal in seals:
            path = self._folder / f"{seal.content.kind}-{seal.content.name}.json"
            if not path.exists():
                self._write(path, seal)

    def _write(self, path: Path, seal: Seal) -> None:
        """Whole or not at all, and never over one that is there."""
        with part_of(path) as part:
            part.file.write(json.dumps(seal.as_row()).encode("ascii"))
            to_disk(part)
            with contextlib.suppress(FileExistsError):
                os.link(part.path, path)

    def seals(self) -> Iterator[tuple[str, Seal | None]]:
        """Each file's name with its seal; None where it is none."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                yield path.name, Seal.of_row(json.loads(path.read_bytes()))
            except (ValueError, OSError, RecursionError):
                yield path.name, None


class SealAudit:
    """What the seals demand of the ledger, and what is wrong with them themselves."""

    def __init__(self, engine: Engine, folder: SealFolder | None, trusted: Iterable[str]) -> None:
        """`trusted` are the public keys whose seals count, as 64 hexadecimal digits; empty: any key's."""
        self._trusted = frozenset(key.lower() for key in trusted)
        self.pinned: list[PinnedHead] = []
        self.problems: list[str] = []
        self._contents: dict[SealName, SealContent] = {}
        seals = seals_in(engine)
        self._look_at(seals)
        if folder is not None:
            self._compare(folder, seals)
        self._look_at_archives(engine)

    @property
    def newest_day(self) -> str:
        """The name of the newest sealed day; empty where there is none."""
        return max((name for kind, name in self._contents if kind == SealKind.DAY), default="")

    def _look_at(self, seals: dict[SealName, Seal]) -> None:
        before: dict[str, Seal] = {}
        for name, seal in seals.items():
            content = self._checked(name, seal)
            if content is None:
                continue
            self._contents[name] = content
            self.problems += [f"seal of {' '.join(name)}: {what}" for what in _gaps(before.get(content.kind), content)]
            before[content.kind] = seal
            self._pin(content)

    def _checked(self, name: SealName, seal: Seal) -> SealContent | None:
        try:
            content = seal.content
        except SealBroken as error:
            self.problems.append(f"seal of {' '.join(name)}: {error}")
            return None
        if (content.kind.value, content.name) != name:
            self.problems.append(f"seal of {' '.join(name)}: is that of {content.kind} {content.name}")
        elif not seal.is_signed():
            self.problems.append(f"seal of {' '.join(name)}: the signature does not fit it: it was changed")
        elif self._trusted and seal.public_key not in self._trusted:
            self.problems.append(f"seal of {' '.join(name)}: is signed by a key that is not trusted: {seal.public_key}")
        else:
            return content
        return None

    def _compare(self, folder: SealFolder, seals: dict[SealName, Seal]) -> None:
        """The database must have every seal of the folder, as it is there."""
        for file, seal in folder.seals():
            content = self._checked_copy(file, seal)
            if content is None or seal is None:
                continue
            stored = seals.get((content.kind.value, content.name))
            what = f"seal of {content.kind} {content.name}"
            if stored is None:
                self.problems.append(f"{what}: is kept in {file}, and is missing in the database")
            elif stored.manifest != seal.manifest:
                self.problems.append(f"{what}: the database has another one than {file}")
            if stored is None or stored.manifest != seal.manifest:
                self._pin(content)

    def _checked_copy(self, file: str, seal: Seal | None) -> SealContent | None:
        try:
            if seal is not None and seal.is_signed():
                return seal.content
        except SealBroken:
            pass
        self.problems.append(f"{file}: is no seal, or was changed")
        return None

    def _pin(self, content: SealContent) -> None:
        why = f"{content.kind} {content.name}"
        for part in content.parts.values():
            self.pinned += [PinnedHead(head, why) for head in (part.before, part.after) if head.sequence]

    def _look_at_archives(self, engine: Engine) -> None:
        """Entries may be gone only behind a head that a month's seal has."""
        with engine.connect() as connection:
            rows = connection.execute(select(LEDGER_ARCHIVE)).all()
        for row in rows:
            content = self._contents.get((SealKind.MONTH, row.month))
            part = content.parts.get(row.chain) if content is not None else None
            if part is None or part.after != Head(row.chain, row.sequence, row.hash):
                self.problems.append(
                    f"{row.chain}: entries up to {row.sequence} are said to be in the archive of {row.month},"
                    " and no seal of that month says so"
                )


def _gaps(before: Seal | None, content: SealContent) -> Iterator[str]:
    """Where a seal does not go on from the one before it of its kind: what lies between is in no file."""
    if content.previous != (before.fingerprint if before is not None else GENESIS_HASH):
        yield "does not follow the seal before it" if before is not None else "the seals before it are missing"
    ended = {chain: part.after for chain, part in before.content.parts.items()} if before is not None else {}
    for chain, head in sorted(ended.items()):
        part = content.parts.get(chain)
        if part is None:
            yield f"leaves out {chain}, which the seal before it has"
        elif part.before != head:
            yield f"begins {chain} after entry {part.before.sequence}, and the seal before it ends with {head.sequence}"
