"""Which trading codes (ClientID) and units (InvestUnitID) are an investor's, as the counter says.

In a session that investors share a request may name only its investor's own. An empty field stays empty.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ctpabi.catalog import Callback, Catalog
from ctpabi.codec.cells import TextCell, text_cell, text_cells
from relay.counter.ctp.identity.scope_table import SCOPES, Scope
from relay.counter.ctp.identity.spelling import number_key
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal

_QUESTIONS = {"ClientID": "ReqQryTradingCode", "InvestUnitID": "ReqQryInvestUnit"}
"""field -> the query whose unfiltered answer names all of an investor's"""
_SAY_NOT_WHOSE = frozenset({Scope.SESSION, Scope.PUBLIC, Scope.MARKET})


@dataclass(slots=True)
class _CodesOfOne:
    """What is known of one investor."""

    values: dict[tuple[str, bytes], bytes] = dataclasses.field(default_factory=dict)
    """by field and `number_key`: as the counter writes it"""
    answered: set[str] = dataclasses.field(default_factory=set)
    """the queries that were answered whole"""


class KnownCodes:
    """The codes of the investors of one counter session, for one trading day."""

    def __init__(self, catalog: Catalog) -> None:
        self._named = {
            method.name: tuple(
                (name, cell)
                for name in _QUESTIONS
                if (cell := text_cell(catalog.structs[method.struct], name)) is not None
            )
            for method in catalog.requests
            if SCOPES.get(method.name) not in _SAY_NOT_WHOSE
        }
        self._taught: dict[str, tuple[TextCell, tuple[tuple[str, TextCell], ...]]] = {}
        for question in _QUESTIONS.values():
            callback = catalog.callbacks["OnRsp" + question[3:]]
            struct = catalog.structs[callback.struct]
            (investor,) = text_cells(struct, "InvestorID")
            cells = tuple((name, cell) for name in _QUESTIONS if (cell := text_cell(struct, name)) is not None)
            self._taught[callback.name] = investor, cells
        self.start_day()

    def start_day(self) -> None:
        """A new trading day: codes are opened and closed between two."""
        self._of: dict[bytes, _CodesOfOne] = {}

    def learn(self, callback: Callback, body: bytes | None) -> None:
        """A row of an answer."""
        taught = self._taught.get(callback.name)
        if taught is None or body is None:
            return
        investor, cells = taught
        values = self._one(investor.read(body)).values
        for name, cell in cells:
            if key := number_key(cell.read(body)):
                values[name, key] = cell.read(body)

    def answered(self, investor: bytes, question: str) -> None:
        """All rows of the unfiltered query have come."""
        self._one(investor).answered.add(question)

    def questions(self, name: str, investor: bytes, body: bytes | bytearray) -> list[str]:
        """The queries that would say whether what the request called `name` names is this investor's."""
        written = self._written(name, body)
        if not written:
            return []
        known = self._of.get(investor) or _CodesOfOne()
        return [
            _QUESTIONS[field]
            for field, cell in written
            if (key := number_key(cell.read(body)))
            and (field, key) not in known.values
            and _QUESTIONS[field] not in known.answered
        ]

    def _written(self, name: str, body: bytes | bytearray) -> list[tuple[str, TextCell]]:
        """The fields of codes that are not empty; none nearly always."""
        return [named for named in self._named.get(name, ()) if body[named[1].start]]

    def confine(self, name: str, investor: bytes, body: bytearray, *, is_cancel: bool) -> Refusal | None:
        """Refuse what is not known to be this investor's; write the rest as the counter does.

        In a cancel, which names its order by more than that, what nothing is known of is left out instead.
        """
        for field, cell in self._written(name, body):
            written = cell.read(body)
            known = self._of.get(investor) or _CodesOfOne()
            key = number_key(written)
            own = known.values.get((field, key)) if key else b""
            if own is None and _QUESTIONS[field] in known.answered:
                return call_reasons.not_your_trading_code(field=field)
            if own is None and not is_cancel:
                return call_reasons.trading_codes_unknown(field=field)
            if own != written:
                cell.write(body, own or b"")
        return None

    def _one(self, investor: bytes) -> _CodesOfOne:
        return self._of.setdefault(investor, _CodesOfOne())
