"""What the reading pages of one console process share: today's count, and the ledger's verification."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading

from relay.console.day_tally import KINDS, DayTally
from relay.console.parts import ConsoleParts
from relay.console.verification import LedgerVerifications
from relay.console.visit import Visit
from relay.database.times import COUNTER_ZONE
from relay.ledger.news import chain_names, entries_after

_FRESH_SECONDS = 2.0
"""so old may a count be: many browsers ask, and the ledger is asked once"""


class Reading:
    """Made once for a console; its methods are for the loop."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self._turn = asyncio.Lock()
        self._counting = threading.Lock()
        self._tally = DayTally("")
        self._counted_at = float("-inf")
        self.verifications = LedgerVerifications(parts.ledger, parts.clock, parts.actions.records.seals)

    def now(self) -> dt.datetime:
        """The time in China."""
        return self._parts.clock().astimezone(COUNTER_ZONE)

    async def today(self) -> DayTally:
        """What happened since midnight."""
        async with self._turn:
            now = self.now()
            stale = now.timestamp() - self._counted_at >= _FRESH_SECONDS
            if stale or self._tally.day != now.date().isoformat():
                await self._parts.work.run(lambda: self._count(now.date().isoformat()))
                self._counted_at = now.timestamp()
            return self._tally

    async def chains(self) -> list[str]:
        """The names of the ledger's chains."""
        return await self._parts.work.run(lambda: chain_names(self._parts.ledger))

    def _count(self, day: str) -> None:
        with self._counting:  # a call that ran out of time may still be at work
            tally = self._tally if self._tally.day == day else DayTally(day)
            for entry in entries_after(self._parts.ledger, tally.seen, day, KINDS):
                tally.add(entry)
            self._tally = tally


def reading_of(visit: Visit) -> Reading:
    """The console's; made at the first visit."""
    state = visit.request.app.state
    if not hasattr(state, "reading"):
        state.reading = Reading(visit.parts)
    reading: Reading = state.reading
    return reading
