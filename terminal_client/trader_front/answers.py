"""Which callback answers what: request ids here and on the wire, refusals as CTP gives them, the private topic.

A program may use a request id twice, or none; on the wire an id is in use once. So each call has an entry, by its id on
the wire, until its last answer has come. What CTP answers with notices alone keeps a bounded memory, for a late refusal.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Callback, Method, Shape
from ctpabi.facts.errors import NEVER_ANSWERED
from ctpabi.facts.requests import known_requests
from ctpabi.facts.return_codes import REQUEST_CODES
from ctprelay.ctp.v1 import events_pb2
from terminal_client.dispatch import SendOutcome
from terminal_client.errors import Refusal
from terminal_client.trader_front import records
from terminal_client.trader_front.error_ids import error_id_of, error_text_of

_MOST_BY_NOTICES = 10_000
_FIRST_OWN_ID, _LAST_ID = 1 << 30, (1 << 31) - 1
_PUBLIC = frozenset({"OnRtnInstrumentStatus", "OnRtnBulletin"})
_NOTICES = frozenset({Shape.NOTICE, Shape.ERROR_NOTICE})
_NAMES_OF_A_SESSION = frozenset({"RequestID", "FrontID", "SessionID", "SequenceNo"})
_UNCERTAIN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """One request under way."""

    method: Method
    body: bytes
    request_id: int
    """the program's"""


class CallBook:
    """The requests of one session under way."""

    def __init__(self) -> None:
        self._calls: dict[int, ProgramCall] = {}
        self._by_notices: OrderedDict[int, ProgramCall] = OrderedDict()
        self._last_own_id = _FIRST_OWN_ID

    def __len__(self) -> int:
        """How many requests are unanswered; those that CTP answers with notices are not counted once they are sent."""
        return len(self._calls)

    def open_call(self, method: Method, body: bytes, request_id: int) -> int:
        """A new entry; its id on the wire, the program's own where that is free."""
        wire_id = request_id if 0 < request_id < _FIRST_OWN_ID and not self._known(request_id) else self._own_id()
        self._calls[wire_id] = ProgramCall(method, body, request_id)
        return wire_id

    def _known(self, wire_id: int) -> bool:
        return wire_id in self._calls or wire_id in self._by_notices

    def _own_id(self) -> int:
        while True:
            self._last_own_id = self._last_own_id + 1 if self._last_own_id < _LAST_ID else _FIRST_OWN_ID
            if not self._known(self._last_own_id):
                return self._last_own_id

    def method_of(self, wire_id: int) -> Method | None:
        """The request of an entry that is unanswered."""
        call = self._calls.get(wire_id)
        return None if call is None else call.method

    def sent(self, outcome: SendOutcome) -> list[RawEvent]:
        """The relay said whether a request was sent; the callbacks where it was not."""
        call = self._calls.get(outcome.request_id)
        if call is None:
            return []
        if outcome.refusal is not None:
            del self._calls[outcome.request_id]
            return refused(call, outcome.refusal)
        if outcome.return_code:
            del self._calls[outcome.request_id]
            return refused(call, _not_sent(outcome.return_code))
        if known_requests()[call.method.name].by_notices:
            self._keep_by_notices(outcome.request_id)
        return []

    def _keep_by_notices(self, wire_id: int) -> None:
        self._by_notices[wire_id] = self._calls.pop(wire_id)
        if len(self._by_notices) > _MOST_BY_NOTICES:
            self._by_notices.popitem(last=False)

    def event(self, event: events_pb2.Event) -> RawEvent | None:
        """The callback of an event, with the program's request id."""
        wire_id = event.request_id
        call = self._calls.get(wire_id) or self._by_notices.get(wire_id)
        found = records.event_of(event, wire_id if call is None else call.request_id)
        if call is not None and found is not None and event.is_last and found.callback.shape not in _NOTICES:
            self._calls.pop(wire_id, None)
        return found

    def lost(self, why: str) -> Iterator[RawEvent]:
        """The stream broke and what was under way will not be answered: the callbacks that say so.

        A query is refused, so that it can be asked again. What may have been carried out is not: its notices say
        what became of it, as after a break at CTP.
        """
        calls, self._calls = self._calls, {}
        for call in calls.values():
            if known_requests()[call.method.name].is_query:
                yield from refused(call, Refusal("relay", "", why, NEVER_ANSWERED))


def refused(call: ProgramCall, refusal: Refusal) -> list[RawEvent]:
    """The callbacks of a request that was refused: to a query one, to others every one that CTP names for errors."""
    fact = known_requests()[call.method.name]
    if refusal.reason == _UNCERTAIN and not fact.is_query:
        return []
    info = records.rsp_info(error_id_of(refusal, is_query=fact.is_query), error_text_of(refusal))
    names = (fact.response,) if fact.is_query else fact.error
    known = records.all_callbacks()
    callbacks = [known.get(name) or known["OnRspError"] for name in names]
    return [
        RawEvent(
            callback,
            None if fact.is_query else records.echo(call.method, call.body, callback),
            info,
            0 if callback.shape in _NOTICES else call.request_id,
        )
        for callback in callbacks
    ]


def _not_sent(return_code: int) -> Refusal:
    known = REQUEST_CODES.get(return_code)
    words = known.words.chinese if known is not None else f"return code {return_code}"
    return Refusal("counter", known.reason if known is not None else "", words, return_code)


def is_private(callback: Callback) -> bool:
    """Whether it belongs to the private topic."""
    return callback.shape in _NOTICES and callback.name not in _PUBLIC


def is_public(callback: Callback) -> bool:
    """Whether it belongs to the public topic."""
    return callback.name in _PUBLIC


class Delivered:
    """The private notices of a trading day that a program has had, so that RESUME gives none of them twice.

    A new session names its orders anew: what names a session or its references is not looked at.
    """

    def __init__(self) -> None:
        self._day = ""
        self._digests: set[bytes] = set()

    def is_new(self, day: str, item: RawEvent) -> bool:
        """Whether this notice is to be delivered; from then on it is known."""
        if day != self._day:
            self._day, self._digests = day, set()
        digest = hashlib.blake2b(item.callback.name.encode(), digest_size=16)
        body = item.body or b""
        for start, stop in _lasting(item.callback.struct):
            digest.update(body[start:stop])
        if digest.digest() in self._digests:
            return False
        self._digests.add(digest.digest())
        return True


@cache
def _lasting(struct: str) -> tuple[tuple[int, int], ...]:
    fields = records.struct_named(struct).fields
    kept = (f for f in fields if f.name not in _NAMES_OF_A_SESSION and not f.name.endswith("Ref"))
    return tuple((field.offset, field.offset + field.size) for field in kept)
