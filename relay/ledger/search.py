"""Finding entries for a person who looks: by day, kind, session, chain, and by what an entry is about.

What an entry is about, an investor, an app id or an address, stands in its data. The text is looked for as canonical JSON
writes it, with the field's name, so that 100001 finds neither 1000012 nor a remark. A time or a day bounds every search that
goes through data, because no index helps there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, Select, or_, select, tuple_

from relay.database.schema import LEDGER, LEDGER_HEAD
from relay.ledger.chain import Entry

_ABOUT = ("investor_id", "user_id", "terminal_app_id", "app_id", "public_ip", "place", "name")
"""fields of an entry's data that say whom it concerns"""
_SESSIONS_AT_A_TIME = 200
_ROWS_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class Search:
    """Empty texts ask for nothing."""

    since: str = ""
    """ISO time in UTC+8, or a day"""
    until: str = ""
    kinds: tuple[str, ...] = ()
    about: str = ""
    """an investor, an app id or an address, as a whole"""
    session: str = ""
    chain: str = ""
    before: tuple[str, str, int] | None = None
    """older than this entry: its time, chain and sequence"""
    most: int = 100


def find_entries(engine: Engine, asked: Search) -> list[Entry]:
    """The entries that fit, newest first."""
    wanted = select(LEDGER).where(*_conditions(asked))
    newest = wanted.order_by(LEDGER.c.at.desc(), LEDGER.c.chain.desc(), LEDGER.c.sequence.desc()).limit(asked.most)
    with engine.connect() as connection:
        return [Entry(*row) for row in connection.execute(newest)]


def find_entry(engine: Engine, chain: str, sequence: int) -> Entry | None:
    """One entry."""
    wanted = select(LEDGER).where(LEDGER.c.chain == chain, LEDGER.c.sequence == sequence)
    with engine.connect() as connection:
        row = connection.execute(wanted).one_or_none()
    return Entry(*row) if row is not None else None


def whole_sessions(engine: Engine, sessions: Sequence[str], most: int) -> list[Entry]:
    """Every entry of these sessions, newest first."""
    found: list[Entry] = []
    with engine.connect() as connection:
        for first in range(0, len(sessions), _SESSIONS_AT_A_TIME):
            some = sessions[first : first + _SESSIONS_AT_A_TIME]
            wanted = select(LEDGER).where(LEDGER.c.session.in_(some)).order_by(LEDGER.c.at.desc()).limit(most)
            found += [Entry(*row) for row in connection.execute(wanted)]
    return sorted(found, key=lambda entry: (entry.at, entry.chain, entry.sequence), reverse=True)[:most]


def chain_names(engine: Engine) -> list[str]:
    """All chains there are."""
    with engine.connect() as connection:
        return sorted(connection.execute(select(LEDGER_HEAD.c.chain)).scalars())


def entries_after(
    engine: Engine, seen: dict[str, int], since: str, kinds: Sequence[str]
) -> Iterator[Entry]:
    """Entries of these kinds since a time that stand behind `seen` (chain → sequence), each chain in its order.

    `seen` is moved on to each chain's head, so that the next call reads what is new.
    """
    with engine.connect() as connection:
        heads = connection.execute(select(LEDGER_HEAD.c.chain, LEDGER_HEAD.c.sequence)).all()
        for chain, head in heads:
            last = seen.get(chain, 0)
            if head <= last:
                continue
            between = (LEDGER.c.chain == chain, LEDGER.c.sequence > last, LEDGER.c.sequence <= head)
            wanted = _ordered(select(LEDGER).where(*between, LEDGER.c.at >= since, LEDGER.c.kind.in_(kinds)))
            for row in connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(wanted):
                yield Entry(*row)
            seen[chain] = head


def _ordered(wanted: Select[tuple[object, ...]]) -> Select[tuple[object, ...]]:
    return wanted.order_by(LEDGER.c.sequence)


def _conditions(asked: Search) -> list[ColumnElement[bool]]:
    columns = LEDGER.c
    plain: list[tuple[object, ColumnElement[bool]]] = [
        (asked.since, columns.at >= asked.since),
        (asked.until, columns.at < asked.until),
        (asked.kinds, columns.kind.in_(asked.kinds)),
        (asked.session, columns.session == asked.session),
        (asked.chain, columns.chain == asked.chain),
    ]
    found = [condition for given, condition in plain if given]
    if asked.about:
        value = json.dumps(asked.about, ensure_ascii=False)
        found.append(or_(*(columns.data.contains(f'"{name}":{value}', autoescape=True) for name in _ABOUT)))
    if asked.before is not None:
        found.append(tuple_(columns.at, columns.chain, columns.sequence) < tuple_(*asked.before))
    return found
