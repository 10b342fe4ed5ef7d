"""The one thread crossing: nothing lost, nothing reordered, one wake-up for a burst."""

from __future__ import annotations

import asyncio

from ctpabi.api.inbox import Inbox


async def test_everything_a_foreign_thread_puts_arrives_in_order() -> None:
    """However the loop and the thread interleave."""
    taken: list[int] = []
    inbox: Inbox[int] = Inbox(asyncio.get_running_loop(), taken.extend, limit=1_000_000)

    def foreign() -> None:
        for number in range(50_000):
            inbox.put(number)

    await asyncio.to_thread(foreign)
    await asyncio.sleep(0)

    assert taken == list(range(50_000))


async def test_a_burst_wakes_the_loop_once() -> None:
    """A wake-up for every item was measured several times slower."""
    bursts: list[list[int]] = []
    inbox: Inbox[int] = Inbox(asyncio.get_running_loop(), bursts.append, limit=100)

    for number in range(10):
        inbox.put(number)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert bursts == [list(range(10))]


async def test_more_than_the_limit_is_dropped_and_said() -> None:
    """Memory is bounded; the session knows that it must be renewed."""
    taken: list[int] = []
    inbox: Inbox[int] = Inbox(asyncio.get_running_loop(), taken.extend, limit=3)

    for number in range(5):
        inbox.put(number)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert taken == [0, 1, 2]
    assert inbox.overflowed


def test_a_closed_loop_is_no_error_for_the_foreign_thread() -> None:
    """The vendor's thread may call once more while the process goes down."""
    loop = asyncio.new_event_loop()
    inbox: Inbox[int] = Inbox(loop, lambda _: None, limit=10)
    loop.close()

    inbox.put(1)
