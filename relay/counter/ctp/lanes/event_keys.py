"""What an event of the counter's is found by: read once, in one go, and asked for by everything after."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ctpabi.codec.cells import TextCell, texts_and_numbers
from ctpabi.native.events import NativeEvents
from relay.counter.ctp.lanes.refs import RefPlaces, parse_ref


class EventKeys(NamedTuple):
    """Empty, or 0, where the struct has no such field."""

    exchange: bytes
    number: bytes
    """OrderSysID, or what the struct has in its place"""
    trader: bytes
    local: bytes
    """the number on the way to the exchange"""
    investor: bytes
    broker: bytes
    ref_text: bytes
    ref_number: int
    front: int
    session: int

    @property
    def ref(self) -> int | None:
        """The reference as a number; None where it is none."""
        return parse_ref(self.ref_text) if self.ref_text else self.ref_number


NO_KEYS = EventKeys(b"", b"", b"", b"", b"", b"", b"", 0, 0, 0)
"""of a struct without references: what it has is to be read from itself"""


def keys_reader(places: RefPlaces, native: NativeEvents | None = None) -> Callable[[bytes], EventKeys]:
    """What reads the keys of one struct."""
    text, number = (places.ref, None) if isinstance(places.ref, TextCell) else (None, places.ref)
    return texts_and_numbers(
        EventKeys,
        (places.exchange, places.system_id, places.trader, places.local_id, places.investor, places.broker, text),
        (number, places.front, places.session),
        native,
    )
