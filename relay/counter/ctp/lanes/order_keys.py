"""Which order a client_order_key named first: an order insert sent twice by the terminal is sent once to the counter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal

KEY_BYTES_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """The order a key named first, as its terminal knows it; the lane may be another than that of the repetition."""

    front: int
    session: int
    order_ref: str


@dataclass(frozen=True, slots=True)
class _Named:
    content: bytes
    order: FirstOrder


def digest(method: str, body: bytes | bytearray) -> bytes:
    """What an order says: of two inserts with the same digest the second is a repetition."""
    return hashlib.blake2b(method.encode() + b"\0" + bytes(body), digest_size=16).digest()


class OrderKeys:
    """The keys of one trading day, by investor; bounded by the map of references, which has an entry for each."""

    def __init__(self) -> None:
        self._named: dict[tuple[str, str], _Named] = {}

    def first(self, investor_id: str, key: str, content: bytes) -> FirstOrder | Refusal | None:
        """The first order; None where the key is new; a refusal where it names something else."""
        if len(key.encode("utf-8", "surrogatepass")) > KEY_BYTES_MAX:
            return call_reasons.order_key_too_long(most=KEY_BYTES_MAX)
        named = self._named.get((investor_id, key))
        if named is None:
            return None
        return named.order if named.content == content else call_reasons.order_key_reused(key=key)

    def remember(self, entry: MapEntry) -> None:
        """This order has a key."""
        order = FirstOrder(entry.lane_front, entry.lane_session, entry.lane_ref)
        self._named[entry.investor_id, entry.order_key] = _Named(entry.content, order)

    def forget(self, investor_id: str, key: str) -> None:
        """The order was never sent."""
        self._named.pop((investor_id, key), None)

    def clear(self) -> None:
        self._named.clear()
