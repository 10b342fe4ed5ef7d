"""Whose turn it is: a queue in which every sender stands once, however much it has queued.

The senders are served in turn, one item each round. Within a sender the most urgent item goes first, and items of the
same urgency in the order they came. So one sender's urgent items delay another sender's items by one each round, and
never hold them up for good.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Items by sender; `pop` serves the senders in turn. A smaller number is more urgent."""

    def __init__(self) -> None:
        # No queue and no sender is kept empty.
        self._senders: OrderedDict[Hashable, dict[int, deque[T]]] = OrderedDict()
        self.length = 0
        """how many items wait"""
        self._lengths: dict[Hashable, int] = {}
        self._senders_with = [0]
        """by number of items: how many senders have as many or more; the first is not used"""

    def __len__(self) -> int:
        return self.length

    @property
    def senders(self) -> int:
        """How many have something waiting."""
        return len(self._senders)

    def of(self, sender: Hashable) -> int:
        """How many items this sender has waiting."""
        return self._lengths.get(sender, 0)

    def ahead(self, sender: Hashable, urgency: int = 0) -> int:
        """How many items are served before one that this sender would push now, if nothing else came."""
        own = sum(len(queue) for level, queue in self._senders.get(sender, {}).items() if level <= urgency)
        # Each other sender has one turn more than this sender's items that come first, as far as it has items.
        turns = sum(self._senders_with[1 : own + 2])
        return own + turns - min(self.of(sender), own + 1)

    def push(self, sender: Hashable, item: T, urgency: int = 0) -> None:
        """Behind the sender's items of the same urgency."""
        self._senders.setdefault(sender, {}).setdefault(urgency, deque()).append(item)
        self._grow(sender)

    def push_back(self, sender: Hashable, item: T, urgency: int = 0) -> None:
        """Before everything else: it had its turn already and could not use it."""
        self._senders.setdefault(sender, {}).setdefault(urgency, deque()).appendleft(item)
        self._senders.move_to_end(sender, last=False)
        self._grow(sender)

    def pop(self) -> T:
        """The next item. Raises KeyError where nothing waits."""
        sender, queues = self._senders.popitem(last=False)
        urgency = min(queues)
        item = queues[urgency].popleft()
        if not queues[urgency]:
            del queues[urgency]
        if queues:
            self._senders[sender] = queues
        self._shrink(sender)
        return item

    def remove(self, sender: Hashable, item: T, urgency: int = 0) -> None:
        """Take out one waiting item. Raises ValueError where it does not wait here."""
        queues = self._senders.get(sender, {})
        queue = queues.get(urgency, deque())
        queue.remove(item)
        self._shrink(sender)
        if not queue:
            del queues[urgency]
        if not queues:
            del self._senders[sender]

    def drop(self, sender: Hashable) -> tuple[T, ...]:
        """Take out everything of one sender, the most urgent first."""
        queues = self._senders.pop(sender, {})
        dropped = tuple(item for urgency in sorted(queues) for item in queues[urgency])
        for _ in dropped:
            self._shrink(sender)
        return dropped

    def _grow(self, sender: Hashable) -> None:
        length = self._lengths[sender] = self.of(sender) + 1
        if length == len(self._senders_with):
            self._senders_with.append(0)
        self._senders_with[length] += 1
        self.length += 1

    def _shrink(self, sender: Hashable) -> None:
        length = self._lengths.pop(sender)
        self._senders_with[length] -= 1
        if length > 1:
            self._lengths[sender] = length - 1
        self.length -= 1
