"""The order map on disk: which order of the counter is which terminal's, kept for the trading day.

Every entry is written before its order is sent, with one append and without waiting for the disk: the page cache
survives a killed relay, which is what must not lose an order's owner; a power cut may cost the last moments, and
then the terminal still sees the order, as one of its investor's. `docs/decisions` says why it is not the ledger.
"""

from __future__ import annotations

import base64
import dataclasses
import errno
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from relay.domain.order_keys import OrderKeys
from relay.domain.ref_map import MapEntry
from relay.domain.refs import RefSpace

_LONGEST_LINE = 4096


class OrderMapFile:
    """The entries of one relay process; one file for each trading day, older ones removed when a day begins."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._day = ""
        self._file = -1
        self._kept: dict[str, list[MapEntry]] = {}
        """this day's entries by investor, so that a login does not read the file again"""
        self.order_keys = OrderKeys()
        """the day's client_order_keys: in many-to-many an investor's terminals share nothing else"""

    def begin(self, trading_day: str) -> None:
        """Write to this day's file from here on; idempotent."""
        if trading_day == self._day:
            return
        self.close()
        self._day = trading_day
        for path in self._directory.glob("*.jsonl"):
            if path.stem < trading_day:
                path.unlink(missing_ok=True)
        self._file = os.open(self._path(), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        _cut_torn_line(self._file)
        self._kept = {}
        self.order_keys.clear()
        self._keep(_read(self._path()).values())

    def append(self, entries: Sequence[MapEntry]) -> None:
        """Store entries; in the operating system's hands when this returns. Raises OSError, e.g. disk full."""
        data = "".join(_to_line(entry) for entry in entries).encode()
        if data and (written := os.write(self._file, data)) != len(data):
            # A torn line would spoil the next one; what was announced only in part must not be sent.
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(errno.ENOSPC, "the order map cannot be written", str(self._path()))
        self._keep(entries)

    def retract(self, entries: Sequence[MapEntry]) -> None:
        """These were never sent after all: the terminal may use their references again, also after a restart."""
        if not entries:
            return
        os.write(self._file, "".join(_to_line(entry, retracted=True) for entry in entries).encode())
        for entry in entries:
            self._kept[entry.investor_id].remove(entry)

    def load(self, investor_id: str | None = None) -> Iterator[MapEntry]:
        """This day's entries, of one investor or of all, in the order they were stored."""
        if investor_id is not None:
            return iter(tuple(self._kept.get(investor_id, ())))
        return iter([entry for entries in self._kept.values() for entry in entries])

    def _keep(self, entries: Iterable[MapEntry]) -> None:
        for entry in entries:
            self._kept.setdefault(entry.investor_id, []).append(entry)
            if entry.order_key:
                self.order_keys.remember(entry.investor_id, entry.order_key, entry.content, entry.lane_ref)

    def close(self) -> None:
        """Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _path(self) -> Path:
        return self._directory / f"{self._day}.jsonl"


_AtCounter = tuple[RefSpace, int, int, int]


def _read(path: Path) -> dict[_AtCounter, MapEntry]:
    """By what names each at the counter; in many-to-many every counter session counts its references from one."""
    entries: dict[_AtCounter, MapEntry] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            entry, retracted = _from_line(line)
            key = entry.space, entry.counter_front, entry.counter_session, entry.counter_ref
            if retracted:
                entries.pop(key, None)
            else:
                entries[key] = entry
    return entries


def _cut_torn_line(file: int) -> None:
    """A last line cut by a crash was never acted upon: its order was not sent, and it would spoil the next line."""
    size = os.fstat(file).st_size
    tail = os.pread(file, _LONGEST_LINE, max(0, size - _LONGEST_LINE))
    os.ftruncate(file, size - len(tail) + tail.rfind(b"\n") + 1)


def _to_line(entry: MapEntry, *, retracted: bool = False) -> str:
    values: dict[str, object] = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    values["content"] = base64.b64encode(entry.content).decode()
    if retracted:
        values["retracted"] = True
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def _from_line(line: str) -> tuple[MapEntry, bool]:
    values = json.loads(line)
    retracted = bool(values.pop("retracted", False))
    values["space"] = RefSpace(values["space"])
    values["content"] = base64.b64decode(values["content"])
    return MapEntry(**values), retracted
