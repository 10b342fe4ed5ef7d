"""LoopTurns of many: a few in each round of the loop, and none while an order is under way, but not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import pairwise

from relay.turns import IN_A_ROUND, LoopTurns

MANY = 40 * IN_A_ROUND


class Given:
    """What was given, to whom, in order."""

    def __init__(self, turns: LoopTurns) -> None:
        self.turns = turns
        self.to: list[str] = []

    def each(self, name: str, count: int) -> Iterator[None]:
        for _ in range(count):
            self.to.append(name)
            yield


async def rounds(count: int) -> None:
    """So many of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_first_few_are_given_at_once_and_the_rest_in_rounds() -> None:
    """Whatever the loop has to do comes between them."""
    turns = LoopTurns()
    given = Given(turns)

    turns.ask_each(given.each("all", MANY))
    counts = [len(given.to)]
    while counts[-1] < MANY:
        await asyncio.sleep(0)
        counts.append(len(given.to))

    assert counts[0] == IN_A_ROUND
    assert max(after - before for before, after in pairwise(counts)) <= 2 * IN_A_ROUND


async def test_one_turn_waits_for_no_long_row_of_others() -> None:
    """Those that ask are served in turn."""
    turns = LoopTurns()
    given = Given(turns)
    turns.ask_each(given.each("all", MANY))

    turns.ask(lambda: given.to.append("one"))
    await rounds(2 * MANY)

    assert given.to.index("one") <= 2 * IN_A_ROUND
    assert given.to.count("all") == MANY


async def test_what_is_asked_for_inside_of_a_turn_is_part_of_it() -> None:
    """A terminal is handed a notice and written it in one turn."""
    turns = LoopTurns()
    given = Given(turns)

    def steps() -> Iterator[None]:
        for number in range(MANY):
            turns.ask(lambda: given.to.append("written"))
            assert len(given.to) == number + 1
            yield

    turns.ask_each(steps())
    await rounds(2 * MANY)

    assert len(given.to) == MANY


class HandTime:
    """The loop's clock, which stands still until it is moved; then what is due is called."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time()
        self._due: list[tuple[float, asyncio.Handle]] = []
        self._loop.time = lambda: self._now  # type: ignore[method-assign]
        self._loop.call_at = self._call_at  # type: ignore[method-assign, assignment]

    def _call_at(self, when: float, callback: Callable[[], object]) -> asyncio.Handle:
        handle = asyncio.Handle(callback, (), self._loop)
        self._due.append((when, handle))
        return handle

    def move(self, seconds: float) -> None:
        self._now += seconds
        due = [handle for when, handle in self._due if when <= self._now and not handle.cancelled()]
        self._due = [(when, handle) for when, handle in self._due if when > self._now]
        for handle in due:
            handle._run()


async def test_rounds_wait_while_an_order_is_under_way_until_its_notice_comes() -> None:
    """The processor and the loop are the order's; what comes for others goes on behind its notice."""
    HandTime()
    turns = LoopTurns()
    given = Given(turns)
    turns.ask_each(given.each("all", MANY))
    turns.wait_for_notice()
    await rounds(50)
    waiting = len(given.to)

    turns.notice_came()
    at_once = len(given.to)
    await rounds(200)

    assert waiting == at_once == IN_A_ROUND
    assert len(given.to) == MANY
    assert turns.waits == 1


async def test_a_round_waits_two_milliseconds_at_most_for_a_notice_that_does_not_come() -> None:
    """A counter may be slow, or say nothing; then one wait is all that an order costs the others."""
    time = HandTime()
    turns = LoopTurns()
    given = Given(turns)
    turns.ask_each(given.each("all", MANY))
    turns.wait_for_notice()
    await rounds(50)
    time.move(0.0019)
    await rounds(50)
    waiting = len(given.to)
    time.move(0.0002)
    await rounds(200)

    assert waiting == IN_A_ROUND
    assert len(given.to) == MANY


async def test_orders_without_end_hold_a_fan_out_up_for_twenty_milliseconds_and_no_longer() -> None:
    """Each wait ends with a round, and all waits together have a bound."""
    time = HandTime()
    turns = LoopTurns()
    given = Given(turns)
    turns.ask_each(given.each("all", MANY))
    waits = 0
    while len(given.to) < MANY:
        before = len(given.to)
        turns.wait_for_notice()
        await rounds(3)
        if turns.waits > waits:
            waits = turns.waits
            time.move(0.0021)
            assert len(given.to) > before
    first = turns.waits
    await rounds(3)

    turns.ask_each(given.each("next", MANY))
    turns.wait_for_notice()
    await rounds(50)

    assert 0 < first <= 10
    assert given.to.count("next") <= 2 * IN_A_ROUND


async def test_a_fault_in_one_turn_ends_no_other() -> None:
    """The one that fails is not asked again."""
    turns = LoopTurns()
    given = Given(turns)
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

    def breaks() -> Iterator[None]:
        for _ in range(IN_A_ROUND + 1):
            yield
        raise RuntimeError("a fault of whoever asked")

    turns.ask_each(breaks())
    turns.ask_each(given.each("all", MANY))
    await rounds(2 * MANY)

    assert len(given.to) == MANY
    assert len(faults) == 1
