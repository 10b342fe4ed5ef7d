"""One terminal's way to the counter: its lane, what it is told, and where its calls go in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from relay.counter.port import Attached, CallOutcome, CounterEvent, LinkState, LinkStatus, TerminalCall
from relay.domain.lane import Lane
from relay.domain.rate_window import RateWindow

Item = CounterEvent | LinkStatus
Call = Callable[["CtpLink", TerminalCall], Awaitable[CallOutcome]]
Detach = Callable[["CtpLink", str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """What one terminal may send a second."""

    orders: int
    queries: int


NOT_ATTACHED = Attached("", "", 0, 0, 0, "", "", 0)


class CtpLink:
    """A `port.CounterLink` on a switchboard."""

    def __init__(self, session: str, lane: Lane, limits: LinkLimits, call: Call, on_detach: Detach) -> None:
        self.session = session
        """the terminal session's id, for the ledger"""
        self.lane = lane
        self.attached = NOT_ATTACHED
        self.reported = True
        """whether this terminal's report stands at the counter; nothing is sent for it while not"""
        self.limits = limits
        self.orders = RateWindow(limits.orders)
        self.queries = RateWindow(limits.queries)
        self._call = call
        self._on_detach = on_detach
        self._items: deque[Item] = deque()
        self._ready = asyncio.Event()
        self._detached = False

    def see(self, login: Attached) -> None:
        """The counter session's login as this terminal sees it: with its lane's own front, session and references."""
        lane = self.lane
        self.attached = replace(login, front_id=lane.front, session_id=lane.session, max_order_ref=lane.max_order_ref)

    async def call(self, call: TerminalCall) -> CallOutcome:
        """Send one request; see `port.CounterLink.call`."""
        return await self._call(self, call)

    def put(self, item: Item) -> None:
        """Give the terminal something; from the switchboard."""
        self._items.append(item)
        self._ready.set()

    async def batches(self) -> AsyncIterator[Sequence[Item]]:
        """Everything for this terminal, as bursts; ends after LinkStatus ENDED."""
        while True:
            while not self._items:
                self._ready.clear()
                await self._ready.wait()
            batch = list(self._items)
            self._items.clear()
            yield batch
            if any(isinstance(item, LinkStatus) and item.state is LinkState.ENDED for item in batch):
                return

    async def detach(self, reason: str) -> None:
        """End the link; idempotent."""
        if not self._detached:
            self._detached = True
            await self._on_detach(self, reason)
