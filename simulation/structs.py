"""The counter's structs and callbacks by CTP's names, and how an order is recognized on its whole way.

Every order of a run has a number of its own, its tag, which stands where no one on the way may change it: in LimitPrice,
of a trade in Price, of a cancel in the LimitPrice of the order it names.
"""

from __future__ import annotations

from typing import Any

from ctpabi.api.spi import RawEvent
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from relay.counter.ctp.identity.ownership import OwnershipTable
from relay.counter.ctp.identity.scope import ScopeTable

CATALOG = load_catalog()
OWNERSHIP = OwnershipTable(CATALOG)
SCOPES = ScopeTable(CATALOG)
BROKER = "9999"
OPERATOR = "op01"
EXCHANGE = "SHFE"
_NO_ERROR = bytes(CATALOG.structs["RspInfo"].size)


def read(struct: str, body: bytes | bytearray, *names: str) -> Any:
    """One field, or a tuple of several."""
    values = tuple(layout.get(CATALOG.structs[struct], body, name) for name in names)
    return values[0] if len(values) == 1 else values


def said(name: str, body: bytes | None = None, **facts: Any) -> RawEvent:
    """A callback without an answer's error."""
    return RawEvent(CATALOG.callbacks[name], body, None, **facts)


def answered(name: str, request_id: int, body: bytes | None, error_id: int = 0, *, is_last: bool = True) -> RawEvent:
    """An OnRsp… or OnErrRtn…"""
    error = layout.pack(CATALOG.structs["RspInfo"], {"ErrorID": error_id, "ErrorMsg": "no"}) if error_id else _NO_ERROR
    return RawEvent(CATALOG.callbacks[name], body, error, request_id, is_last)


def packed(struct: str, **fields: Any) -> bytes:
    """A struct's bytes."""
    return layout.pack(CATALOG.structs[struct], fields)


def changed(struct: str, body: bytes | bytearray, **fields: Any) -> bytes:
    """The same struct with other fields."""
    data = bytearray(body)
    for name, value in fields.items():
        layout.put(CATALOG.structs[struct], data, name, value)
    return bytes(data)
