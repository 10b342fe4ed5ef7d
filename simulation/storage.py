"""The database of all relay processes, in memory, and how it fails; ledger and shared orders without their threads.

A thread that waits for work becomes a callback of the loop, at the time the database takes. What it does there is the
relay's own code, a whole group at a time; so a process can be killed before a commit and after it, and also between the
commit and its answer.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Engine, create_engine, insert
from sqlalchemy.pool import StaticPool

from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.database.schema import LEDGER, LEDGER_HEAD, RELAY_NUMBER
from relay.ledger.chain import ChainWalk, Entry, Head, empty_head
from relay.ledger.export_columns import fields_of
from relay.ledger.ledger import Ledger
from relay.ledger.spool import Item, Spool
from simulation.rules import Rules

_RETRY_SECONDS = 1.0
_COLUMNS = list(fields_of(Entry("", 0, "", "", "", "", "", "")))
_ENTRIES = f"SELECT {', '.join(_COLUMNS)} FROM {LEDGER.name} WHERE chain = ? AND sequence > ? ORDER BY sequence"  # noqa: S608
_HEAD = f"SELECT chain, sequence, hash FROM {LEDGER_HEAD.name} WHERE chain = ?"  # noqa: S608


class Weather:
    """What is wrong with the database at the moment."""

    def __init__(self) -> None:
        self.away = False
        """it answers nothing"""
        self.answers_lost = 0
        """so many commits come through, and their answers do not"""
        self.seconds = 0.002
        """how long a group takes"""


class FailingConnection(sqlite3.Connection):
    """SQLite's, which fails as the weather says."""

    weather = Weather()

    def cursor(self, *args: Any, **named: Any) -> Any:
        if self.weather.away:
            raise sqlite3.OperationalError("the database is away")
        return super().cursor(*args, **named)

    def commit(self) -> None:
        if self.weather.away:
            raise sqlite3.OperationalError("the database is away")
        super().commit()
        if self.weather.answers_lost:
            self.weather.answers_lost -= 1
            raise sqlite3.OperationalError("the answer to a commit was lost")


class SharedDatabase:
    """One database; the rule of the chain is asked of what is committed in it."""

    def __init__(self, rules: Rules) -> None:
        self.weather = Weather()
        made = type("_Connection", (FailingConnection,), {"weather": self.weather})
        self.engine: Engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"factory": made})
        LEDGER.metadata.create_all(self.engine)
        with self.engine.begin() as connection:
            connection.execute(insert(RELAY_NUMBER).values(id=1, last=100))
        self._connection = cast("sqlite3.Connection", self.engine.raw_connection().driver_connection)
        self._rules = rules
        self._walks: dict[str, tuple[ChainWalk, int]] = {}
        self.recorded: dict[tuple[str, str], int] = {}
        """entries that are committed, by chain and kind"""

    def look(self, chain: str) -> None:
        """Something of this chain may be committed: whether it still verifies."""
        away, self.weather.away = self.weather.away, False
        lost, self.weather.answers_lost = self.weather.answers_lost, 0
        try:
            walk, last = self._walks.get(chain) or (ChainWalk(empty_head(chain)), 0)
            cursor = self._connection.cursor()
            rows = cursor.execute(_ENTRIES, (chain, last)).fetchall()
            head = cursor.execute(_HEAD, (chain,)).fetchone()
        finally:
            self.weather.away, self.weather.answers_lost = away, lost
        for row in rows:
            entry = Entry(**dict(zip(_COLUMNS, row, strict=True)))
            wrong = next(walk.take(entry), None)
            self._rules.hold("chain", str(wrong), is_so=wrong is None)
            self._rules.seen("entry", entry.kind, entry.at)
            known = chain, entry.kind
            self.recorded[known] = self.recorded.get(known, 0) + 1
            last = entry.sequence
        self._walks[chain] = walk, last
        wrong = next(walk.end(None if head is None else Head(*head)), None)
        self._rules.hold("chain", str(wrong), is_so=wrong is None)


class _Turn:
    """In the place of a thread's condition: to notify is to have a callback in a while."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def __enter__(self) -> None:
        """No other thread is there."""

    def __exit__(self, *_: object) -> None:
        """See `__enter__`."""

    def notify(self) -> None:
        self._wake()

    def wait(self, _seconds: float | None = None) -> bool:
        return False

    def wait_for(self, _holds: Callable[[], bool], _seconds: float | None = None) -> bool:
        return False


class _Alarm:
    """One callback at a time."""

    def __init__(self, work: Callable[[], None], context: contextvars.Context) -> None:
        self._loop, self._work, self._context = asyncio.get_running_loop(), work, context
        self._at: asyncio.TimerHandle | None = None

    def wake(self, seconds: float) -> None:
        if self._at is None:
            self._at = self._loop.call_later(seconds, self._ring, context=self._context)

    def _ring(self) -> None:
        self._at = None
        self._work()


class SteppedLedger(Ledger):
    """The ledger, its writer a callback."""

    def __init__(self, database: SharedDatabase, context: contextvars.Context, *args: Any, **named: Any) -> None:
        super().__init__(database.engine, *args, **named)
        self._database = database
        self._alarm = _Alarm(self.work, context)
        self._changed: Any = _Turn(lambda: self._alarm.wake(database.weather.seconds))

    def work(self) -> None:
        """One turn of the writer."""
        group = self._next_group()
        if group is None:
            return
        self._write_group(group)
        self._database.look(self.chain)
        if self._waiting:
            self._alarm.wake(self._database.weather.seconds)
        elif self._spool:
            self._alarm.wake(_RETRY_SECONDS)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting and not self._spool


class SteppedOrders(OrdersInDatabase):
    """The shared orders, their thread a callback."""

    def __init__(self, database: SharedDatabase, context: contextvars.Context, *args: Any, **named: Any) -> None:
        super().__init__(database.engine, *args, **named)
        self._database = database
        self._alarm = _Alarm(self.work, context)
        self._changed: Any = _Turn(lambda: self._alarm.wake(database.weather.seconds))

    def work(self) -> None:
        """One turn of the thread."""
        if not self._waiting and not self._away:
            return
        group = self._next_group()
        if group is not None:
            self._do(group)
        if self._away:
            self._alarm.wake(_RETRY_SECONDS)
        elif self._waiting:
            self._alarm.wake(self._database.weather.seconds)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting


@dataclass
class Disk:
    """A slot's."""

    is_full: bool = False

    def fail_where_full(self) -> None:
        """As a write does."""
        if self.is_full:
            raise OSError(errno.ENOSPC, "no space left on device")


class FailingOrderMap(OrderMapFile):
    """The order map, on a disk that may be full."""

    def __init__(self, disk: Disk, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._disk = disk

    def _write(self, lines: bytes) -> None:
        self._disk.fail_where_full()
        super()._write(lines)


class FailingSpool(Spool):
    """The spool, on a disk that may be full."""

    def __init__(self, disk: Disk, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._disk = disk

    def _append(self, items: Sequence[Item]) -> None:
        self._disk.fail_where_full()
        super()._append(items)
