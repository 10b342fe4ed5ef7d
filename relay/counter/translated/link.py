"""One terminal's end of an account's desk: its queue, its numbers, and what it was told of its login."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.identity.scope_table import RequestClass
from relay.counter.ctp.orders.limits import ClassLimit
from relay.counter.outgoing import Item, OutgoingItems, is_end
from relay.counter.port import Attached, CallOutcome, CounterEvent, LinkCause, LinkState, LinkStatus, TerminalCall
from relay.counter.translated.native import NativeSession
from relay.counter.waiting import Waiting

_log = structlog.get_logger(__name__)
MOST_ITEMS = 200_000
"""that may wait for one terminal; the session above takes them at once, so more means that it does not go on"""
MOST_IN_A_BATCH = 500
"""between two of them others have their turn"""
_SLICE_SECONDS = 0.005
NOT_ATTACHED = Attached("", "", 0, 0, 0, "", "", 0)
_TOO_MANY = "中继内积压过多 / too much waits for this terminal in the relay"

Detach = Callable[["TranslatedLink", str], Awaitable[None]]


class LinkDesk(Protocol):
    """What a link gives its calls to."""

    @property
    def front(self) -> int:
        """FrontID of its terminals."""

    def submit(self, link: TranslatedLink, call: TerminalCall) -> asyncio.Future[CallOutcome]: ...

    def remove(self, link: TranslatedLink) -> None: ...


class TranslatedLink:
    """A `port.CounterLink`."""

    def __init__(
        self,
        session: str,
        identity: Identity,
        desk: LinkDesk,
        native: NativeSession,
        limits: dict[RequestClass, ClassLimit],
        waiting: Waiting,
        on_detach: Detach,
    ) -> None:
        """`session` is the terminal session's id; `native` is where its requests go."""
        self.session = session
        self.identity = identity
        self.native = native
        self.limits = limits
        self.attached = NOT_ATTACHED
        self.lost_history = False
        self.lane = 0
        """SessionID of its orders; the desk gives it"""
        self.last_ref = 0
        """the greatest OrderRef it used"""
        self.questions: set[int] = set()
        """request ids of unanswered queries"""
        self.is_open = True
        self._desk = desk
        self._waiting = waiting
        self._items = OutgoingItems()
        self._items.on_item = self._came
        self._on_detach = on_detach
        self._detached = False

    def see(self, attached: Attached) -> None:
        """What the counter said at the latest login, under this terminal's own numbers."""
        self.attached = replace(attached, front_id=self._desk.front, session_id=self.lane, max_order_ref=self.last_ref)

    def read_call(self, message: bytes) -> TerminalCall | None:
        """See `port.CounterLink`: every request is translated from its message."""
        del message
        return None

    def submit(self, call: TerminalCall) -> asyncio.Future[CallOutcome]:
        """See `port.CounterLink`."""
        return self._desk.submit(self, call)

    def put(self, item: Item) -> None:
        """Give the terminal something; one that takes nothing is ended."""
        if not self.is_open:
            return
        if len(self._items) >= MOST_ITEMS:
            _log.warning("terminal_takes_nothing", session=self.session, waiting=len(self._items))
            self.end(_TOO_MANY, LinkCause.RELAY_FAULT)
        else:
            self._items.put(item)

    def put_later(self, events: Iterator[CounterEvent]) -> None:
        """Notices that are made when the terminal takes them; what comes afterwards waits behind them."""
        self._items.put_later(0, events)

    def recovering(self, reason: str, cause: LinkCause) -> None:
        """Nothing goes to the counter until `live`."""
        self.put(LinkStatus(LinkState.RECOVERING, reason, cause=cause))

    def live(self, *, day_changed: bool) -> None:
        """It is logged in again, and was told what happened meanwhile."""
        self.put(LinkStatus(LinkState.LIVE, "", self.attached, day_changed))

    def end(self, reason: str, cause: LinkCause) -> None:
        """Its session at the counter is over for good; idempotent."""
        if self.is_open:
            self._items.put(LinkStatus(LinkState.ENDED, reason, cause=cause))
            self.is_open = False

    def _came(self, count: int) -> None:
        self._waiting.came(count)
        self._waiting.wake()

    async def deliver_to(self, take: Callable[[Sequence[Item]], object]) -> None:
        """See `port.CounterLink`."""
        self._waiting.forget()
        while True:
            while not len(self._items):
                await self._waiting.next_item()
            batch = self._items.take()
            if not (batch and is_end(batch[-1])):
                batch += self._items.make(time.monotonic, _SLICE_SECONDS)
            for start in range(0, len(batch), MOST_IN_A_BATCH):
                some = batch[start : start + MOST_IN_A_BATCH]
                take(some)
                if is_end(some[-1]):
                    return
                await asyncio.sleep(0)

    async def detach(self, reason: str) -> None:
        """End the link; idempotent."""
        if not self._detached:
            self._detached = True
            self.is_open = False
            self._desk.remove(self)
            await self._on_detach(self, reason)
