"""A tick as it goes to every terminal: framed once as an entry of a MarketDataBatch, so that a write is a joining of bytes."""

from __future__ import annotations

from typing import NamedTuple

from ctprelay.v1.market_pb2 import MarketDataBatch, MarketDataMessage, PassedOver
from ctprelay.wire_format import LENGTH, delimited, tag, unsigned, varint
from relay.counter.market_port import FeedItem, FeedKind

_NUMBERS = {field.name: field.number for field in MarketDataMessage.DESCRIPTOR.fields}
_DEPTH, _SNAPSHOT, _QUOTE_REQUEST = (tag(_NUMBERS[name], LENGTH) for name in ("depth", "snapshot", "quote_request"))
_ENTRY = tag(MarketDataBatch.MESSAGES_FIELD_NUMBER, LENGTH)
_QUOTE = "\0"
"""begins the key of a request for a quote; no instrument's name has it"""


class MarketTick(NamedTuple):
    """One depth, or one request for a quote."""

    key: str
    """a later tick of the same key makes this one old"""
    entry: bytes
    """the batch's entry"""
    wire: bytes
    """the struct's message alone"""


def tick_of(item: FeedItem) -> MarketTick:
    """Encode for all."""
    if item.kind is FeedKind.DEPTH:
        return MarketTick(item.instrument_id, _framed(_DEPTH, item.wire), item.wire)
    return MarketTick(_QUOTE + item.instrument_id, _framed(_QUOTE_REQUEST, item.wire), item.wire)


def snapshot_of(tick: MarketTick) -> MarketTick:
    """The same depth as what was known when an instrument was subscribed."""
    return MarketTick(tick.key, _framed(_SNAPSHOT, tick.wire), tick.wire)


def key_of(kind: FeedKind, instrument_id: str) -> str:
    """By which ticks of it wait."""
    return instrument_id if kind is FeedKind.DEPTH else _QUOTE + instrument_id


def passed_over_entry(key: str, count: int) -> bytes:
    """The batch's entry that says how many depths were left out; nothing for requests for quotes."""
    if key.startswith(_QUOTE):
        return b""
    content = delimited(PassedOver.INSTRUMENT_ID_FIELD_NUMBER, key.encode())
    content += unsigned(PassedOver.COUNT_FIELD_NUMBER, count)
    return delimited(MarketDataBatch.PASSED_OVER_FIELD_NUMBER, content)


def _framed(key: bytes, wire: bytes) -> bytes:
    length = varint(len(wire))
    return b"".join((_ENTRY, varint(len(key) + len(length) + len(wire)), key, length, wire))
