"""How many streams may be open that have proved nothing yet: few for each address, and a budget for all together.

A stream without a proof costs the relay memory and other terminals their room. So every stream holds a slot from its
beginning until its terminal has proved itself, or the stream is closed, and waits for one where its address has
used up its own, as a branch office does at the opening. Where all slots are taken, the address that holds most gives
its oldest to one that holds fewer. Streams with a session are bounded by the sessions. Where sessions linger there is
room beyond both limits for as many streams as can resume at that address.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
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
        self.on_give_way: Callable[[], object] = lambda: None
        """called when the stream has to end, because another address has the slot now"""

    def leave(self) -> None:
        """The stream has proved itself, or is over; idempotent."""
        if self._held:
            self._held = False
            self._gate.given_back(self, self._name)

    def give_way(self) -> None:
        """The slot is another's from now on."""
        self._held = False
        self.on_give_way()


class StreamGate:
    def __init__(self, limits: GateLimits, resumable: Callable[[str], int]) -> None:
        """`resumable` tells how many sessions of a public address wait for their terminal."""
        self.limits = limits
        self._resumable = resumable
        self._slots: dict[str, dict[Slot, None]] = {}
        """of each place, oldest first"""
        self._waiting: OrderedDict[str, deque[asyncio.Future[Slot]]] = OrderedDict()
        self.held = 0
        self.waiting = 0
        self.refused = 0
        """since the start"""
        self.gave_way = 0
        """since the start"""

    async def enter(self, origin: Origin) -> Slot | None:
        """A slot for one stream, or None where there is none in time."""
        name = origin.place
        if self._has_room(name) or self._can_be_a_resume(name, origin.public_ip) or self._another_gives_way(name):
            return self._taken(name)
        slot = await self._wait(name) if self.waiting < MOST_WAITING else None
        self.refused += slot is None
        return slot

    def given_back(self, slot: Slot, name: str) -> None:
        """A slot is free: for the address that waits and held fewest; among equals, for the one that waits longest."""
        self._drop(slot, name)
        ready = [other for other, queue in self._waiting.items() if queue and self._has_room(other)]
        if ready:  # an address that always has others waiting must not pass its slots on to itself for ever
            other = min(ready, key=lambda one: self._held_at(one) + (one == name))
            self._waiting.move_to_end(other)
            self._waiting[other].popleft().set_result(self._taken(other))

    def _taken(self, name: str) -> Slot:
        slot = Slot(self, name)
        self._slots.setdefault(name, {})[slot] = None
        self.held += 1
        return slot

    def _drop(self, slot: Slot, name: str) -> None:
        del self._slots[name][slot]
        self.held -= 1
        if not self._slots[name]:
            del self._slots[name]

    def _another_gives_way(self, name: str) -> bool:
        """Whether the address with most had more than this one will have, and has given up its oldest."""
        if self._held_at(name) >= self.limits.per_address or not self._slots:
            return False
        fullest = max(self._slots, key=self._held_at)
        if self._held_at(fullest) < self._held_at(name) + 2:
            return False
        oldest = next(iter(self._slots[fullest]))
        self._drop(oldest, fullest)
        self.gave_way += 1
        oldest.give_way()
        return True

    def _held_at(self, name: str) -> int:
        return len(self._slots.get(name, ()))

    async def _wait(self, name: str) -> Slot | None:
        turn: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(name, deque())
        queue.append(turn)
        self.waiting += 1
        try:
            await asyncio.wait({turn}, timeout=self.limits.patience_seconds)
        except asyncio.CancelledError:
            if turn.done():
                turn.result().leave()
            raise
        finally:
            self.waiting -= 1
            if not turn.done():
                queue.remove(turn)
            if not queue and self._waiting.get(name) is queue:
                del self._waiting[name]
        return turn.result() if turn.done() else None

    def _has_room(self, name: str) -> bool:
        return self._held_at(name) < self.limits.per_address and self.held < self.limits.total

    def _can_be_a_resume(self, name: str, public_ip: str) -> bool:
        resumable = self._resumable(public_ip)
        within = self._held_at(name) < self.limits.per_address + resumable
        return within and (self.held < self.limits.total or self._held_at(name) < resumable)
