"""Struct bytes for the tests of the trading rules, by CTP's names."""

from __future__ import annotations

import dataclasses
from typing import Any

from ctpabi.catalog import Callback, Catalog, Field, Kind, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec.layout import get, pack
from relay.counter.ctp.delivery.repetitions import NoticeNames
from relay.counter.ctp.identity.ownership import OwnershipTable
from relay.counter.ctp.identity.scope import Identity, ScopeTable, authorize
from relay.counter.ctp.lanes.event_keys import EventKeys
from relay.counter.ctp.lanes.lane import Lane
from relay.counter.ctp.lanes.lane_places import lane_places
from relay.counter.ctp.lanes.lanes import Lanes
from relay.refusals.refusal import Refusal

CATALOG = load_catalog()
SCOPES = ScopeTable(CATALOG)
OWNERSHIP = OwnershipTable(CATALOG)
BROKER = "9999"
PLACES = lane_places(CATALOG)
NAMES = NoticeNames(CATALOG)
_LANES = Lanes(PLACES, OWNERSHIP)


def with_report_of_mac() -> Catalog:
    """A catalog whose ordinary report ends with MAC, as CTP 6.7.13's does."""
    plain = CATALOG.structs["UserSystemInfo"]
    mac = Field("MAC", "mac", Kind.TEXT, plain.size, 41, "MacAddress", "", "MAC地址")
    longer = dataclasses.replace(plain, size=plain.size + mac.size, fields=(*plain.fields, mac))
    return dataclasses.replace(CATALOG, structs={**CATALOG.structs, "UserSystemInfo": longer})


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


def keys_of(callback: Callback, data: bytes) -> EventKeys:
    """What an event is found by, as its stations get it."""
    return _LANES.keys(callback, data)


def show(lanes: Lanes, callback: Callback, data: bytes) -> bytes:
    """What any lane sees of an event."""
    return lanes.show(lanes.read(callback, data))


def incoming(lanes: Lanes, callback: Callback, data: bytes) -> list[tuple[Lane, bytes]]:
    """The lanes that may see a notice, and what they see."""
    read_event = lanes.read(callback, data)
    seen = lanes.show(read_event)
    return [(lane, seen) for lane in lanes.receivers(read_event, OWNERSHIP.owner(callback, data))]


def authorized(name: str, identity: Identity, data: bytearray) -> Refusal | None:
    """Write the identity into the request called `name`, by its rule."""
    rule = SCOPES.rule(method(name))
    return rule if isinstance(rule, Refusal) else authorize(rule, identity, data)
