"""An event without a deque: it does what asyncio's does."""

from __future__ import annotations

import asyncio

import pytest

from relay.lean_event import LeanEvent


@pytest.fixture(params=[LeanEvent, asyncio.Event])
def event(request: pytest.FixtureRequest) -> LeanEvent:
    """One of ours, and asyncio's to compare with."""
    made: LeanEvent = request.param()
    return made


async def test_all_that_wait_are_let_go_and_later_ones_do_not_wait(event: LeanEvent) -> None:
    """Set it is until it is cleared."""
    waits = [asyncio.ensure_future(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    before = event.is_set()

    event.set()
    await asyncio.wait_for(asyncio.gather(*waits), 60)
    await asyncio.wait_for(event.wait(), 60)

    assert (before, event.is_set()) == (False, True)


async def test_one_that_waited_is_let_go_although_it_is_cleared_in_the_same_moment(event: LeanEvent) -> None:
    """What was said is not unsaid; who comes later waits for the next time."""
    wait = asyncio.ensure_future(event.wait())
    await asyncio.sleep(0)
    event.set()
    event.clear()
    await asyncio.wait_for(wait, 60)
    late = asyncio.ensure_future(event.wait())
    await asyncio.sleep(0)

    assert not late.done()
    event.set()
    await asyncio.wait_for(late, 60)


async def test_one_that_gave_up_is_forgotten_and_the_others_are_let_go(event: LeanEvent) -> None:
    """A stream that ends while it waits leaves nothing behind."""
    first, second = (asyncio.ensure_future(event.wait()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})

    event.set()
    await asyncio.wait_for(second, 60)

    assert first.cancelled()


def test_it_weighs_little_while_nothing_waits() -> None:
    """A terminal has several, and waits for most of them never."""
    made = LeanEvent()

    assert not hasattr(made, "__dict__")
    assert made._waiting is None
