"""One terminal's end of an `OrderDriver`: what it sends goes down at once, and what it gets is given to it in order.

`deliver_to` is a loop that waits for items and gives them. Where the driver is feeding events, and this loop waits and has
nothing left to do, `hand_over` gives in its place, so that a notice needs no turn of the event loop. In every other case
(a big answer or a day's replay is being made, items came in another way, the loop is on its way to look) the loop gives.
So items are given in the order in which they were put, whichever of the two gives them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from itertools import islice
from time import perf_counter
from typing import Final, Protocol

from relay.counter.ctp.orders.calls import RouterLink
from relay.counter.ctp.orders.checks import read_call
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.outgoing import Item, SharedItems, is_end
from relay.counter.port import Attached, CallOutcome, TerminalCall
from relay.counter.waiting import Waiting
from relay.turns import LoopTurns

SLICE_SECONDS: Final = 0.002
"""how long one terminal's big answer, or a day's replay, may keep the loop; then it is others' turn"""
NOT_ATTACHED: Final = Attached("", "", 0, 0, 0, "", "", 0)

Detach = Callable[["CtpLink", str], Awaitable[None]]
Take = Callable[[Sequence[Item]], object]
_AT_ONCE: Final = 4
"""links that are handed something of their own in the moment in which it comes; some 0.1 ms of the loop"""


class HandingOver:
    """Gives the links of one driver what came while it fed events.

    What is a link's own is handed over at once, to a few; to the others in the next rounds of the loop, and there in turn with
    what all get, a few links in each round: an order's notice waits for no fan-out.
    """

    def __init__(self, turns: LoopTurns, shared: SharedItems, links: Collection[CtpLink]) -> None:
        """`turns` are the process's; `shared` is what all `links` get, which are looked at anew each time."""
        self._turns = turns
        self._shared = shared
        self._links = links
        self._since = 0.0
        """of `shared`: since when the newest are there"""
        self._known = 0
        """of `shared`: how many were there when all links were last asked for a turn"""
        self._goes_round = False
        """whether links have their turns for `shared`"""
        self._fed: dict[CtpLink, None] | None = None
        """while events are fed: the links that got something"""
        self._left: dict[CtpLink, None] = {}
        """of what was fed before: the links that have their turn for something of their own"""

    def begin(self) -> None:
        """Events are fed from here on."""
        self._fed = {}

    def takes(self, link: CtpLink) -> bool:
        """An item came for this link; whether it is handed over here."""
        if self._fed is None:
            return False
        self._fed[link] = None
        return True

    def end(self) -> None:
        """All is fed."""
        fed, self._fed = self._fed or {}, None
        if is_new := self._shared.count != self._known:
            self._known, self._since = self._shared.count, perf_counter()
        links = iter(fed)
        for link in islice(links, _AT_ONCE):
            self._left.pop(link, None)
            link.hand_over(self._since)
        if fed:
            self._turns.notice_came()
        for link in links:
            if link not in self._left:
                self._left[link] = None
                self._turns.ask(self._hand_own_over)
        if is_new and not self._goes_round:
            self._goes_round = True
            self._turns.ask_each(self._hand_round())

    def _hand_own_over(self) -> None:
        link = next(iter(self._left), None)
        if link is not None:
            del self._left[link]
            link.hand_over(self._since)

    def _hand_round(self) -> Iterator[None]:
        """Step by step, until each link has had all that all get."""
        try:
            while any(link.is_behind for link in self._links):
                for link in tuple(self._links):
                    if link.is_behind:
                        link.hand_over(self._since)
                        yield
            self._shared.forget()
        finally:
            self._goes_round = False


class LinkDriver(Protocol):
    """What a link needs of its driver."""

    @property
    def handing(self) -> HandingOver:
        """Gives links what came for them while it feeds events."""

    def submit(self, link: CtpLink, call: TerminalCall) -> asyncio.Future[CallOutcome]: ...

    def pump(self) -> None: ...


class CtpLink:
    """A `port.CounterLink`."""

    def __init__(self, driver: LinkDriver, route: RouterLink, on_detach: Detach, tools: DriverTools) -> None:
        """The turn of `tools` is the process's: one terminal has its slice of what is made later."""
        self.session = route.name
        """the terminal session's id, for the ledger"""
        self.route = route
        self.lost_history = route.lost_history
        """see `port.CounterLink`"""
        self.attached = NOT_ATTACHED
        self._driver = driver
        self._on_detach = on_detach
        self._tools = tools
        self._detached = False
        self._waiting = Waiting(tools.figures)
        self._take: Take | None = None
        """while `deliver_to` waits: who takes what comes"""
        self._fault: Exception | None = None
        route.items.on_item = self._came

    def see(self, login: Attached) -> None:
        """The counter session's login as this terminal sees it: with its lane's own front, session and references."""
        self.attached = self._tools.as_seen(login, self.attached, self.route.lane)

    def read_call(self, message: bytes) -> TerminalCall | None:
        """See `port.CounterLink`."""
        native = self._tools.tables.native
        return read_call(message, native) if native is not None else None

    def submit(self, call: TerminalCall) -> asyncio.Future[CallOutcome]:
        """See `port.CounterLink`."""
        return self._driver.submit(self, call)

    def put(self, item: Item) -> None:
        """Give the terminal something."""
        self.route.items.put(item)

    async def deliver_to(self, take: Take) -> None:
        """See `port.CounterLink`."""
        self.route.is_read, items = True, self.route.items
        self._waiting.forget()
        while True:
            while not len(items):
                await self._next_item(take)
            batch = items.take()
            if batch:
                take(batch)
            if any(map(is_end, batch)):
                return
            if items.has_more_to_make and (made := await self._slice()):
                take(made)

    @property
    def is_behind(self) -> bool:
        """Whether there is something that all get, and it has yet to have."""
        return self.route.items.behind > 0

    def hand_over(self, since: float) -> None:
        """The driver has fed what there was: give what came, unless it is for `deliver_to` to do it.

        `since` is when that came which all get.
        """
        items, take, waiting = self.route.items, self._take, self._waiting
        if behind := items.behind:
            waiting.came(behind, since)
        if take is None or items.has_more_to_make or waiting.is_woken:
            items.catch_up()
            waiting.wake()
            return
        try:
            take(items.take_shared() or items.take())
        except Exception as error:  # noqa: BLE001 - `deliver_to` raises it: the fault is its taker's, not the driver's
            self._fault = error
            waiting.wake()
        waiting.given()

    def _came(self, count: int) -> None:
        self._waiting.came(count)
        if not self._driver.handing.takes(self):
            self._waiting.wake()

    async def _next_item(self, take: Take) -> None:
        self._take = take
        try:
            await self._waiting.next_item()
        finally:
            self._take = None
        if self._fault is not None:
            raise self._fault

    async def _slice(self) -> list[Item]:
        items = self.route.items
        async with self._tools.turn:
            made = items.make(asyncio.get_running_loop().time, SLICE_SECONDS)
            self._driver.pump()  # a trade of it may wait for its order, and has a time then
            if items.has_more_to_make:
                await asyncio.sleep(0)  # whatever waits in the loop comes first, and no other terminal's slice
        return made

    async def detach(self, reason: str) -> None:
        """End the link; idempotent."""
        if not self._detached:
            self._detached = True
            await self._on_detach(self, reason)
