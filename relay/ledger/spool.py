"""Entries that wait on disk while the database is away.

An action that is about to happen can be refused when it cannot be recorded. One that has happened cannot: a refusal was
sent, a session is over. Such an entry is put into this file, in the order things happened, and goes into the database
as soon as that answers again. Everything in the file stands in the chain before anything that came later.

The file has one entry a line, `[at, kind, session, data, trading_day]`, and is removed when it is empty. It survives the process.
A relay that was killed between the database's commit and the removal finds lines that are in the chain already, and so
does one whose commit came through without an answer; catching up leaves those out.

Where the disk refuses too, or the file has reached its bound, entries are lost. How many, since when and why is kept,
and becomes an entry of its own: a gap that is announced is no hidden one.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relay.database.times import COUNTER_ZONE
from relay.ledger.chain import canonical

Item = tuple[str, str, str, str] | tuple[str, str, str, str, str]
"""at, kind, session, data, and the trading day where it is known: an entry before it is linked to its chain"""

GAP_KIND = "ledger_gap"
_MOST_ENTRIES = 50_000
_LONGEST = 40, 64, 64
"""of at, kind and session: what the ledger's columns take"""
_DAY_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries that could be kept nowhere."""

    entries: int
    since: str
    until: str
    why: str

    def __add__(self, later: Gap) -> Gap:
        return Gap(self.entries + later.entries, self.since, later.until, self.why)

    @property
    def item(self) -> Item:
        facts = {"entries": self.entries, "since": self.since, "until": self.until, "why": self.why}
        return self.until, GAP_KIND, "", canonical(facts)


class Spool:
    """The entries that wait for the database, in memory and on disk alike; used by one thread.

    A gap stays open until an entry can be kept again: then it becomes an entry itself, before that one.
    """

    def __init__(self, path: Path, *, most: int = _MOST_ENTRIES) -> None:
        """`most` bounds the entries that wait. Raises OSError where an earlier process's file cannot be read."""
        self._path = path
        self._most = most
        self._gap: Gap | None = None
        self.lost = 0
        """entries lost since the start"""
        self._items: list[Item] = []
        self._load()
        self.in_doubt = bool(self._items)
        """whether part of it may be in the database already: an earlier process wrote it, or a commit got no answer"""

    def __len__(self) -> int:
        return len(self._items) + (self._gap is not None)

    @property
    def room(self) -> int:
        """How many more entries may wait."""
        return max(0, self._most - len(self._items))  # an earlier process may have had a higher bound

    @property
    def oldest(self) -> str:
        """When the oldest entry that waits was made; empty where none waits. For any thread."""
        first, gap = self._items[:1], self._gap
        return first[0][0] if first else gap.since if gap is not None else ""

    def first(self, count: int) -> list[Item]:
        """The oldest entries, an open gap's at the end."""
        gap = [] if self._gap is None else [self._gap.item]
        return [*self._items[:count], *gap][:count]

    def drop_first(self, count: int) -> None:
        """The oldest entries are in the database now."""
        if count > len(self._items):
            self._gap = None
        del self._items[:count]
        if not self._items:
            self.in_doubt = False
            self._path.unlink(missing_ok=True)

    def keep(self, items: Sequence[Item]) -> None:
        """Put entries at the end; on disk when this returns, or counted as lost."""
        kept, lost, why = items[: self.room], items[self.room :], f"{self._most} entries waited on disk"
        if kept:
            before = [] if self._gap is None else [self._gap.item]
            try:
                self._append([*before, *kept])
            except OSError as error:
                lost, why = items, f"the spool file cannot be written: {error.strerror}"
            else:
                self._items += [*before, *kept]
                self._gap = None
        if lost:
            self.lose(Gap(len(lost), lost[0][0], lost[-1][0], why))

    def lose(self, gap: Gap) -> None:
        self.lost += gap.entries
        self._gap = gap if self._gap is None else self._gap + gap

    def _append(self, items: Sequence[Item]) -> None:
        """Write whole lines, or none: what a full disk took of them is cut off again."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items).encode()
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(file).st_size
            try:
                _write_all(file, content)
                os.fsync(file)
            except OSError:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)

    def _load(self) -> None:
        """Read what an earlier process left; a line that cannot be read, or was cut by a crash, costs that line."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return
        written_at = dt.datetime.fromtimestamp(self._path.stat().st_mtime, COUNTER_ZONE)
        *lines, torn = content.split(b"\n")
        if torn:
            os.truncate(self._path, len(content) - len(torn))
        items = [_item_of(line) for line in ([*lines, torn] if torn else lines)]
        times = (item[0] for item in items if item is not None)
        time = next(times, written_at.isoformat(timespec="microseconds"))
        for item in items:
            if item is None:
                self.lose(Gap(1, time, time, "a line of the spool file is damaged"))
                continue
            self._items += [item] if self._gap is None else [self._gap.item, item]
            self._gap = None
            time = item[0]


def _item_of(line: bytes) -> Item | None:
    """The entry of one line; None where it is not as it was written.

    One that the database can never take would hold up every login, and one whose data is no JSON every export.
    """
    try:
        row = json.loads(line)
        at, kind, session, data, *day = row
        dt.datetime.fromisoformat(at)
        fits = all(len(text) <= longest for text, longest in zip(row, _LONGEST, strict=False))
        fits = (
            fits
            and len(day) <= 1
            and all(len(text) == _DAY_DIGITS and text.isascii() and text.isdigit() for text in day)
        )
        if not isinstance(row, list) or not isinstance(json.loads(data), dict) or not fits:
            return None
        text = "".join(row)
        text.encode()  # half a surrogate pair is no text
    except (ValueError, TypeError, RecursionError):
        return None
    return None if "\0" in text else (at, kind, session, data, *day)


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
