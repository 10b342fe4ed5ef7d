"""Struct bytes for the tests of the trading rules, by CTP's names."""

from __future__ import annotations

from typing import Any

from ctpabi.catalog import Callback, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec.layout import get, pack
from relay.domain.ownership import OwnershipTable
from relay.domain.scope import Identity, ScopeTable

CATALOG = load_catalog()
SCOPES = ScopeTable(CATALOG)
OWNERSHIP = OwnershipTable(CATALOG)
BROKER = "9999"


def method(name: str) -> Method:
    return CATALOG.methods[name]


def callback(name: str) -> Callback:
    return CATALOG.callbacks[name]


def body(struct: str, **fields: Any) -> bytearray:
    return bytearray(pack(CATALOG.structs[struct], fields))


def request(name: str, **fields: Any) -> bytearray:
    """The body of the request called `name`."""
    return body(method(name).struct, **fields)


def event(name: str, **fields: Any) -> bytes:
    """The body of the callback called `name`."""
    return bytes(body(callback(name).struct, **fields))


def read(struct: str, data: bytes | bytearray, *names: str) -> Any:
    """One field's value, or a tuple of several."""
    values = tuple(get(CATALOG.structs[struct], data, name) for name in names)
    return values[0] if len(values) == 1 else values


def investor(investor_id: str, *accounts: str, operator: str = "op01") -> Identity:
    """An investor of a shared session; of its own session with operator=""."""
    return Identity(
        BROKER,
        investor_id,
        operator_id=operator,
        accounts=frozenset(accounts or {investor_id}),
        public_ip="198.51.100.7",
        mac_address="0a1b2c3d4e5f",
    )
