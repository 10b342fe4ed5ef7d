"""The ledger on disk: one writer thread commits the entries of many logins, a group at a time.

Two ways in, by what the caller can still do about a failure:

* `record` announces something that is about to happen. It returns after the commit. Where there is no commit it
  raises, and the caller must not go on: nothing reaches the counter without its entry.
* `note` reports something that has happened and cannot be taken back, such as a refusal or an end. It never fails.
  While the database does not answer, such entries go into the spool, a file, and the writer tries the database again
  each second.

What is kept: `_waiting`, the entries that the writer has not taken yet (bounded by `capacity`); the spool, the noted
entries that could not be committed; `_overflow`, a count of noted entries for which neither had room.

The order, from event to event:

1. An entry gets its time under the lock that also puts it into the queue, so the times of a chain follow its order.
2. The writer takes a group. If the spool has entries, the group's noted entries go to the spool first, behind them.
3. The spool is committed, oldest first, and only then the rest of the group. So an entry that came earlier is never
   behind one that came later, and the chain has no hole.
4. The loop is woken once for the whole group.
5. After a group of several the writer waits a moment for the next one to be as large (`_COMPANY_SECONDS`): a commit costs about the same
   for one entry as for fifty. An entry that comes alone is committed at once.

A failed commit fails every `record` of its group. The next group reads the chain's head from the database again: the
writer believes nothing that it did not see committed. What could be kept nowhere becomes an entry of its own
(`ledger_gap`), with the number of entries and why.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Self

import structlog
from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from relay.database.database import brief, insert_new, writing
from relay.database.schema import LEDGER, LEDGER_HEAD
from relay.database.times import stamp
from relay.faults.flapping import PairOfLines, SaidFacts
from relay.ledger.chain import Entry, Head, canonical, empty_head, head_after, link
from relay.ledger.digests import SHA256
from relay.ledger.export_columns import fields_of
from relay.ledger.reader import is_here, table_of
from relay.ledger.spool import Gap, Item, Spool
from relay.ledger.trading_day import KnownTradingDay
from relay.refusals.refusal import LedgerUnavailable

_log = structlog.get_logger(__name__)

_LARGEST_GROUP = 256
_CATCH_UP = 1000
"""spooled entries committed in one transaction: a second's work, so that a login waits no longer behind them"""
_RETRY_SECONDS = 1.0
_COMPANY_SECONDS = 0.004
"""of logins that come together each waits so long three times; it is some commits of a disk"""
# Built once: building a statement costs as much as running it.
_OF_CHAIN = LEDGER_HEAD.c.chain == bindparam("of")
_HOLD_HEAD = select(LEDGER_HEAD).where(_OF_CHAIN).with_for_update()
_MOVE_HEAD = update(LEDGER_HEAD).where(_OF_CHAIN).values(sequence=bindparam("to_sequence"), hash=bindparam("to_hash"))
COUNTER_LOGIN_KIND = "counter_login_answer"
"""the kind of entry that has the trading day as the counter said it"""

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class _WaitingEntry:
    at: str
    kind: str
    session: str
    data: str
    trading_day: str
    spooled: bool
    """whether it is kept on disk where it cannot be committed"""
    done: asyncio.Future[None] = field(repr=False)

    @property
    def item(self) -> Item:
        return self.at, self.kind, self.session, self.data, self.trading_day


def append(connection: Connection, chain: str, items: Sequence[Item], digest: str = SHA256) -> Head:
    """Add entries to a chain in the caller's writing transaction; returns the new head.

    An item without a trading day gets that of the ledger's newest entry while it lasts, else the rule's.
    """
    head = _held_head(connection, chain)
    entries: list[Entry] = []
    for at, kind, session, data, *named in items:
        day = named[0] if named else newest_day(connection).at(dt.datetime.fromisoformat(at))
        entries.append(link(head, at=at, kind=kind, session=session, data=data, trading_day=day, digest=digest))
        head = head_after(entries[-1])
    connection.execute(insert(table_of(chain)), [fields_of(entry) for entry in entries])
    connection.execute(_MOVE_HEAD, {"of": chain, "to_sequence": head.sequence, "to_hash": head.hash})
    return head


def _held_head(connection: Connection, chain: str) -> Head:
    """The chain's head, which no other transaction moves before this one ends."""
    row = connection.execute(_HOLD_HEAD, {"of": chain}).one_or_none()
    if row is None:  # the chain begins; another process may begin it in the same moment
        connection.execute(insert_new(connection, LEDGER_HEAD).values(asdict(empty_head(chain))))
        row = connection.execute(_HOLD_HEAD, {"of": chain}).one()
    return Head(row.chain, row.sequence, row.hash)


def newest_day(connection: Connection) -> KnownTradingDay:
    """The trading day of the ledger's newest entry: what the counter said last, to whichever process."""
    newest = select(LEDGER.c.trading_day).where(is_here(LEDGER)).order_by(LEDGER.c.at.desc()).limit(1)
    return KnownTradingDay(connection.execute(newest).scalar() or "")


def record_now(
    engine: Engine, chain: str, clock: Clock, kind: str, data: Mapping[str, object], digest: str = SHA256
) -> Head:
    """Add one entry and wait for the commit; for commands, which have no loop. Raises LedgerUnavailable."""
    try:
        with writing(engine) as connection:
            return append(connection, chain, [(stamp(clock()), kind, "", canonical(data))], digest)
    except SQLAlchemyError as error:
        raise LedgerUnavailable(brief(error)) from None


class Ledger:
    """One chain's writer. Use as `with Ledger(…) as ledger`, inside a running loop for `record` and `note`."""

    def __init__(
        self,
        engine: Engine,
        chain: str,
        *,
        spool: Spool,
        clock: Clock,
        capacity: int = 4096,
        commit_timeout: float = 5.0,
        digest: str = SHA256,
    ) -> None:
        """`capacity` bounds the entries that wait for the writer, `commit_timeout` is in seconds."""
        self.chain = chain
        self._digest = digest
        self._day = KnownTradingDay()
        self._engine = engine
        self._clock = clock
        self._capacity = capacity
        self._commit_timeout = commit_timeout
        self._spool = spool
        self._waiting: deque[_WaitingEntry] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._tried_last = False
        self._writer = threading.Thread(target=self._write, name=f"ledger {chain}", daemon=True)
        self._committed = self._failed = self._caught_up = 0
        """of the last, only those since that was said"""
        self._why = ""
        """why the latest group was not committed; empty where it was"""
        self.on_commit: Callable[[str, int], object] = lambda _why, _spooled: None
        """called on the writer's thread after each group: why it was not committed, or empty; how many entries wait on disk"""
        self._lines = PairOfLines()
        """about entries that wait on disk"""
        self._overflow: Gap | None = None
        """noted entries the queue had no room for, until the writer hands them to the spool"""

    def __enter__(self) -> Self:
        with contextlib.suppress(SQLAlchemyError), self._engine.connect() as connection:
            self._day = newest_day(connection)
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        """Add one entry; committed when this returns. Raises LedgerUnavailable, SecretInLedger."""
        if kind == COUNTER_LOGIN_KIND:
            self._day.hear(data.get("trading_day"))
        done = self._put(kind, session, canonical(data), spooled=False)
        try:
            async with asyncio.timeout(self._commit_timeout):
                await done
        except TimeoutError:
            raise LedgerUnavailable(f"no commit within {self._commit_timeout:g} s") from None

    async def note(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        """Add one entry of what has happened; committed, or on disk until it can be, when this returns.

        Raises SecretInLedger alone. An entry that can be kept nowhere is counted, and the count becomes an entry.
        """
        text = canonical(data)
        try:
            done = self._put(kind, session, text, spooled=True)
        except LedgerUnavailable:
            return  # counted
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._commit_timeout):
                await done

    def _put(self, kind: str, session: str, text: str, *, spooled: bool) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._changed:
            # Stamped under the lock, so that a chain's times follow its order.
            now = self._clock()
            at, day = stamp(now), self._day.at(now)
            why = "the ledger is closed" if self._closing else f"{self._capacity} entries are waiting for the database"
            if self._closing or len(self._waiting) >= self._capacity:
                if spooled:
                    lost = Gap(1, at, at, why)
                    self._overflow = lost if self._overflow is None else self._overflow + lost
                raise LedgerUnavailable(why)
            self._waiting.append(_WaitingEntry(at, kind, session, text, day, spooled, done))
            self._changed.notify()
        return done

    def close(self) -> None:
        """Commit what waits, then stop the writer; idempotent. Waits one statement's time at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._writer.is_alive():
            self._writer.join(2 * self._commit_timeout + 1)

    @property
    def oldest_waiting(self) -> str:
        """When the oldest entry was made that is not in the database yet; empty where there is none. For any thread."""
        with self._changed:
            waiting = self._waiting[0].at if self._waiting else ""
        return self._spool.oldest or waiting

    @property
    def why_behind(self) -> str:
        """Why entries wait on disk, which are tried each second; empty where none do. For any thread."""
        return self._why if len(self._spool) else ""

    def statistics(self) -> dict[str, int]:
        """Entries waiting, on disk until the database answers, committed, failed and lost since the start."""
        return {
            "waiting": len(self._waiting),
            "spooled": len(self._spool),
            "committed": self._committed,
            "failed": self._failed,
            "lost": self._spool.lost,
        }

    # The writer's thread -------------------------------------------------------------------------------------

    def _write(self) -> None:
        while (group := self._next_group()) is not None:
            self._write_group(group)
            if len(group) > 1 and not self._closing:
                time.sleep(_COMPANY_SECONDS)

    def _write_group(self, group: list[_WaitingEntry]) -> None:
        if group or self._spool:
            self._keep(group)
        self._say_caught_up(self._lines.settled())
        self._take_overflow()  # afterwards: what waited in the queue came before what it had no room for

    def _next_group(self) -> list[_WaitingEntry] | None:
        """The entries to commit together; none where it is time to catch up; None when the ledger closes."""
        with self._changed:
            while not self._waiting:
                if self._closing:
                    tried, self._tried_last = self._tried_last, True
                    return [] if self._spool and not tried else None
                if not self._changed.wait(_RETRY_SECONDS if self._spool or self._lines.flaps else None):
                    return []
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), _LARGEST_GROUP))]

    def _keep(self, group: list[_WaitingEntry]) -> None:
        if self._spool and self._spool.room:  # on disk first: the database may hang for seconds
            group = self._to_disk(group)
        try:
            self._catch_up()
            if group:
                with writing(self._engine) as connection:
                    append(connection, self.chain, [waiting.item for waiting in group], self._digest)
        # Every waiting caller must get an answer, and the writer must go on, after any error.
        except Exception as error:  # noqa: BLE001
            why = brief(error)
            self._spool.in_doubt = True  # the commit may have come through, and its answer not
            rest = self._to_disk(group, why)
            self._failed += len(rest)
            _settle(rest, why)
        else:
            why = ""
            self._committed += len(group)
            _settle(group, "")
        self._why = why
        self.on_commit(why, len(self._spool))

    def _to_disk(self, group: list[_WaitingEntry], why: str = "") -> list[_WaitingEntry]:
        """Spool the noted entries; returns the others."""
        mine = [waiting for waiting in group if waiting.spooled]
        if mine:
            if not self._spool and (said := self._lines.begins()) is not None:
                _log.error("ledger_spooling", chain=self.chain, why=why, **said)
            self._spool.keep([waiting.item for waiting in mine])
            _settle(mine, "")
        return [waiting for waiting in group if not waiting.spooled]

    def _take_overflow(self) -> None:
        with self._changed:
            lost, self._overflow = self._overflow, None
        if lost is not None:
            self._spool.lose(lost)

    def _catch_up(self) -> None:
        """Commit what was spooled, oldest first; raises as the database does."""
        caught_up, was_behind = 0, bool(self._spool)
        while items := self._spool.first(_CATCH_UP):
            with writing(self._engine) as connection:
                fresh = not_in(connection, self.chain, items) if self._spool.in_doubt else items
                if fresh:
                    append(connection, self.chain, fresh, self._digest)
            self._spool.drop_first(len(items))
            caught_up += len(fresh)
        if was_behind:
            self._committed += caught_up
            self._caught_up += caught_up
            self._say_caught_up(self._lines.ends())

    def _say_caught_up(self, said: SaidFacts | None) -> None:
        """Unless it is held back."""
        if said is not None:
            entries, self._caught_up = self._caught_up, 0
            _log.warning("ledger_caught_up", chain=self.chain, entries=entries, lost=self._spool.lost, **said)


def not_in(connection: Connection, chain: str, items: Sequence[Item]) -> list[Item]:
    """Those of the entries that are not in the chain yet, by all they say."""
    # A commit that got no answer may still be on its way: whoever appends holds the head.
    connection.execute(_HOLD_HEAD, {"of": chain})
    table = table_of(chain)
    stored = select(table.c.at, table.c.kind, table.c.session, table.c.data)
    times = min(item[0] for item in items), max(item[0] for item in items)
    rows = connection.execute(stored.where(table.c.chain == chain, table.c.at.between(*times)))
    known = Counter(tuple(row) for row in rows)
    fresh = []
    for item in items:
        if known[item[:4]]:
            known[item[:4]] -= 1
        else:
            fresh.append(item)
    return fresh


def _settle(group: Sequence[_WaitingEntry], why: str) -> None:
    """Answer the waiting callers, with one wake-up of the loop for the group; `why` it failed, or empty."""

    def settle() -> None:
        for waiting in group:
            if waiting.done.done():
                continue  # gave up waiting, or was canceled
            if why:
                waiting.done.set_exception(LedgerUnavailable(why))
            else:
                waiting.done.set_result(None)

    if not group:
        return
    try:
        group[0].done.get_loop().call_soon_threadsafe(settle)
    except RuntimeError:
        return  # the loop is closed: no caller waits any more
