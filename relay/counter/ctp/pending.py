"""Which answer belongs to which terminal's request, by the request id the counter echoes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ctpabi.catalog import Method
from ctpabi.facts.requests import known_requests
from relay.counter.ctp.link import CtpLink
from relay.domain.query_cache import Key
from relay.domain.ref_map import MapEntry
from relay.domain.refs import RefSpace

_LIMIT = 100_000
_AtCounter = tuple[RefSpace, int, int, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a terminal on its way."""

    link: CtpLink
    method: Method
    request_id: int
    """the terminal's own; 0 for what the relay asks by itself"""
    cache_key: Key | None = None
    """of a public query: whoever asked the same gets the answer too"""
    new_password: str = field(default="", repr=False)
    """of a password change: what the relay logs in with once the counter has accepted it"""
    done: asyncio.Future[int] | None = None
    """of what the relay asks by itself: the answer's ErrorID"""


class Pending:
    """The requests of one counter session that may still be answered.

    An accepted order is never answered by OnRspOrderInsert, so entries cannot simply wait for their answer: the
    oldest are forgotten beyond a limit no living question reaches.
    """

    def __init__(self) -> None:
        self._asked: OrderedDict[int, Asked] = OrderedDict()
        self._of_order: dict[_AtCounter, int] = {}
        self._settled: set[int] = set()
        """requests nobody waits for an answer to: what silence answers, and orders and transfers whose notices have come"""

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, counter_request_id: int, asked: Asked, orders: Iterable[MapEntry] = ()) -> None:
        """`orders` are what an insert sends; their notices are its answer, as a cancel's is the order's."""
        self._asked[counter_request_id] = asked
        for entry in orders:
            self._of_order[_at_counter(entry)] = counter_request_id
        if known_requests()[asked.method.name].by_silence:
            self._settled.add(counter_request_id)
        if len(self._asked) > _LIMIT:
            oldest, _ = self._asked.popitem(last=False)
            self._settled.discard(oldest)

    def noticed(self, entry: MapEntry) -> None:
        """The counter has this order: its insert waits no longer, though an error may still answer it."""
        request_id = self._of_order.pop(_at_counter(entry), None)
        if request_id is not None and request_id in self._asked:
            self._settled.add(request_id)

    def answered(self, counter_request_id: int, *, is_last: bool) -> Asked | None:
        """Whose answer this is; forgotten with the last one."""
        asked = self._asked.get(counter_request_id)
        if asked is not None and is_last:
            self._drop(counter_request_id)
        return asked

    def forget(self, link: CtpLink) -> None:
        """The terminal is gone: its answers go to nobody. Public queries go on, others may wait for them too."""
        for request_id in [key for key, asked in self._asked.items() if asked.link is link and not asked.cache_key]:
            self._drop(request_id)

    def drain(self) -> list[Asked]:
        """Everything that still waits; the counter session is lost and none of it will be answered."""
        waiting = [asked for request_id, asked in self._asked.items() if request_id not in self._settled]
        for table in (self._asked, self._of_order, self._settled):
            table.clear()
        return waiting

    def _drop(self, request_id: int) -> None:
        del self._asked[request_id]
        self._settled.discard(request_id)


def _at_counter(entry: MapEntry) -> _AtCounter:
    return entry.space, entry.counter_front, entry.counter_session, entry.counter_ref
