"""What an event of the counter's is found by: read once, in one go, and asked for by everything after."""

from __future__ import annotations

from typing import Final

from ctpabi.codec.cells import TextCell, texts_and_numbers
from ctpabi.native.events import NativeEvents
from relay.counter.ctp.identity.spelling import number_key
from relay.counter.ctp.lanes.refs import RefPlaces, parse_ref

_Values = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, int, int, int]


class EventKeys:
    """Empty, or 0, where the struct has no such field. Never changed."""

    __slots__ = (
        "broker",
        "exchange",
        "front",
        "investor",
        "local",
        "number",
        "plain_number",
        "ref",
        "ref_text",
        "session",
        "trader",
    )

    def __init__(self, values: _Values) -> None:
        """`values` are in the order in which they are named here."""
        exchange, number, trader, local, investor, broker, ref_text, ref_number, front, session = values
        self.exchange = exchange
        self.number = number
        """OrderSysID, or what the struct has in its place"""
        self.plain_number = number_key(number) if number else b""
        """see `number_key`"""
        self.trader = trader
        self.local = local
        """the number on the way to the exchange"""
        self.investor = investor
        self.broker = broker
        self.ref_text = ref_text
        self.ref = parse_ref(ref_text) if ref_text else ref_number
        """the reference as a number; None where it is none"""
        self.front = front
        self.session = session


NO_KEYS: Final = EventKeys((b"", b"", b"", b"", b"", b"", b"", 0, 0, 0))
"""of a struct without references: what it has is to be read from itself"""


class KeysReader:
    """What reads the keys of one struct."""

    def __init__(self, places: RefPlaces, native: NativeEvents | None = None) -> None:
        text, number = (places.ref, None) if isinstance(places.ref, TextCell) else (None, places.ref)
        texts = places.exchange, places.system_id, places.trader, places.local_id, places.investor, places.broker, text
        self._read = texts_and_numbers(tuple, texts, (number, places.front, places.session), native)

    def read(self, body: bytes) -> EventKeys:
        return EventKeys(self._read(body))
