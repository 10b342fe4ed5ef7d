"""Orders that are looked at again: CTS says of an order that it traded, and of nothing else that became of it.

An order is asked for in a moment after it was accepted, until it is confirmed or refused; after its cancel was accepted,
until it is at rest; and where a push is not a trade. Each at most LOOKS times.
"""

from __future__ import annotations

import asyncio

from relay.counter.cts.queries import AccountQueries
from relay.counter.translated.desk import AccountDesk
from relay.counter.translated.values import AnswerLost, NativeRefused, NotSent
from relay.tasks import Tasks

LOOKS = 10
MOST_LOOKED_AT = 5000
"""orders at a time; what becomes of more is heard from trades, and from the next query"""
Contract = tuple[str, str]
"""exchange, number at the counter"""


class OrderLooks:
    """Of one account on one session."""

    def __init__(self, queries: AccountQueries, questions: asyncio.Lock, desk: AccountDesk, seconds: float) -> None:
        """`seconds` between two looks; 0: never."""
        self._queries = queries
        self._questions = questions
        self._desk = desk
        self._seconds = seconds
        self._left: dict[Contract, int] = {}
        self._until_rest: set[Contract] = set()
        self._looking = False
        self._tasks = Tasks()

    def look_at(self, contract: Contract, *, until_rest: bool = False) -> None:
        """Ask for this order in a moment."""
        if self._seconds <= 0 or (len(self._left) >= MOST_LOOKED_AT and contract not in self._left):
            return
        self._left[contract] = LOOKS
        if until_rest:
            self._until_rest.add(contract)
        if not self._looking:
            self._looking = True
            self._tasks.start(self._look(), "orders that are looked at")

    async def stop(self) -> None:
        await self._tasks.cancel()

    async def _look(self) -> None:
        try:
            while self._left:
                await asyncio.sleep(self._seconds)
                for contract in tuple(self._left):
                    await self._look_once(contract)
        except NotSent:
            self._left.clear()  # the day is read again after a break
            self._until_rest.clear()
        finally:
            self._looking = False

    async def _look_once(self, contract: Contract) -> None:
        if not self._left[contract] or self._is_settled(contract):
            self._forget(contract)
            return
        self._left[contract] -= 1
        try:
            async with self._questions:
                state = await self._queries.order(contract)
        except (AnswerLost, NativeRefused):
            return  # one order's affair; it is looked at again
        if state is not None:
            self._desk.heard_order(state)
        if self._is_settled(contract):
            self._forget(contract)

    def _is_settled(self, contract: Contract) -> bool:
        """Whether it is at rest; or, where that will do, confirmed by a query and all its trades are told."""
        known = self._desk.book.numbered(*contract)
        if known is None:
            return False
        if known.is_final or contract in self._until_rest:
            return known.is_final
        return bool(known.state.insert_time) and known.state.is_confirmed and known.state.traded <= known.from_trades

    def _forget(self, contract: Contract) -> None:
        self._left.pop(contract, None)
        self._until_rest.discard(contract)
