"""Whose turn it is: a queue in which every lane stands once, however much it has queued."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Items by lane; `pop` serves the lanes in turn, each lane's items in the order they came."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[Hashable, deque[T]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def of(self, lane: Hashable) -> int:
        """How many items this lane has waiting."""
        queue = self._lanes.get(lane)
        return len(queue) if queue is not None else 0

    def push(self, lane: Hashable, item: T) -> None:
        """At the end of the lane's items."""
        self._lanes.setdefault(lane, deque()).append(item)
        self._length += 1

    def push_back(self, lane: Hashable, item: T) -> None:
        """Before everything else: it had its turn already and could not use it."""
        self._lanes.setdefault(lane, deque()).appendleft(item)
        self._lanes.move_to_end(lane, last=False)
        self._length += 1

    def pop(self) -> T:
        """The next item. Raises KeyError where nothing waits."""
        lane, queue = self._lanes.popitem(last=False)
        item = queue.popleft()
        if queue:
            self._lanes[lane] = queue
        self._length -= 1
        return item

    def remove(self, lane: Hashable, item: T) -> None:
        """Take out one waiting item. Raises ValueError where it does not wait here."""
        queue = self._lanes.get(lane, deque())
        queue.remove(item)
        self._length -= 1
        if not queue:
            del self._lanes[lane]

    def drop(self, lane: Hashable) -> tuple[T, ...]:
        """Take out everything of one lane."""
        dropped = tuple(self._lanes.pop(lane, ()))
        self._length -= len(dropped)
        return dropped
