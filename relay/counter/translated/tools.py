"""What all desks of a process share, and a call that has no result yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.port import CallOutcome, TerminalCall
from relay.counter.translated.events import EventMaker
from relay.counter.translated.link import TranslatedLink
from relay.counter.translated.names import OrderNames
from relay.counter.translated.notes import NativeOrderNotes
from relay.counter.translated.reading import ReadCall, RequestReader
from relay.figures.figures import Figures
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


@dataclass(frozen=True, slots=True)
class DeskTools:
    """What all desks of a process share."""

    reader: RequestReader
    events: EventMaker
    names: OrderNames
    notes: NativeOrderNotes
    limits: Callable[[], LinkLimits]
    day_limit: Callable[[], int]
    """orders a day of one investor"""
    figures: Figures
    next_lane: Callable[[], int]


@dataclass(eq=False, slots=True)
class TakenCall:
    """One call that has no result yet."""

    link: TranslatedLink
    call: TerminalCall
    read: ReadCall
    result: asyncio.Future[CallOutcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def sent(self, **facts: object) -> None:
        if not self.result.done():
            self.result.set_result(CallOutcome(0, **facts))  # type: ignore[arg-type]

    def refused(self, refusal: Refusal) -> None:
        if not self.result.done():
            self.result.set_exception(Refused(refusal))
