"""Which rows a query gets: selected by what the request names, and plausible ones for families without rules of their own."""

from __future__ import annotations

from collections.abc import Iterable

from ctpabi.catalog import Kind, Struct
from simcounter.session import Values

_FILTERS = (
    "ExchangeID", "InstrumentID", "ProductID", "ExchangeInstID", "OrderSysID", "TradeID",
    "BankID", "CurrencyID", "FrontID", "SessionID",
)  # fmt: skip
"""request fields that select rows, where the row has the field too"""
_DEFAULTS = {
    "ExchangeID": "SHFE",
    "InstrumentID": "rb2701",
    "ProductID": "rb",
    "ProductGroupID": "rb",
    "CurrencyID": "CNY",
    "HedgeFlag": "1",
    "InvestorRange": "1",
    "BizType": "1",
}
_HAPPENINGS = ("SysID", "LocalID", "OrderRef", "QuoteRef", "ActionRef", "TradeID", "OrderID", "SequenceNo")
"""a struct with a field like these records something that happened; without, it states a parameter"""


def matching(rows: Iterable[Values], request: Values) -> list[Values]:
    """The rows that have everything the request asks for; an empty request field asks for nothing."""
    wanted = {name: request[name] for name in _FILTERS if request.get(name)}
    return [row for row in rows if all(_same(row[name], value) for name, value in wanted.items() if name in row)]


def _same(held: object, wanted: object) -> bool:
    if isinstance(held, str) and isinstance(wanted, str):
        return held.strip() == wanted.strip()
    return held == wanted


def plausible_row(struct: Struct, request: Values, identity: Values) -> Values | None:
    """One row for a family without rules of its own; None where only something that happened would be a row."""
    if any(field.name.endswith(_HAPPENINGS) for field in struct.fields):
        return None
    known = {field.name: field for field in struct.fields}
    asked = {name: value for name, value in request.items() if value not in {"", 0}}
    row = {name: value for name, value in {**_DEFAULTS, **asked, **identity}.items() if name in known}
    return {name: value for name, value in row.items() if known[name].kind is not Kind.DOUBLE}
