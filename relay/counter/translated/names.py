"""Which order of which terminal has which number at the counter: kept on disk before the order is sent.

The file is that of the CTP side (`counter.ctp.order_map`), an entry for each order: the terminal's FrontID, SessionID and
OrderRef, and as the counter's reference the number that goes with the order. So a relay that was killed between the entry
and the call knows after its restart whose an order is that a query shows, and a client_order_key is good for one order.
"""

from __future__ import annotations

import json

from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.order_keys import FirstOrder, digest
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.translated.values import SentName, Values
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal

_BLOCK = 1_000_000
_BLOCKS = 999
_NOT_CONTENT = ("OrderRef", "RequestID", "IPAddress", "MacAddress")
"""fields in which a repetition of an order may differ"""


class OrderNames:
    """Of one relay process."""

    def __init__(self, order_map: OrderMapFile, relay_number: int) -> None:
        self.front = virtual_front(relay_number)
        """the FrontID of this process's terminals"""
        self._map = order_map
        self._base = (relay_number % _BLOCKS) * _BLOCK
        self._last = 0
        self._by_number: dict[int, SentName] = {}
        self._elsewhere: dict[int, SentName] = {}
        """the same, of other processes' orders, where that was asked"""
        self._of_investor: dict[str, int] = {}

    def begin(self, trading_day: str) -> None:
        """Be at this day; idempotent. Raises OSError."""
        if trading_day == self._map.trading_day:
            return
        self._map.begin(trading_day)
        self._last, self._by_number, self._elsewhere, self._of_investor = 0, {}, {}, {}
        for entry in self._map.load():
            self._know(entry)

    @property
    def shared(self) -> OrdersInDatabase | None:
        """What the firm's relay processes share of their orders; None where there is only this one."""
        return self._map.shared

    @property
    def trading_day(self) -> str:
        return self._map.trading_day

    def first(self, investor_id: str, key: str, content: bytes) -> FirstOrder | Refusal | None:
        """The order a client_order_key named first, None where it is new in this process."""
        return self._map.order_keys.first(investor_id, key, content)

    def used_by(self, investor_id: str) -> int:
        """Orders of this investor today."""
        return self._of_investor.get(investor_id, 0)

    @property
    def used(self) -> int:
        """Orders of the relay today, those before a restart among them."""
        return len(self._by_number)

    def take(
        self, session: int, ref: int, investor_id: str, *, key: str = "", content: bytes = b""
    ) -> MapEntry | Refusal:
        """The entry of a new order; it is on disk. Raises OSError, and then nothing is kept."""
        if self._last + 1 >= _BLOCK:
            return call_reasons.day_limit_reached(most=_BLOCK - 1)
        self._last += 1
        number = self._base + self._last
        entry = MapEntry(
            RefSpace.ORDER, self.front, 0, number, 0, self.front, session, str(ref), 0, investor_id, key, content
        )
        self._map.append([entry])
        self._know(entry)
        return entry

    def give_back(self, entry: MapEntry) -> None:
        """It was never sent."""
        self._map.retract([entry])
        if self._by_number.pop(entry.counter_ref, None) is not None:
            self._of_investor[entry.investor_id] -= 1
        if entry.order_key:
            self._map.order_keys.forget(entry.investor_id, entry.order_key)

    def of_number(self, number: object) -> SentName | None:
        """Whose this number is; whatever the counter wrote there."""
        text = str(number).strip()
        if not text.isascii() or not text.isdecimal() or len(text) >= 10:
            return None
        return self._by_number.get(int(text)) or self._elsewhere.get(int(text))

    def sent_elsewhere(self, entry: MapEntry) -> None:
        """Another process of the firm sent this one."""
        self._elsewhere[entry.counter_ref] = name_of(entry)

    def _know(self, entry: MapEntry) -> None:
        if entry.counter_front == self.front:
            self._last = max(self._last, entry.counter_ref - self._base)
        self._by_number[entry.counter_ref] = name_of(entry)
        self._of_investor[entry.investor_id] = self.used_by(entry.investor_id) + 1


def name_of(entry: MapEntry) -> SentName:
    return SentName(entry.lane_front, entry.lane_session, entry.lane_ref, entry.counter_ref)


def read_key(text: object) -> SentName | None:
    """What `SentName.key` wrote; None for anything else."""
    parts = text.split(".") if isinstance(text, str) else []
    if len(parts) != 4 or not all(part.isascii() and part.isdecimal() and len(part) <= 12 for part in parts):
        return None
    front, session, ref, number = parts
    return SentName(int(front), int(session), ref, int(number))


def content_of(values: Values) -> bytes:
    """What an order says: of two with the same the second is a repetition."""
    said = {name: value for name, value in values.items() if name not in _NOT_CONTENT}
    return digest("ReqOrderInsert", json.dumps(said, sort_keys=True).encode())
