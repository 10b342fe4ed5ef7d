"""What all desks of a process share, and a call that has no result yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol, TypeVar

from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.port import CallOutcome, TerminalCall
from relay.counter.translated.events import EventMaker
from relay.counter.translated.link import TranslatedLink
from relay.counter.translated.names import OrderNames
from relay.counter.translated.notes import NativeOrderNotes
from relay.counter.translated.reading import ReadCall, RequestReader
from relay.figures.figures import Figures
from relay.logs.alarms import AlarmName, Alarms
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal, Refused

LOST = "柜台没有答复 / the counter did not answer"


SLICE = 100
"""rows that are made before others have their turn; about 10 ms"""
_T = TypeVar("_T")


async def in_slices(rows: Iterable[_T]) -> AsyncIterator[_T]:
    """The rows, with a pause after every SLICE of them."""
    for place, row in enumerate(rows, start=1):
        yield row
        if not place % SLICE:
            await asyncio.sleep(0)


class DayBounds(Protocol):
    """How many orders a trading day may have; of the settings."""

    @property
    def orders_per_day(self) -> int:
        """Of the process, whoever's they are."""

    @property
    def orders_per_day_per_investor(self) -> int: ...


@dataclass(frozen=True, slots=True)
class DeskTools:
    """What all desks of a process share."""

    reader: RequestReader
    events: EventMaker
    names: OrderNames
    notes: NativeOrderNotes
    limits: Callable[[], LinkLimits]
    day_limits: Callable[[], DayBounds]
    """those in force"""
    alarms: Alarms
    figures: Figures
    next_lane: Callable[[], int]
    day_use: DayUse = field(default_factory=lambda: DayUse(0))

    def no_room(self, investor_id: str) -> Refusal | None:
        """Why the day has no place for one more order of this investor, where it has none."""
        limits = self.day_limits()
        if self.names.used_by(investor_id) >= limits.orders_per_day_per_investor:
            return call_reasons.investor_day_limit_reached(most=limits.orders_per_day_per_investor)
        if self.names.used >= limits.orders_per_day:
            return call_reasons.day_limit_reached(most=limits.orders_per_day)
        return None

    def ordered(self, call: TakenCall) -> None:
        """The native session was given this order."""
        self.figures.called("ReqOrderInsert", 0)
        self.figures.order_seconds.observe(perf_counter() - call.taken_at)
        used, self.day_use.total = self.names.used, self.day_limits().orders_per_day
        if percent := self.day_use.inserted(used - 1, used):
            self.alarms.sound(AlarmName.ORDERS_RUN_OUT, percent=percent, limit=self.day_use.total)


@dataclass(eq=False, slots=True)
class TakenCall:
    """One call that has no result yet."""

    link: TranslatedLink
    call: TerminalCall
    read: ReadCall
    taken_at: float = field(default_factory=perf_counter)
    result: asyncio.Future[CallOutcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    claimed: bool = False
    """its key is this process's own until its claim is released"""
    held: CallOutcome | None = None
    """of a call with a claim: its result, which the firm's other processes cannot know of yet"""

    def sent(self, **facts: object) -> None:
        outcome = CallOutcome(0, **facts)  # type: ignore[arg-type]
        if self.claimed:
            self.held = outcome
        elif not self.result.done():
            self.result.set_result(outcome)

    def repeated(self, first: FirstOrder) -> None:
        """Its key named this order before: nothing is sent."""
        self.sent(first_order_ref=first.order_ref, first_front_id=first.front, first_session_id=first.session)

    def give_held(self) -> None:
        """The other processes can know of it."""
        if self.held is not None and not self.result.done():
            self.result.set_result(self.held)

    def refused(self, refusal: Refusal) -> None:
        if not self.result.done():
            self.result.set_exception(Refused(refusal))
