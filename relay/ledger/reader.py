"""Reading the ledger: entries, heads, and whether a stored chain still is what was written.

A chain begins where its newest archive ended (`base`): what stands in a sealed archive may be gone from the database,
and is read by nothing here, whether it is gone yet or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, and_, or_, select

from relay.database.schema import LEDGER, LEDGER_ARCHIVE, LEDGER_HEAD, LEDGER_ORDER
from relay.database.times import stamp
from relay.ledger.chain import FIRST_SEQUENCE, ChainWalk, Entry, Head, Problem, empty_head
from relay.ledger.trading_day import day_begin, day_end

ORDERS_END = "/orders"
"""how the name of a chain of orders ends; it has a table of its own"""
_TABLES = (LEDGER, LEDGER_ORDER)
_ROWS_AT_A_TIME = 1000

Progress = Callable[[int], None]
"""is called now and then with how many entries were read since"""


@dataclass(frozen=True, slots=True)
class Audit:
    chain: str
    entries: int
    head: Head | None
    """the recorded head; its hash kept elsewhere proves later that nothing before it was rewritten"""
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class PinnedHead:
    """A head that a seal was made with."""

    head: Head
    why: str
    """what demands it, for the message: `day 2026-01-05`"""


class RequiredHeads:
    """Heads kept elsewhere that must be in the ledger. They are seen while its entries go by, so memory stays small."""

    def __init__(self, hashes: Iterable[str] = (), pinned: Iterable[PinnedHead] = ()) -> None:
        self._hashes = set(hashes)
        self._pinned: dict[tuple[str, int], list[PinnedHead]] = {}
        for pin in pinned:
            self._pinned.setdefault((pin.head.chain, pin.head.sequence), []).append(pin)
        self._other: list[str] = []

    def begin(self, base: Head) -> None:
        """A chain begins here. What lies further back is the archive's to prove."""
        self.see(base)
        for place in [place for place in self._pinned if place[0] == base.chain and place[1] < base.sequence]:
            del self._pinned[place]

    def see(self, head: Head | Entry) -> None:
        """One that is in the ledger."""
        self._hashes.discard(head.hash)
        for pin in self._pinned.pop((head.chain, head.sequence), ()):
            if pin.head.hash != head.hash:
                self._other.append(f"{head.chain} entry {head.sequence}: is not the one that {pin.why} was sealed with")

    def missing(self) -> list[str]:
        """What is wrong with them, once all entries went by."""
        gone = [
            f"{chain} entry {sequence}: {pin.why} was sealed with it, and it is not in the ledger"
            for (chain, sequence), pins in sorted(self._pinned.items())
            for pin in pins
        ]
        return [
            *self._other,
            *gone,
            *(f"no entry has the expected head hash {digest}" for digest in sorted(self._hashes)),
        ]


def audit(
    engine: Engine, *, most_problems: int = 100, required: RequiredHeads | None = None, progress: Progress | None = None
) -> list[Audit]:
    """Verify every chain, as one moment's picture; a chain's problems beyond `most_problems` are not listed."""
    isolation = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    required = required or RequiredHeads()
    with engine.connect().execution_options(**isolation) as connection, connection.begin():
        recorded, found = _heads(connection), []
        names = {name for table in _TABLES for name in connection.execute(select(table.c.chain).distinct()).scalars()}
        for name in sorted(names | set(recorded)):
            problems: list[Problem] = []
            walk = ChainWalk(base_of(connection, name))
            required.begin(base_of(connection, name))
            for problem in _walk(connection, name, walk, recorded.get(name), required, progress):
                if len(problems) < most_problems:
                    problems.append(problem)
            problems += _strays(connection, name)
            found.append(Audit(name, walk.entries, recorded.get(name), tuple(problems)))
        return found


def _strays(connection: Connection, chain: str) -> Iterator[Problem]:
    """Rows that no walk along the chain meets, and that lists would show: in the other table, or before its first entry."""
    for table in _TABLES:
        mine = select(table.c.sequence).where(table.c.chain == chain)
        if table is table_of(chain):
            mine = mine.where(table.c.sequence < FIRST_SEQUENCE)
        stray = connection.execute(mine.order_by(table.c.sequence).limit(1)).scalar()
        if stray is not None:
            yield Problem(chain, stray, f"stands in {table.name} outside its chain: it was put there")


def _walk(
    connection: Connection,
    chain: str,
    walk: ChainWalk,
    head: Head | None,
    required: RequiredHeads,
    progress: Progress | None,
) -> Iterator[Problem]:
    table, base = table_of(chain), base_of(connection, chain)
    wanted = _ordered(table).where(table.c.chain == chain, table.c.sequence > base.sequence)
    for entry in _entries(connection, wanted, progress):
        yield from walk.take(entry)
        required.see(entry)
    yield from walk.end(head)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of one chain that belongs to a file: what follows `before`, up to and with `after`."""

    before: Head
    after: Head


def stretches(engine: Engine, *, since: str = "", until: str = "") -> dict[str, Stretch]:
    """Each chain's part between two ISO times in UTC+8, or days (2025-07-10); empty texts mean from the start, to the end.

    A chain is cut where the last entry before the time stands, so that the parts of following days fit each other
    without a gap and without an overlap, also where the clock was set back.
    """
    with engine.connect() as connection:
        return {
            name: Stretch(
                _last(connection, name, table_of(name).c.at < since) if since else base_of(connection, name),
                _last(connection, name, table_of(name).c.at < until) if until else head,
            )
            for name, head in sorted(_heads(connection).items())
        }


def stretches_of_day(engine: Engine, day: str) -> dict[str, Stretch]:
    """Each chain's part of this trading day (20260105): behind the last entry of an earlier day, up to its own last.

    Parts of following days fit each other. An entry of an earlier day that came late is in the part where it stands.
    """
    with engine.connect() as connection:
        return {
            name: Stretch(
                _last(connection, name, _before_day(table_of(name), day)),
                _last(connection, name, _until_day(table_of(name), day)),
            )
            for name in sorted(_heads(connection))
        }


def heads_after_day(engine: Engine, day: str) -> dict[str, Head]:
    """Each chain's head when this trading day (20260105) was over: its last entry of this day or an earlier one."""
    with engine.connect() as connection:
        return {name: _last(connection, name, _until_day(table_of(name), day)) for name in sorted(_heads(connection))}


def days_after(engine: Engine, heads: Mapping[str, Head]) -> set[str]:
    """The trading days that have entries behind these heads; `at` texts of entries that do not name one."""
    found: set[str] = set()
    with engine.connect() as connection:
        for name in _heads(connection):
            table = table_of(name)
            behind = max(base_of(connection, name).sequence, heads[name].sequence if name in heads else 0)
            mine = and_(table.c.chain == name, table.c.sequence > behind)
            found.update(connection.execute(select(table.c.trading_day).where(mine).distinct()).scalars())
            unnamed = select(table.c.at).where(mine, table.c.trading_day == "")
            found.update(
                {at[:13] + at[-6:] for at in connection.execute(unnamed.execution_options(yield_per=1000)).scalars()}
            )
    return found - {""}


def read(engine: Engine, of: Mapping[str, Stretch] | None = None, progress: Progress | None = None) -> Iterator[Entry]:
    """Entries by chain and sequence; of all chains, or only these parts."""
    parts = stretches(engine) if of is None else of
    with engine.connect() as connection:
        for chain, part in parts.items():
            table = table_of(chain)
            wanted = _ordered(table).where(table.c.chain == chain, table.c.sequence > part.before.sequence)
            yield from _entries(connection, wanted.where(table.c.sequence <= part.after.sequence), progress)


def tail(engine: Engine, count: int, *, day: str = "", orders: bool = False) -> list[Entry]:
    """The newest entries of all chains of logins, or of orders, oldest first; of one trading day (20260105), or of all."""
    table = LEDGER_ORDER if orders else LEDGER
    newest = select(table).where(is_here(table))
    if day:
        newest = newest.where(_until_day(table, day), ~_before_day(table, day))
    newest = newest.order_by(table.c.at.desc(), table.c.chain, table.c.sequence.desc()).limit(count)
    with engine.connect() as connection:
        return [Entry(*row) for row in connection.execute(newest)][::-1]


def is_here(table: Table) -> ColumnElement[bool]:
    """Whether a row is of the ledger as it is read: not behind its chain's newest archive, nor outside its chain."""
    archived = select(LEDGER_ARCHIVE.c.chain).where(
        LEDGER_ARCHIVE.c.chain == table.c.chain, LEDGER_ARCHIVE.c.sequence >= table.c.sequence
    )
    return and_(table.c.sequence >= FIRST_SEQUENCE, ~archived.correlate(table).exists())


def table_of(chain: str) -> Table:
    """Where this chain's entries stand."""
    return LEDGER_ORDER if chain.endswith(ORDERS_END) else LEDGER


def base_of(connection: Connection, chain: str) -> Head:
    """The head before the chain's first entry here: its newest archive's last."""
    newest = select(LEDGER_ARCHIVE).where(LEDGER_ARCHIVE.c.chain == chain).order_by(LEDGER_ARCHIVE.c.sequence.desc())
    row = connection.execute(newest.limit(1)).one_or_none()
    return Head(chain, row.sequence, row.hash) if row is not None else empty_head(chain)


def _until_day(table: Table, day: str) -> ColumnElement[bool]:
    unnamed = and_(table.c.trading_day == "", table.c.at < stamp(day_end(day)))
    return or_(and_(table.c.trading_day != "", table.c.trading_day <= day), unnamed)


def _before_day(table: Table, day: str) -> ColumnElement[bool]:
    unnamed = and_(table.c.trading_day == "", table.c.at < stamp(day_begin(day)))
    return or_(and_(table.c.trading_day != "", table.c.trading_day < day), unnamed)


def _last(connection: Connection, chain: str, condition: Any) -> Head:
    """The head after the last entry of which the condition holds."""
    table, base = table_of(chain), base_of(connection, chain)
    wanted = select(table.c.sequence, table.c.hash).where(
        table.c.chain == chain, table.c.sequence > base.sequence, condition
    )
    row = connection.execute(wanted.order_by(table.c.sequence.desc()).limit(1)).one_or_none()
    return Head(chain, row.sequence, row.hash) if row is not None else base


def _heads(connection: Connection) -> dict[str, Head]:
    return {row.chain: Head(row.chain, row.sequence, row.hash) for row in connection.execute(select(LEDGER_HEAD))}


def _ordered(table: Table) -> Select[Any]:
    return select(table).order_by(table.c.chain, table.c.sequence)


def _entries(connection: Connection, wanted: Select[Any], progress: Progress | None = None) -> Iterator[Entry]:
    rows = connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(wanted)
    for number, row in enumerate(rows, start=1):
        if progress is not None and number % _ROWS_AT_A_TIME == 0:
            progress(_ROWS_AT_A_TIME)
        yield Entry(*row)
