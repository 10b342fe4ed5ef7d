"""Answers that are the same for everybody all trading day: asked once, given to every terminal.

Equal questions asked while the first is still being answered join it: they get the rows so far, then the rest.
An answer without rows (CTP fact 61) is not kept: before the day's start the counter has none yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ctpabi.catalog import Callback, Catalog, Kind, Method, Struct
from ctpabi.codec.cells import text_cell

Key = tuple[str, bytes]
A = TypeVar("A", bound=Hashable)
"""what names who asked"""


@dataclass(frozen=True, slots=True)
class Row:
    """One callback of an answer."""

    callback: Callback
    body: bytes | None
    is_last: bool


@dataclass(slots=True)
class _Question(Generic[A]):
    rows: list[Row] = field(default_factory=list)
    size: int = 0
    askers: list[A] = field(default_factory=list)


class QueryCache(Generic[A]):
    """The public answers of one trading day; bounded by bytes, the least recently asked is forgotten first."""

    def __init__(self, catalog: Catalog, *, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._structs = {m.name: catalog.structs[m.struct] for m in catalog.requests}
        self._most = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[Key, tuple[tuple[Row, ...], int]] = OrderedDict()
        """with their size: counting it anew would hold up everybody, for an answer of thousands of rows"""
        self._open: dict[Key, _Question[A]] = {}

    def key(self, method: Method, body: bytes | bytearray) -> Key:
        """What is asked: the request without the rubbish behind its texts' NULs and between its fields."""
        return method.name, _normal(self._structs[method.name], body)

    def ask(self, key: Key, asker: A, *, fresh: bool = False) -> tuple[Row, ...] | None:
        """What there is already; an asker that joins an open question gets the coming rows too.

        None: the asker is the first and its query is to be sent. `fresh` wants no earlier answer.
        """
        known = self._answers.get(key)
        if known is not None and not fresh:
            self._answers.move_to_end(key)
            return known[0]
        question = self._open.get(key)
        if question is not None:
            question.askers.append(asker)
            return tuple(question.rows)
        self._open[key] = _Question(askers=[asker])
        return None

    def answered(self, key: Key, row: Row, *, error_id: int = 0) -> tuple[A, ...]:
        """An answer to a query that was sent; returns who gets it. An error answers everybody and is not kept."""
        question = self._open.get(key)
        if question is None:
            return ()
        question.rows.append(row)
        question.size += _size(row)
        askers = tuple(question.askers)
        if error_id or row.is_last:
            del self._open[key]
            if not error_id and any(one.body is not None for one in question.rows):
                self._keep(key, tuple(question.rows), question.size)
        return askers

    def abandon(self, key: Key) -> tuple[A, ...]:
        """The query will not be answered; returns everybody who waited and must be told."""
        question = self._open.pop(key, None)
        return tuple(question.askers) if question is not None else ()

    def forget(self) -> None:
        """The counter session logged in (again): the counter may have been restarted, and its data with it."""
        self._answers.clear()
        self._bytes = 0

    def _keep(self, key: Key, rows: tuple[Row, ...], size: int) -> None:
        _, before = self._answers.pop(key, ((), 0))
        self._bytes -= before
        if size > self._most:
            return
        self._answers[key] = rows, size
        self._bytes += size
        while self._bytes > self._most:
            _, (_, freed) = self._answers.popitem(last=False)
            self._bytes -= freed


def _size(row: Row) -> int:
    return len(row.body or b"") + 100


def _normal(struct: Struct, body: bytes | bytearray) -> bytes:
    clean = bytearray(struct.size)
    for item in struct.fields:
        cell = text_cell(struct, item.name) if item.kind is Kind.TEXT else None
        if cell is not None:
            text = cell.read(body)
            clean[cell.start : cell.start + len(text)] = text
        else:
            clean[item.offset : item.offset + item.size] = body[item.offset : item.offset + item.size]
    return bytes(clean)
