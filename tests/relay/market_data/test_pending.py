"""What waits for one terminal: nothing is lost unsaid, the newest is always there, the queue is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.market_data.pending import PendingTicks
from relay.market_data.ticks import MarketTick

NAMES = ["a", "b", "c"]
CAPACITY = 4


def tick(name: str, number: int) -> MarketTick:
    return MarketTick(name, f"{name}{number} ".encode(), b"")


@given(st.lists(st.one_of(st.sampled_from(NAMES), st.integers(0, 12)), max_size=60))
def test_sent_and_passed_over_are_what_came(steps: list[str | int]) -> None:
    """Names come as ticks, numbers are writes of so many bytes; at the end everything is written."""
    pending, came = PendingTicks(CAPACITY), dict.fromkeys(NAMES, 0)
    got: dict[str, list[int]] = {name: [] for name in NAMES}
    passed = dict.fromkeys(NAMES, 0)

    for step in [*steps, 10_000]:
        if isinstance(step, str):
            came[step] += 1
            pending.put(tick(step, came[step]))
            assert len(pending) <= CAPACITY + len(NAMES)
        else:
            entries, counts = pending.take(step)
            for entry in entries:
                got[entry[:1].decode()].append(int(entry[1:]))
            for name, count in counts:
                passed[name] += count

    for name in NAMES:
        assert got[name] == sorted(set(got[name]))
        assert got[name][-1:] == ([came[name]] if came[name] else [])
        assert len(got[name]) + passed[name] == came[name]
    assert sum(passed.values()) == pending.passed_over


def test_a_quick_reader_gets_every_tick() -> None:
    """Also several of one instrument."""
    pending = PendingTicks(CAPACITY)
    for number in range(CAPACITY):
        pending.put(tick("a", number))

    assert pending.take(1000) == ([b"a0 ", b"a1 ", b"a2 ", b"a3 "], [])


def test_a_slow_reader_gets_the_newest_and_the_count() -> None:
    """In the places of the oldest, so that no instrument starves."""
    pending = PendingTicks(CAPACITY)
    for number in range(10):
        pending.put(tick("a", number))
        pending.put(tick("b", number))

    assert pending.take(1000) == ([b"a9 ", b"b9 "], [("a", 9), ("b", 9)])
    assert pending.passed_over == 18


def test_what_is_unsubscribed_waits_no_more() -> None:
    """Whether or not there is a backlog."""
    quick, slow = PendingTicks(CAPACITY), PendingTicks(1)
    for pending in (quick, slow):
        for name in ("a", "b", "a"):
            pending.put(tick(name, 1))
        pending.drop({"a"})

    assert quick.take(1000) == ([b"b1 "], [])
    assert slow.take(1000) == ([b"b1 "], [])
