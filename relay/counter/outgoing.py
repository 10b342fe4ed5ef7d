"""What waits for one terminal: items that are ready, and long ones that are made when the terminal takes them.

A day's replay or an answer of thousands of rows is kept as an iterator and made a slice at a time, so that it
holds up nobody else. Iterators wait in one queue for each request id, 0 for notices. Between any two calls it holds
that whatever comes for a request id with a queue waits behind that queue. The end of the counter session does not.

What all terminals of a counter session get alike, a public notice say, is put once, into `SharedItems`: to visit a thousand terminals
for it would hold the loop for milliseconds. Each has it before the next item of its own, so its order is the one in which things came.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Final

from relay.counter.port import CounterEvent, LinkState, LinkStatus, SharedEvents

Item = CounterEvent | LinkStatus
Later = Iterator[Item | None]
"""items that are made when they are taken; None where there is nothing to show of one"""

_NOTHING: Final = SharedEvents()


class SharedItems:
    """What all readers of one counter session get; whoever hands it to them says when they have had it."""

    def __init__(self) -> None:
        self.count = 0
        """how many there have ever been"""
        self._items: list[CounterEvent] = []
        self._asked = 0, 0
        self._answer = _NOTHING

    def put(self, item: CounterEvent) -> None:
        """For every reader there is now."""
        self._items.append(item)
        self.count += 1

    def after(self, count: int) -> SharedEvents:
        """Those since there were so many; the same object for all that have had as many."""
        if count == self.count:
            return _NOTHING
        asked = count, self.count
        if asked != self._asked:
            self._asked, self._answer = asked, SharedEvents(self._items[count - self.count :])
        return self._answer

    def forget(self) -> None:
        """Every reader has had all."""
        self._items.clear()
        self._asked, self._answer = (0, 0), _NOTHING


class OutgoingItems:
    """A queue for one reader."""

    def __init__(self) -> None:
        self.on_item: Callable[[int], None] = lambda _: None
        """called where so many came: the reader may be asleep"""
        self._shared = SharedItems()
        self._had = 0
        self._items: deque[Item] = deque()
        self._later: OrderedDict[int, deque[Later]] = OrderedDict()
        self.now = 0.0
        """while an item is made: the reader's clock, in seconds"""

    def __len__(self) -> int:
        """How many items wait; those that one `put_later` makes count as one, and each that waits behind them."""
        return len(self._items) + self._shared.count - self._had + sum(map(len, self._later.values()))

    @property
    def has_notices_to_come(self) -> bool:
        """Whether notices are still to be made: whatever comes is made after them."""
        return 0 in self._later

    @property
    def has_more_to_make(self) -> bool:
        """Whether `make` has something to do."""
        return bool(self._later)

    def share(self, shared: SharedItems) -> None:
        """Get these with others, from now on."""
        self._shared, self._had = shared, shared.count

    def catch_up(self) -> int:
        """Have what all got meanwhile; how many that were."""
        shared, self._had = self._shared.after(self._had), self._shared.count
        for item in shared:
            self._add(item)
        return len(shared)

    def put(self, item: Item) -> None:
        """Add one that is ready."""
        before = self.catch_up() if self._had != self._shared.count else 0
        self._add(item)
        self.on_item(before + 1)

    def _add(self, item: Item) -> None:
        behind = self._later.get(item.request_id if isinstance(item, CounterEvent) else 0) if self._later else None
        if behind is not None and not is_end(item):
            behind.append(iter((item,)))
        else:
            self._items.append(item)

    def put_later(self, request_id: int, items: Later) -> None:
        """Add many: `make` makes them."""
        before = self.catch_up()
        self._later.setdefault(request_id, deque()).append(items)
        self.on_item(before + 1)

    @property
    def behind(self) -> int:
        """How many of those that all get it has yet to have."""
        return self._shared.count - self._had

    def take_shared(self) -> SharedEvents:
        """Everything that is ready, where it is only what all get; else nothing."""
        if self._items or self._later:
            return _NOTHING
        shared, self._had = self._shared.after(self._had), self._shared.count
        return shared

    def take(self) -> list[Item]:
        """Everything that is ready."""
        self.catch_up()
        taken = list(self._items)
        self._items.clear()
        return taken

    def make(self, clock: Callable[[], float], seconds: float) -> list[Item]:
        """The next of what is made later, for as long as one slice; the requests take turns."""
        made = list[Item]()
        self.now = clock()
        until = self.now + seconds
        while self._later and self.now < until:
            request_id, queue = next(iter(self._later.items()))
            for item in queue[0]:
                if item is not None:
                    made.append(item)
                self.now = clock()
                if self.now >= until:
                    self._later.move_to_end(request_id)
                    break
            else:
                queue.popleft()
                if not queue:
                    del self._later[request_id]
        return made


def is_end(item: Item) -> bool:
    """Whether the counter session is over: nothing comes after it."""
    return isinstance(item, LinkStatus) and item.state is LinkState.ENDED
