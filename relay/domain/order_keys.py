"""Which order a client_order_key named first: an order insert sent twice by the terminal is sent once to the counter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from relay.domain import call_reasons
from relay.errors import Refusal

KEY_BYTES_MAX = 64


@dataclass(frozen=True, slots=True)
class _First:
    content: bytes
    order_ref: str


def digest(method: str, body: bytes | bytearray) -> bytes:
    """What an order says: of two inserts with the same digest the second is a repetition."""
    return hashlib.blake2b(method.encode() + b"\0" + bytes(body), digest_size=16).digest()


class OrderKeys:
    """The keys of one trading day, by investor; bounded by the map of references, which has an entry for each."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], _First] = {}

    def first(self, investor_id: str, key: str, content: bytes) -> str | Refusal | None:
        """The first order's reference; None where the key is new; a refusal where it names something else."""
        if len(key.encode("utf-8", "surrogatepass")) > KEY_BYTES_MAX:
            return call_reasons.order_key_too_long(KEY_BYTES_MAX)
        first = self._first.get((investor_id, key))
        if first is None:
            return None
        return first.order_ref if first.content == content else call_reasons.order_key_reused(key)

    def remember(self, investor_id: str, key: str, content: bytes, order_ref: str) -> None:
        self._first[investor_id, key] = _First(content, order_ref)

    def forget(self, investor_id: str, key: str) -> None:
        """The order was never sent."""
        self._first.pop((investor_id, key), None)

    def clear(self) -> None:
        self._first.clear()
