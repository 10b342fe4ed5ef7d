"""Reading the ledger: entries, heads, and whether a stored chain still is what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, select

from relay.database.schema import LEDGER, LEDGER_HEAD
from relay.ledger.chain import Entry, Head, Problem, empty_head, verify

_ROWS_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class Audit:
    chain: str
    entries: int
    head: Head | None
    """the recorded head; its hash kept elsewhere proves later that nothing before it was rewritten"""
    problems: tuple[Problem, ...]


def audit(engine: Engine, *, most_problems: int = 100) -> list[Audit]:
    """Verify every chain, as one moment's picture; a chain's problems beyond `most_problems` are not listed."""
    isolation = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**isolation) as connection, connection.begin():
        recorded = _heads(connection)
        names = set(connection.execute(select(LEDGER.c.chain).distinct()).scalars()) | set(recorded)
        return [_audit_chain(connection, name, recorded.get(name), most_problems) for name in sorted(names)]


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
                _last_before(connection, name, since) if since else empty_head(name),
                _last_before(connection, name, until) if until else head,
            )
            for name, head in sorted(_heads(connection).items())
        }


def read(engine: Engine, of: Mapping[str, Stretch] | None = None) -> Iterator[Entry]:
    """Entries by chain and sequence; of all chains, or only these parts."""
    parts = stretches(engine) if of is None else of
    with engine.connect() as connection:
        for chain, part in parts.items():
            wanted = _ordered().where(LEDGER.c.chain == chain, LEDGER.c.sequence > part.before.sequence)
            yield from _entries(connection, wanted.where(LEDGER.c.sequence <= part.after.sequence))


def tail(engine: Engine, count: int) -> list[Entry]:
    """The newest entries of all chains, oldest first."""
    newest = select(LEDGER).order_by(LEDGER.c.at.desc(), LEDGER.c.chain, LEDGER.c.sequence.desc()).limit(count)
    with engine.connect() as connection:
        return [Entry(*row) for row in connection.execute(newest)][::-1]


def _last_before(connection: Connection, chain: str, time: str) -> Head:
    """The head the chain had at this time."""
    earlier = select(LEDGER.c.sequence, LEDGER.c.hash).where(LEDGER.c.chain == chain, LEDGER.c.at < time)
    row = connection.execute(earlier.order_by(LEDGER.c.sequence.desc()).limit(1)).one_or_none()
    return Head(chain, row.sequence, row.hash) if row is not None else empty_head(chain)


def _audit_chain(connection: Connection, chain: str, head: Head | None, most: int) -> Audit:
    seen = 0

    def counted() -> Iterator[Entry]:
        nonlocal seen
        for entry in _entries(connection, _ordered().where(LEDGER.c.chain == chain)):
            seen += 1
            yield entry

    problems: list[Problem] = []
    for problem in verify(chain, counted(), head):
        if len(problems) < most:
            problems.append(problem)
    return Audit(chain, seen, head, tuple(problems))


def _heads(connection: Connection) -> dict[str, Head]:
    return {row.chain: Head(row.chain, row.sequence, row.hash) for row in connection.execute(select(LEDGER_HEAD))}


def _ordered() -> Select[Any]:
    return select(LEDGER).order_by(LEDGER.c.chain, LEDGER.c.sequence)


def _entries(connection: Connection, wanted: Select[Any]) -> Iterator[Entry]:
    rows = connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(wanted)
    return (Entry(*row) for row in rows)
