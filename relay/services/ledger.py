"""The ledger on disk: one writer thread commits what many logins record, a group at a time.

`record` returns after the commit, so what it announces may happen then. A failed commit fails everybody in
its group; the next group starts from what the database really has.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Self

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import SQLAlchemyError

from relay.domain.ledger_chain import Entry, Head, canonical, empty_head, head_after, link
from relay.domain.system_info import COUNTER_ZONE
from relay.errors import LedgerUnavailable
from relay.services.database import brief, writing
from relay.services.schema import LEDGER, LEDGER_HEAD

_LARGEST_GROUP = 256

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class _Waiting:
    at: str
    kind: str
    session: str
    data: str
    done: asyncio.Future[Head] = field(repr=False)


def stamp(now: dt.datetime) -> str:
    """The ledger's form of an aware time: ISO 8601 in UTC+8 with microseconds."""
    return now.astimezone(COUNTER_ZONE).isoformat(timespec="microseconds")


def append(connection: Connection, chain: str, items: Sequence[tuple[str, str, str, str]]) -> Head:
    """Add (at, kind, session, data) entries to a chain in the caller's writing transaction; returns the new head."""
    statement = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    connection.execute(statement(LEDGER_HEAD).values(asdict(empty_head(chain))).on_conflict_do_nothing())
    row = connection.execute(select(LEDGER_HEAD).where(LEDGER_HEAD.c.chain == chain).with_for_update()).one()
    head = Head(row.chain, row.sequence, row.hash)
    entries: list[Entry] = []
    for at, kind, session, data in items:
        entries.append(link(head, at=at, kind=kind, session=session, data=data))
        head = head_after(entries[-1])
    connection.execute(insert(LEDGER), [asdict(entry) for entry in entries])
    moved = update(LEDGER_HEAD).where(LEDGER_HEAD.c.chain == chain)
    connection.execute(moved.values(sequence=head.sequence, hash=head.hash))
    return head


def record_now(engine: Engine, chain: str, clock: Clock, kind: str, data: Mapping[str, object]) -> Head:
    """Add one entry and wait for the commit; for commands, which have no loop. Raises LedgerUnavailable."""
    try:
        with writing(engine) as connection:
            return append(connection, chain, [(stamp(clock()), kind, "", canonical(data))])
    except SQLAlchemyError as error:
        raise LedgerUnavailable(brief(error)) from None


class Ledger:
    """One chain's writer. Use as `with Ledger(…) as ledger`, inside a running loop for `record`."""

    def __init__(
        self, engine: Engine, chain: str, *, clock: Clock, capacity: int = 4096, commit_timeout: float = 5.0
    ) -> None:
        self.chain = chain
        self._engine = engine
        self._clock = clock
        self._capacity = capacity
        self._commit_timeout = commit_timeout
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._writer = threading.Thread(target=self._write, name=f"ledger {chain}", daemon=True)
        self._committed = 0
        self._failed = 0

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        """Add one entry; committed when this returns. Raises LedgerUnavailable, SecretInLedger."""
        text = canonical(data)
        done: asyncio.Future[Head] = asyncio.get_running_loop().create_future()
        with self._changed:
            if self._closing:
                raise LedgerUnavailable("the ledger is closed")
            if len(self._waiting) >= self._capacity:
                raise LedgerUnavailable(f"{self._capacity} entries are waiting for the database")
            # Stamped under the lock, so that a chain's times follow its order.
            self._waiting.append(_Waiting(stamp(self._clock()), kind, session, text, done))
            self._changed.notify()
        try:
            await asyncio.wait_for(done, self._commit_timeout)
        except TimeoutError:
            raise LedgerUnavailable(f"no commit within {self._commit_timeout:g} s") from None

    def close(self) -> None:
        """Commit what waits, then stop the writer; idempotent. Waits one statement's time at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._writer.is_alive():
            self._writer.join(2 * self._commit_timeout + 1)

    def statistics(self) -> dict[str, int]:
        """Entries waiting, committed and failed since the start."""
        return {"waiting": len(self._waiting), "committed": self._committed, "failed": self._failed}

    def _write(self) -> None:
        while group := self._next_group():
            try:
                with writing(self._engine) as connection:
                    head = append(connection, self.chain, [(w.at, w.kind, w.session, w.data) for w in group])
            # Whatever happens here, those who wait must hear of it and the writer must live on.
            except Exception as error:  # noqa: BLE001
                self._failed += len(group)
                _settle(group, None, brief(error))
            else:
                self._committed += len(group)
                _settle(group, head, "")

    def _next_group(self) -> list[_Waiting]:
        """The entries to commit together; waits for one, and is empty only when the ledger closes."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), _LARGEST_GROUP))]


def _settle(group: Sequence[_Waiting], head: Head | None, why: str) -> None:
    """Tell the waiting loop, with one wake-up for the group."""

    def tell() -> None:
        for waiting in group:
            if waiting.done.done():
                continue  # gave up waiting, or was canceled
            if head is None:
                waiting.done.set_exception(LedgerUnavailable(why))
            else:
                waiting.done.set_result(head)

    try:
        group[0].done.get_loop().call_soon_threadsafe(tell)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
