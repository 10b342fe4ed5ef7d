"""Whose turn it is: a queue in which every lane stands once, however much it has queued.

The lanes are served in turn, one item each round. Within a lane the most urgent item goes first, and items of the
same urgency in the order they came. So one lane's urgent items delay another lane's items by one each round, and
never hold them up for good.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Items by lane; `pop` serves the lanes in turn. A smaller number is more urgent."""

    def __init__(self) -> None:
        # No queue and no lane is kept empty.
        self._lanes: OrderedDict[Hashable, dict[int, deque[T]]] = OrderedDict()
        self._length = 0
        self._lengths: dict[Hashable, int] = {}
        self._lanes_with = [0]
        """by number of items: how many lanes have as many or more; the first is not used"""

    def __len__(self) -> int:
        return self._length

    def of(self, lane: Hashable) -> int:
        """How many items this lane has waiting."""
        return self._lengths.get(lane, 0)

    def ahead(self, lane: Hashable, urgency: int = 0) -> int:
        """How many items are served before one that this lane would push now, if nothing else came."""
        own = sum(len(queue) for level, queue in self._lanes.get(lane, {}).items() if level <= urgency)
        # Each other lane has one turn more than this lane's items that come first, as far as it has items.
        turns = sum(self._lanes_with[1 : own + 2])
        return own + turns - min(self.of(lane), own + 1)

    def push(self, lane: Hashable, item: T, urgency: int = 0) -> None:
        """Behind the lane's items of the same urgency."""
        self._lanes.setdefault(lane, {}).setdefault(urgency, deque()).append(item)
        self._grow(lane)

    def push_back(self, lane: Hashable, item: T, urgency: int = 0) -> None:
        """Before everything else: it had its turn already and could not use it."""
        self._lanes.setdefault(lane, {}).setdefault(urgency, deque()).appendleft(item)
        self._lanes.move_to_end(lane, last=False)
        self._grow(lane)

    def pop(self) -> T:
        """The next item. Raises KeyError where nothing waits."""
        lane, queues = self._lanes.popitem(last=False)
        urgency = min(queues)
        item = queues[urgency].popleft()
        if not queues[urgency]:
            del queues[urgency]
        if queues:
            self._lanes[lane] = queues
        self._shrink(lane)
        return item

    def remove(self, lane: Hashable, item: T, urgency: int = 0) -> None:
        """Take out one waiting item. Raises ValueError where it does not wait here."""
        queues = self._lanes.get(lane, {})
        queue = queues.get(urgency, deque())
        queue.remove(item)
        self._shrink(lane)
        if not queue:
            del queues[urgency]
        if not queues:
            del self._lanes[lane]

    def drop(self, lane: Hashable) -> tuple[T, ...]:
        """Take out everything of one lane, the most urgent first."""
        queues = self._lanes.pop(lane, {})
        dropped = tuple(item for urgency in sorted(queues) for item in queues[urgency])
        for _ in dropped:
            self._shrink(lane)
        return dropped

    def _grow(self, lane: Hashable) -> None:
        length = self._lengths[lane] = self.of(lane) + 1
        if length == len(self._lanes_with):
            self._lanes_with.append(0)
        self._lanes_with[length] += 1
        self._length += 1

    def _shrink(self, lane: Hashable) -> None:
        length = self._lengths.pop(lane)
        self._lanes_with[length] -= 1
        if length > 1:
            self._lengths[lane] = length - 1
        self._length -= 1
