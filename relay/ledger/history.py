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

from sqlalchemy import ColumnElement, Engine, and_, or_, select, tuple_

from relay.database.schema import LEDGER
from relay.ledger.chain import Entry
from relay.ledger.reader import is_here

MOST_ON_A_PAGE = 500
_ABOUT = ("investor_id", "user_id", "terminal_app_id", "app_id", "public_ip", "place")
"""members of an entry's data that say whom it concerns"""


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
    wanted = select(LEDGER).where(is_here(LEDGER), *_conditions(asked))
    if after is not None:
        before = tuple_(LEDGER.c.at, LEDGER.c.chain, LEDGER.c.sequence) < (after.at, after.chain, after.sequence)
        wanted = wanted.where(LEDGER.c.at <= after.at, before)
    newest = wanted.order_by(LEDGER.c.at.desc(), LEDGER.c.chain.desc(), LEDGER.c.sequence.desc()).limit(most + 1)
    with engine.connect() as connection:
        found = [Entry(*row) for row in connection.execute(newest)]
    if len(found) <= most:
        return found, None
    last = found[most - 1]
    return found[:most], PageTurn(last.at, last.chain, last.sequence)


def entry(engine: Engine, chain: str, sequence: int) -> Entry | None:
    """One entry."""
    wanted = select(LEDGER).where(LEDGER.c.chain == chain, LEDGER.c.sequence == sequence, is_here(LEDGER))
    with engine.connect() as connection:
        row = connection.execute(wanted).one_or_none()
    return Entry(*row) if row is not None else None


def _conditions(asked: HistoryAsked) -> list[ColumnElement[bool]]:
    in_time = [LEDGER.c.at >= asked.since]
    if asked.until:
        in_time.append(LEDGER.c.at < asked.until)
    conditions = list(in_time)
    if asked.session:
        conditions.append(LEDGER.c.session == asked.session)
    if asked.chain:
        conditions.append(LEDGER.c.chain == asked.chain)
    if asked.kinds:
        conditions.append(LEDGER.c.kind.in_(asked.kinds))
    for names, value in ((("investor_id",), asked.investor_id), (("app_id",), asked.app_id), (_ABOUT, asked.about)):
        if value:
            conditions.append(_names(names, value, in_time))
    return conditions


def _names(names: Sequence[str], value: str, in_time: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    pieces = [f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=False)}" for name in names]
    named = or_(*(LEDGER.c.data.contains(piece, autoescape=True) for piece in pieces))
    sessions = select(LEDGER.c.session).where(*in_time, named, LEDGER.c.session != "")
    return or_(named, and_(LEDGER.c.session != "", LEDGER.c.session.in_(sessions)))
