"""What waits to be written to one market data stream: answers and edges first, in their order, then ticks.

Answers are bounded by their bytes, as those of a terminal's session, and by `room`: the next change is looked at when there is
some. Ticks are bounded by `PendingTicks`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from relay.market_data.pending import PendingTicks
from relay.market_data.ticks import MarketTick, passed_over_entry
from relay.sessions.endings import Ending
from relay.sessions.outbox import Outbox
from relay.turns import LoopTurns

_BATCH_BYTES: Final = 128 * 1024
_ANSWER_BYTES: Final = 1024 * 1024
_ROOM_BYTES: Final = 64 * 1024


class MarketOutbox(Outbox):
    """One stream's."""

    def __init__(self, turns: LoopTurns, capacity: int) -> None:
        super().__init__(_ANSWER_BYTES)
        self.pending = PendingTicks(capacity)
        self.sent = 0
        """ticks"""
        self._turns = turns
        self._asked = False
        self._may_write = False
        self._has_room = asyncio.Event()

    def put_tick(self, tick: MarketTick) -> None:
        """One more tick; it is encoded already."""
        self.pending.put(tick)
        if not self._asked:
            self._asked = True
            self._turns.ask(self._turn)

    def _turn(self) -> None:
        self._may_write = True
        self._ready.set()

    async def room(self) -> None:
        """Wait until answers have room."""
        while self._bytes > _ROOM_BYTES and not self.closed:
            self._has_room.clear()
            await self._has_room.wait()

    def close(self, ending: Ending | None = None) -> None:
        super().close(ending)
        self._has_room.set()

    async def next_batch(self) -> bytes | None:
        """One serialized MarketDataBatch; None at the end. Ticks that wait at the end are not written any more."""
        while True:
            while not self._waiting and (self.closed or not self._may_write):
                if self.closed:
                    return None
                self._ready.clear()
                await self._ready.wait()
            answers = await super().next_batch() if self._waiting else b""
            self._has_room.set()
            may_write = self._may_write and not self.closed and not self._waiting  # no snapshot before its answer
            written = (answers or b"") + (self._ticks() if may_write else b"")
            if written:  # what waited may have been unsubscribed meanwhile
                return written

    def _ticks(self) -> bytes:
        self._may_write = self._asked = False
        entries, passed = self.pending.take(_BATCH_BYTES)
        self.sent += len(entries)
        if self.pending:
            self._asked = True
            self._turns.ask(self._turn)
        if passed:
            entries += [passed_over_entry(key, count) for key, count in passed]
        return b"".join(entries)
