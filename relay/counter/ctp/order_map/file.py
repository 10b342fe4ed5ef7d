"""The order map on disk: which order of the counter is which terminal's, kept for the trading day.

Every entry is written before its order is sent, with one append and without waiting for the disk: the page cache
survives a killed relay, which is what must not lose an order's owner; a power cut may cost the last moments, and
then the terminal still sees the order, as one of its investor's. `docs/decisions` says why it is not the ledger.

Two things hold between any two calls. The file ends with a whole line: what a full disk took only in part is cut
off again. And the day is this object's only when its file was read: after a failure the next `begin` tries again.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import errno
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import structlog

from relay.counter.ctp.lanes.order_keys import OrderKeys
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.order_map.in_database import OrdersInDatabase

_log = structlog.get_logger(__name__)
_COMPLAINT_SECONDS = 10.0
"""between two log lines about a file that cannot be written: there is a failure for every order"""

_PAGE = b"\n" * 4096
_NUMBERS = frozenset(field.name for field in dataclasses.fields(MapEntry) if field.type == "int")
_TEXTS = ("lane_ref", "investor_id", "order_key")
_FIELDS = frozenset(field.name for field in dataclasses.fields(MapEntry))
_RETRACTED = ',"retracted":true'
_text = json.encoder.encode_basestring
"""a text as JSON has it, what is not ASCII as it is"""
_AtCounter = tuple[RefSpace, int, int, int]
_Entries = dict[_AtCounter, MapEntry]
"""by what names each at the counter; in many-to-many every counter session counts its references from one"""


class OrderMapFile:
    """The entries of one relay process; one file for each trading day, older ones removed when a day begins."""

    def __init__(
        self, directory: Path, shared: OrdersInDatabase | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`shared` hears of everything that is stored here."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.shared = shared
        self._directory = directory
        self._clock = clock
        self._day = self._wanted = ""
        """the day it is at, and the one it was asked for last"""
        self._file = -1
        self._size = 0
        """bytes of the file up to the end of its last whole line"""
        self._torn = False
        """whether something after that could not be cut off yet"""
        self._owed = b""
        """retractions that could not be written; they go before whatever is written next"""
        self._kept: dict[str, _Entries] = {}
        """this day's entries by investor, so that a login does not read the file again"""
        self.order_keys = OrderKeys()
        """the day's client_order_keys: in many-to-many an investor's terminals share nothing else"""
        self._failed_writes = 0
        self._bad_lines = 0
        self._quiet_until = 0.0
        self.on_failure: Callable[[str], object] = lambda _: None
        """called where a write fails, or a day cannot be begun, with why"""

    @property
    def trading_day(self) -> str:
        """The day it is at; empty before the first login at the counter."""
        return self._day

    def last_used_day(self) -> str:
        """The latest day under which an order was sent that a file still has, also before a restart; empty where there is none."""
        return max((path.stem for path in self._directory.glob("*.jsonl") if path.stat().st_size), default="")

    def begin(self, trading_day: str) -> None:
        """Write to this day's file from here on; idempotent. Raises OSError, and then the day has not begun."""
        self._wanted = trading_day
        if trading_day == self._day:
            return
        try:
            file, size, entries, bad = _open(self._path(trading_day))
        except OSError as error:
            self.on_failure(str(error))
            raise
        self.close()
        self._day, self._file, self._size = trading_day, file, size
        self._torn, self._owed = False, b""
        self._kept = {}
        self.order_keys.clear()
        self._keep(entries.values())
        if bad:
            self._bad_lines += bad
            _log.error("order_map_damaged", file=self._path(trading_day).name, lines_lost=bad, read=len(entries))
        self._remove_older()
        if self.shared is not None:
            self.shared.begin(trading_day)
            if keyed := [entry for entry in entries.values() if entry.order_key]:
                self.shared.name_unsaid(keyed)

    def append(self, entries: Sequence[MapEntry]) -> None:
        """Store entries; in the operating system's hands when this returns. Raises OSError, e.g. disk full."""
        if entries:
            self._write(_lines(entries))
            self._keep(entries)
            if self.shared is not None:
                self.shared.store(entries)

    def retract(self, entries: Sequence[MapEntry]) -> None:
        """These were never sent after all: the terminal may use their references again, also after a restart."""
        if not entries:
            return
        for entry in entries:
            self._kept.get(entry.investor_id, {}).pop(entry.at_counter, None)
        lines = _lines(entries, retracted=True)
        try:
            self._write(lines)
        except OSError:
            self._owed += lines
        if self.shared is not None:
            self.shared.retract(entries)

    def load(self, investor_id: str | None = None) -> Iterator[MapEntry]:
        """This day's entries, of one investor or of all, in the order they were stored."""
        if investor_id is not None:
            return iter(tuple(self._kept.get(investor_id, {}).values()))
        return iter([entry for entries in self._kept.values() for entry in entries.values()])

    def why_unwritable(self) -> str:
        """Why no order could be kept now, by trying the day's file and a page beside it; blocks, for any thread."""
        file = self._path(self._wanted) if self._wanted else None
        try:
            if file is not None:
                with file.open("ab"):
                    pass
            probe = self._directory / ".probe"
            with probe.open("wb", buffering=0) as page:
                _write_all(page.fileno(), _PAGE)
            probe.unlink()
        except OSError as error:
            return str(error)
        return ""

    def statistics(self) -> dict[str, int]:
        """Writes that failed, and lines of the day's file that could not be read, since the start."""
        return {"failed": self._failed_writes, "bad_lines": self._bad_lines}

    def close(self) -> None:
        """No day is begun any more; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file, self._day = -1, ""

    def _keep(self, entries: Iterable[MapEntry]) -> None:
        for entry in entries:
            self._kept.setdefault(entry.investor_id, {})[entry.at_counter] = entry
            if entry.order_key:
                self.order_keys.remember(entry)

    def _write(self, lines: bytes) -> None:
        """All of it or nothing."""
        data = self._owed + lines
        try:
            if self._torn:
                self._cut()
            self._torn = True
            _write_all(self._file, data)
            self._size, self._torn, self._owed = self._size + len(data), False, b""
        except OSError as error:
            with contextlib.suppress(OSError):  # otherwise the next write begins with it
                self._cut()
            self._complain(error)
            raise

    def _cut(self) -> None:
        """Take away what was written of a line in part."""
        os.ftruncate(self._file, self._size)
        self._torn = False

    def _complain(self, error: OSError) -> None:
        self.on_failure(str(error))
        self._failed_writes += 1
        if self._clock() >= self._quiet_until:
            self._quiet_until = self._clock() + _COMPLAINT_SECONDS
            _log.error("order_map_unwritable", error=str(error), failed_writes=self._failed_writes)

    def _remove_older(self) -> None:
        for path in self._directory.glob("*.jsonl"):
            if path.stem < self._day:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    _log.warning("order_map_not_removed", file=path.name, error=str(error))

    def _path(self, trading_day: str) -> Path:
        return self._directory / f"{trading_day}.jsonl"


def _write_all(file: int, data: bytes) -> None:
    if os.write(file, data) != len(data):
        raise OSError(errno.ENOSPC, "the order map was written only in part")


def _open(path: Path) -> tuple[int, int, _Entries, int]:
    """The open file, and what `_read` says of it; cut to its last whole line."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size, entries, bad = _read(file)
        os.ftruncate(file, size)
    except BaseException:
        os.close(file)
        raise
    return file, size, entries, bad


def _read(file: int) -> tuple[int, _Entries, int]:
    """Where the last whole line ends, the entries, and how many lines could not be read.

    A last line cut by a crash is not counted: its order was not sent, because the write had not returned.
    """
    with os.fdopen(os.dup(file), "rb") as stream:
        data = stream.read()
    size = data.rfind(b"\n") + 1
    entries: _Entries = {}
    bad = 0
    for line in data[:size].split(b"\n")[:-1]:
        known = _from_line(line)
        if known is None:
            bad += 1
            continue
        entry, retracted = known
        if retracted:
            entries.pop(entry.at_counter, None)
        else:
            entries[entry.at_counter] = entry
    return size, entries, bad


def _lines(entries: Iterable[MapEntry], *, retracted: bool = False) -> bytes:
    return "".join([_to_line(entry, retracted=retracted) for entry in entries]).encode()


def _to_line(entry: MapEntry, *, retracted: bool = False) -> str:
    """With its line end: JSON, put together by hand, because every order waits for it."""
    return (
        f'{{"space":"{entry.space}","counter_front":{entry.counter_front},"counter_session":{entry.counter_session},'
        f'"counter_ref":{entry.counter_ref},"request_mark":{entry.request_mark},"lane_front":{entry.lane_front},'
        f'"lane_session":{entry.lane_session},"lane_ref":{_text(entry.lane_ref)},"lane_request_id":{entry.lane_request_id},'
        f'"investor_id":{_text(entry.investor_id)},"order_key":{_text(entry.order_key)},'
        f'"content":"{base64.b64encode(entry.content).decode() if entry.content else ""}"{_RETRACTED if retracted else ""}}}\n'
    )


def _from_line(line: bytes) -> tuple[MapEntry, bool] | None:
    """The entry, and whether this line takes it back; None where it is damaged: cut, zeros, or run into another."""
    try:
        # Zeros are what a power cut leaves of a block that was not written yet; an entry may follow them.
        values = json.loads(line.strip(b"\0"))
        retracted = values.pop("retracted", False) is True
        values["space"] = RefSpace(values["space"])
        values["content"] = base64.b64decode(values["content"], validate=True)
        entry = MapEntry(**{name: value for name, value in values.items() if name in _FIELDS})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return (entry, retracted) if _is_whole(entry) else None


def _is_whole(entry: MapEntry) -> bool:
    """Whether what was read is of the kinds that an entry has, and can be written again."""
    numbers = (getattr(entry, name) for name in _NUMBERS)
    texts = [getattr(entry, name) for name in _TEXTS]
    if not all(type(text) is str for text in texts) or not all(type(number) is int for number in numbers):
        return False
    try:
        int(entry.lane_ref.encode("ascii"))
        "".join(texts).encode()  # half a surrogate pair is no text
    except ValueError:
        return False
    return True
