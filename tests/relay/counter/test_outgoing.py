"""What waits for one terminal, where some of it comes to all: each has all of it, in the order in which it came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.counter.outgoing import OutgoingItems, SharedItems
from relay.counter.port import CounterEvent, LinkState, LinkStatus, SharedEvents

READERS = 3
STEPS = st.tuples(st.sampled_from(["share", "own", "take", "join", "forget"]), st.integers(0, READERS - 1))


def event(number: int) -> CounterEvent:
    return CounterEvent("OnRtnInstrumentStatus", number.to_bytes(2, "little"))


class Readers:
    """Some readers, what each should have had, and what each has had."""

    def __init__(self) -> None:
        self.shared = SharedItems()
        self.items: list[OutgoingItems] = []
        self.expected: list[list[CounterEvent]] = []
        self.had: list[list[object]] = []
        self.came: list[int] = []
        for _ in range(READERS):
            self.join()

    def join(self) -> None:
        number, items = len(self.items), OutgoingItems()
        items.share(self.shared)
        items.on_item = lambda count: self.came.__setitem__(number, self.came[number] + count)
        self.items.append(items)
        self.expected.append([])
        self.had.append([])
        self.came.append(0)

    def take(self, number: int) -> None:
        self.came[number] += self.items[number].catch_up()
        self.had[number] += self.items[number].take()


@given(st.lists(STEPS, max_size=40))
def test_each_reader_has_its_own_and_what_all_get_in_the_order_in_which_it_came(steps: list[tuple[str, int]]) -> None:
    """As if each had been given everything at once; whoever joins has what comes from then on."""
    readers = Readers()
    for number, (step, of) in enumerate(steps):
        match step:
            case "share":
                readers.shared.put(event(number))
                for expected in readers.expected:
                    expected.append(event(number))
            case "own":
                readers.items[of].put(event(number))
                readers.expected[of].append(event(number))
            case "take":
                assert len(readers.items[of]) == len(readers.expected[of]) - len(readers.had[of])
                readers.take(of)
            case "join":
                readers.join()
            case _:
                for items in readers.items:
                    items.catch_up()
                readers.shared.forget()
                assert readers.shared.after(0) == SharedEvents()
    for number in range(len(readers.items)):
        readers.take(number)

    assert readers.had == readers.expected


def test_what_all_get_is_counted_for_each_that_has_it() -> None:
    """With the next item of its own, or when it is asked for."""
    readers = Readers()
    readers.shared.put(event(1))
    readers.shared.put(event(2))
    readers.items[0].put(event(3))
    readers.take(0)
    readers.take(1)

    assert readers.came[:2] == [3, 2]


def test_what_all_get_waits_behind_a_replay_and_comes_before_the_end() -> None:
    """A terminal that still makes its day has it in the day's order."""
    readers = Readers()
    items = readers.items[0]
    items.put_later(0, iter([event(1), event(2)]))
    readers.shared.put(event(3))
    assert (len(items), items.take()) == (2, [])

    ended = LinkStatus(LinkState.ENDED, "over")
    made = items.make(lambda: 0.0, 1.0)
    readers.shared.put(event(4))
    items.put(ended)

    assert (made, items.take()) == ([event(1), event(2), event(3)], [event(4), ended])
