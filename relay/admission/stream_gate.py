"""How many streams may be open that have no session yet: few for each address, and a budget for all together.

A stream without a session has shown no credentials, and it costs the relay memory and other terminals their room.
So every stream holds a slot from its beginning until its terminal is logged in, and waits for one where its address has
used up its own, as a branch office does at the opening. Streams with a session are bounded by the sessions. Where
sessions linger there is room beyond both limits for as many streams as can resume at that address.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from relay.admission.origin.trusted_proxies import Origin

MOST_WAITING = 1024
"""streams that wait for a slot; further ones are refused at once"""


@dataclass(slots=True)
class GateLimits:
    """What the settings allow; may change while the relay runs."""

    per_address: int
    total: int
    patience_seconds: float
    """how long a stream waits for a slot"""


class Slot:
    def __init__(self, gate: StreamGate, name: str) -> None:
        self._gate = gate
        self._name = name
        self._held = True

    def leave(self) -> None:
        """The stream has a session, or is over; idempotent."""
        if self._held:
            self._held = False
            self._gate.given_back(self._name)


class StreamGate:
    def __init__(self, limits: GateLimits, resumable: Callable[[str], int]) -> None:
        """`resumable` tells how many sessions of a public address wait for their terminal."""
        self.limits = limits
        self._resumable = resumable
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self.waiting = 0
        self.refused = 0
        """since the start"""

    @property
    def held(self) -> int:
        return self._held.total()

    async def enter(self, origin: Origin) -> Slot | None:
        """A slot for one stream, or None where there is none in time."""
        name = origin.place
        if self._has_room(name) or self._can_be_a_resume(name, origin.public_ip):
            self._held[name] += 1
            return Slot(self, name)
        if self.waiting < MOST_WAITING and await self._wait(name):
            return Slot(self, name)
        self.refused += 1
        return None

    def given_back(self, name: str) -> None:
        """A slot is free: for the next who waits at this address, or else at the address that waits longest."""
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]
        for other in (name, *self._waiting):
            queue = self._waiting.get(other)
            if queue and self._has_room(other):
                self._waiting.move_to_end(other)
                self._held[other] += 1
                queue.popleft().set_result(None)
                return

    async def _wait(self, name: str) -> bool:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(name, deque())
        queue.append(turn)
        self.waiting += 1
        try:
            await asyncio.wait({turn}, timeout=self.limits.patience_seconds)
        except asyncio.CancelledError:
            if turn.done():
                self.given_back(name)
            raise
        finally:
            self.waiting -= 1
            if not turn.done():
                queue.remove(turn)
            if not queue:
                self._waiting.pop(name, None)
        return turn.done()

    def _has_room(self, name: str) -> bool:
        return self._held[name] < self.limits.per_address and self.held < self.limits.total

    def _can_be_a_resume(self, name: str, public_ip: str) -> bool:
        resumable = self._resumable(public_ip)
        within = self._held[name] < self.limits.per_address + resumable
        return within and (self.held < self.limits.total or self._held[name] < resumable)
