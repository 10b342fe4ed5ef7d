"""Which answer belongs to which request, and who hears what nobody asked for.

No I/O: the session's reader feeds it, requests wait in it. Shared by the relay client and direct mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, TypeVar

from google.protobuf.message import Message

from ctpabi.catalog import Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.facts.errors import NEVER_ANSWERED
from ctpabi.facts.requests import known_requests
from ctprelay.ctp.v1 import events_pb2, structs_pb2
from terminal_client.errors import (
    CallFailed,
    CallNotSent,
    CallRefused,
    CounterRejected,
    NativeWords,
    NoAnswer,
    OutcomeUnknown,
    Refusal,
    TerminalError,
)
from terminal_client.session import Deadlines, Status
from terminal_client.subscriptions import Feed

REFUSED_BY_RELAY = -100
Row = TypeVar("Row", bound=Message)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """Whether a request was sent: the relay's CallResult, or the API's return code in direct mode."""

    request_id: int
    return_code: int = 0
    refusal: Refusal | None = None
    order_ref: str = ""
    first_order_ref: str = ""
    queue_position: int = 0
    waited_milliseconds: int = 0
    first_front_id: int = 0
    first_session_id: int = 0
    """with first_order_ref: the terminal session that sent the first order, and counted its reference"""


@dataclass(frozen=True, slots=True)
class Reply(Generic[Row]):
    name: str
    outcome: SendOutcome
    rows: tuple[Row, ...] = ()
    """empty where the counter had nothing, or answers with notices only"""

    @property
    def order_ref(self) -> str:
        """The order reference in use; the first order's where the client order key was seen before"""
        return self.outcome.first_order_ref or self.outcome.order_ref

    @property
    def row(self) -> Row:
        """The only row; CallFailed where there is none or more than one"""
        if len(self.rows) != 1:
            raise CallFailed(self.name, f"one row expected, {len(self.rows)} came")
        return self.rows[0]


@dataclass(slots=True)
class PendingCall:
    """One request on its way."""

    name: str
    request_id: int
    done: asyncio.Future[Reply[Message]]
    outcome: SendOutcome | None = None
    rows: list[Message] = field(default_factory=list)

    def fail(self, error: TerminalError) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def finish(self) -> None:
        if not self.done.done():
            outcome = self.outcome or SendOutcome(self.request_id)
            self.done.set_result(Reply(self.name, outcome, tuple(self.rows)))


class Dispatch:
    """Pending requests and notice feeds of one terminal."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._pending: dict[int, PendingCall] = {}
        self._answered = asyncio.Event()
        self._last_request_id = 0
        self.notices = Feed[events_pb2.Event](deadlines.notice_capacity)
        self.orders = Feed[structs_pb2.Order](deadlines.notice_capacity)
        self.trades = Feed[structs_pb2.Trade](deadlines.notice_capacity)
        self.statuses = Feed[Status](deadlines.notice_capacity)

    @contextmanager
    def pending(self, name: str) -> Iterator[PendingCall]:
        """A new request id and the future of its answer, forgotten on the way out."""
        if len(self._pending) >= self._deadlines.call_capacity:
            raise CallFailed(name, f"{len(self._pending)} requests are already unanswered")
        call = PendingCall(name, self._next_request_id(), asyncio.get_running_loop().create_future())
        self._pending[call.request_id] = call
        try:
            yield call
        finally:
            del self._pending[call.request_id]
            self._answered.set()
            if call.done.done() and not call.done.cancelled():
                call.done.exception()  # retrieved, or asyncio warns about a failure nobody awaited any more

    async def quiet(self, seconds: float) -> None:
        """Wait until no request is unanswered, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._pending:
                    self._answered.clear()
                    await self._answered.wait()

    def _next_request_id(self) -> int:
        while True:
            self._last_request_id = self._last_request_id % 0x7FFFFFFF + 1
            if self._last_request_id not in self._pending:
                return self._last_request_id

    def sent(self, outcome: SendOutcome) -> None:
        """The relay, or the API, said whether the request was sent."""
        call = self._pending.get(outcome.request_id)
        if call is None:
            return
        call.outcome = outcome
        if outcome.refusal is not None:
            call.fail(CallRefused(call.name, outcome.refusal))
        elif outcome.return_code != 0:
            call.fail(CallNotSent(call.name, outcome.return_code))
        elif call.name in requests_by_notices() or outcome.first_order_ref:
            call.finish()

    def status(self, status: Status) -> None:
        """A change of the stream, or of the session at the counter."""
        self.statuses.publish(status)

    def event(self, event: events_pb2.Event, native: NativeWords | None = None) -> None:
        """One event of the counter: an answer to a waiting request, or a notice; `native` is the counter's own error beside it."""
        kind = event.WhichOneof("body")
        call = self._pending.get(event.request_id) if kind in response_kinds() else None
        if call is not None and not call.done.done():
            self._answer(call, kind or "", event, native)
            return
        self.notices.publish(event)
        match kind:
            case "rtn_order":
                self.orders.publish(event.rtn_order)
            case "rtn_trade":
                self.trades.publish(event.rtn_trade)
            case _:
                return

    def _answer(self, call: PendingCall, kind: str, event: events_pb2.Event, native: NativeWords | None) -> None:
        if not event.empty and kind != "rsp_error":
            call.rows.append(getattr(event, kind))
        info = event.rsp_info
        if info.error_id == NEVER_ANSWERED:
            call.fail(NoAnswer(call.name, info.error_msg))
        elif info.error_id != 0:
            call.fail(CounterRejected(call.name, info.error_id, info.error_msg, call.rows, native))
        elif event.is_last:
            call.finish()
        elif len(call.rows) >= self._deadlines.row_capacity:
            call.fail(NoAnswer(call.name, f"more than {self._deadlines.row_capacity} rows came"))

    def fail_unsent(self) -> None:
        """The stream broke: nobody will say any more whether these were sent."""
        for call in self._pending.values():
            if call.outcome is None:
                call.fail(OutcomeUnknown(call.name, "the stream broke before the relay said whether it was sent"))

    def fail_unanswered(self, why: str) -> None:
        """Answers cannot come any more."""
        self.fail_unsent()
        for call in self._pending.values():
            call.fail(NoAnswer(call.name, why))

    def end(self, why: str, error: TerminalError | None = None) -> None:
        """The one place that settles everything: requests fail, notice readers end."""
        self.fail_unanswered(why)
        for feed in (self.notices, self.orders, self.trades, self.statuses):
            feed.end(error)


@cache
def response_kinds() -> frozenset[str]:
    """The event members that carry a request id."""
    shapes = (Shape.RESPONSE, Shape.RESPONSE_ERROR)
    return frozenset(c.proto_name for c in load_catalog().callbacks.values() if c.shape in shapes)


@cache
def requests_by_notices() -> frozenset[str]:
    """The requests that are answered once they were sent: their success shows in notices, or not at all.

    An accepted order has no response; CTP's OnRspOrderInsert comes on rejection alone (CTP fact 57).
    """
    return frozenset(
        method.proto_name for method in load_catalog().requests if known_requests()[method.name].by_notices
    )
