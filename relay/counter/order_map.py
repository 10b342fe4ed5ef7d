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
from collections.abc import Iterable, Iterator
from pathlib import Path

from relay.domain.ref_map import MapEntry
from relay.domain.refs import RefSpace


class OrderMapFile:
    """The entries of one relay process; one file for each trading day, older ones removed when a day begins."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._day = ""
        self._file = -1

    def begin(self, trading_day: str) -> None:
        """Write to this day's file from here on; idempotent."""
        if trading_day == self._day:
            return
        self.close()
        self._day = trading_day
        for path in self._directory.glob("*.jsonl"):
            if path.stem < trading_day:
                path.unlink(missing_ok=True)
        self._file = os.open(self._path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, entries: Iterable[MapEntry]) -> None:
        """Store entries; in the operating system's hands when this returns. Raises OSError, e.g. disk full."""
        data = "".join(_to_line(entry) for entry in entries).encode()
        if data and (written := os.write(self._file, data)) != len(data):
            # A torn line would spoil the next one; what was announced only in part must not be sent.
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(errno.ENOSPC, "the order map cannot be written", str(self._path()))

    def load(self, investor_id: str | None = None) -> Iterator[MapEntry]:
        """This day's entries, of one investor or of all. A last line cut by a crash was never acted upon."""
        with self._path().open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n") and (entry := _from_line(line)).investor_id == (
                    investor_id or entry.investor_id
                ):
                    yield entry

    def close(self) -> None:
        """Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _path(self) -> Path:
        return self._directory / f"{self._day}.jsonl"


def _to_line(entry: MapEntry) -> str:
    values = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    values["content"] = base64.b64encode(entry.content).decode()
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def _from_line(line: str) -> MapEntry:
    values = json.loads(line)
    values["space"] = RefSpace(values["space"])
    values["content"] = base64.b64decode(values["content"])
    return MapEntry(**values)
