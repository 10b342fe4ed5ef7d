"""Part of the ledger, newest entries first, a page at a time: of one investor, app id, session, kind, or time.

An entry is stored as the text that was hashed, `{"app_id":"…","investor_id":"…"}` without spaces, so an entry that names an
investor is found by this piece of text, on every database alike. What a session's other entries name does not matter: all of a
session's entries belong to whom one of them names. Every question has a time since which it looks (the index `ledger_at`), so
its work is bounded by how much happened since then, and a page by its rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, and_, or_, select, tuple_

from relay.database.schema import LEDGER, LEDGER_ORDER
from relay.ledger.chain import Entry
from relay.ledger.reader import is_here, table_of

MOST_ON_A_PAGE = 500
_ABOUT = ("investor_id", "user_id", "terminal_app_id", "app_id", "public_ip", "place")
"""members of an entry's data that say whom it concerns"""
ORDER_KINDS = "order_", "orders_"
"""how kinds of the orders' stream begin"""


@dataclass(frozen=True, slots=True)
class HistoryAsked:
    """What is looked for; an empty text is no condition. Times are ISO texts in UTC+8, or days: 2026-01-05."""

    since: str
    until: str = ""
    investor_id: str = ""
    app_id: str = ""
    about: str = ""
    """an investor, an app id or an address, whichever it is"""
    session: str = ""
    chain: str = ""
    kinds: Sequence[str] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """Where it stands: orders have a table of their own, and there are many; they are looked through where they are meant."""
        if self.chain:
            return (table_of(self.chain),)
        if self.kinds:
            are_orders = [kind.startswith(ORDER_KINDS) for kind in self.kinds]
            return tuple(compress((LEDGER_ORDER, LEDGER), (any(are_orders), not all(are_orders))))
        return (LEDGER, LEDGER_ORDER) if self.session else (LEDGER,)


@dataclass(frozen=True, slots=True)
class PageTurn:
    """Where a page ended; the next one goes on from there."""

    at: str
    chain: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.at}~{self.sequence}~{self.chain}"


def turn_of(text: str) -> PageTurn | None:
    """Read back what `str` of a turn wrote; None for anything else."""
    at, _, rest = text.partition("~")
    sequence, _, chain = rest.partition("~")
    if not at or not chain or not sequence.isascii() or not sequence.isdigit() or len(sequence) > 18:
        return None
    return PageTurn(at, chain, int(sequence))


def page(
    engine: Engine, asked: HistoryAsked, *, after: PageTurn | None = None, most: int = 100
) -> tuple[list[Entry], PageTurn | None]:
    """Up to `most` entries, newest first, and where to go on; None where there are no more."""
    most = max(1, min(most, MOST_ON_A_PAGE))
    with engine.connect() as connection:
        found = [
            Entry(*row)
            for table in asked.tables
            for row in connection.execute(_newest(table, asked, after).limit(most + 1))
        ]
    found.sort(key=lambda one: (one.at, one.chain, one.sequence), reverse=True)
    if len(found) <= most:
        return found, None
    last = found[most - 1]
    return found[:most], PageTurn(last.at, last.chain, last.sequence)


def entry(engine: Engine, chain: str, sequence: int) -> Entry | None:
    """One entry."""
    table = table_of(chain)
    wanted = select(table).where(table.c.chain == chain, table.c.sequence == sequence, is_here(table))
    with engine.connect() as connection:
        row = connection.execute(wanted).one_or_none()
    return Entry(*row) if row is not None else None


def _newest(table: Table, asked: HistoryAsked, after: PageTurn | None) -> Select[Any]:
    wanted = select(table).where(is_here(table), *_conditions(table, asked))
    if after is not None:
        before = tuple_(table.c.at, table.c.chain, table.c.sequence) < (after.at, after.chain, after.sequence)
        wanted = wanted.where(table.c.at <= after.at, before)
    return wanted.order_by(table.c.at.desc(), table.c.chain.desc(), table.c.sequence.desc())


def _conditions(table: Table, asked: HistoryAsked) -> list[ColumnElement[bool]]:
    in_time = [table.c.at >= asked.since]
    if asked.until:
        in_time.append(table.c.at < asked.until)
    conditions = list(in_time)
    if asked.session:
        conditions.append(table.c.session == asked.session)
    if asked.chain:
        conditions.append(table.c.chain == asked.chain)
    if asked.kinds:
        conditions.append(table.c.kind.in_(asked.kinds))
    for names, value in ((("investor_id",), asked.investor_id), (("app_id",), asked.app_id), (_ABOUT, asked.about)):
        if value:
            conditions.append(_names(table, names, value, in_time))
    return conditions


def _names(table: Table, names: Sequence[str], value: str, in_time: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    pieces = [f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=False)}" for name in names]
    named = or_(*(table.c.data.contains(piece, autoescape=True) for piece in pieces))
    if table is LEDGER_ORDER:  # each of its entries names the investor and the app id
        return named
    sessions = select(table.c.session).where(*in_time, named, table.c.session != "")
    return or_(named, and_(table.c.session != "", table.c.session.in_(sessions)))
