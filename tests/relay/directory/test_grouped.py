"""Many callers' work in one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import OperationalError

from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.grouped import Grouped


async def test_those_who_come_while_one_is_answered_share_the_next_transaction() -> None:
    """Each gets its own answer."""
    groups: list[list[int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def work(asked: Sequence[int]) -> list[int]:
        groups.append(list(asked))
        begun.set()
        assert go_on.wait(10)
        return [2 * one for one in asked]

    with DirectoryAccess() as access:
        grouped = Grouped(access, work)
        first = asyncio.ensure_future(grouped.run(1))
        await asyncio.to_thread(begun.wait, 10)
        others = [asyncio.ensure_future(grouped.run(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        go_on.set()
        answers = await asyncio.gather(first, *others)

    assert answers == [2, 4, 6, 8]
    assert groups == [[1], [2, 3, 4]]


async def test_where_a_transaction_fails_no_one_gets_an_answer_and_the_next_is_tried() -> None:
    """A login without its answer is refused."""
    failing = [True]

    def work(asked: Sequence[int]) -> list[int]:
        if failing:
            raise OperationalError("", {}, Exception("database is locked"))
        return list(asked)

    with DirectoryAccess() as access:
        grouped = Grouped(access, work)
        refused = await asyncio.gather(grouped.run(1), grouped.run(2), return_exceptions=True)
        failing.clear()
        answer = await grouped.run(3)

    assert [type(one) for one in refused] == [DirectoryUnavailable] * 2
    assert answer == 3


async def test_who_asks_again_as_soon_as_answered_is_answered_again() -> None:
    """In the very moment in which the group before it ends."""
    with DirectoryAccess() as access:
        grouped: Grouped[int, int] = Grouped(access, list)
        async with asyncio.timeout(30):
            answers = [await grouped.run(number) for number in range(5)]

    assert answers == [0, 1, 2, 3, 4]


async def test_who_waits_too_long_behind_others_is_refused_and_not_asked_for() -> None:
    """A database that hangs holds no login for ever."""
    groups: list[list[int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def work(asked: Sequence[int]) -> list[int]:
        groups.append(list(asked))
        begun.set()
        assert go_on.wait(10)
        return list(asked)

    with DirectoryAccess() as access:
        grouped = Grouped(access, work)
        first = asyncio.ensure_future(grouped.run(1))
        await asyncio.to_thread(begun.wait, 10)
        access.timeout = 0.05
        with pytest.raises(DirectoryUnavailable):
            await grouped.run(2)
        access.timeout = 10.0
        go_on.set()

        assert [await first, await grouped.run(3)] == [1, 3]
    assert groups == [[1], [3]]


async def test_a_caller_that_is_cancelled_takes_no_answer_from_the_others() -> None:
    """Its terminal hung up."""
    with DirectoryAccess() as access:
        grouped: Grouped[int, int] = Grouped(access, list)
        gone = asyncio.ensure_future(grouped.run(1))
        other = asyncio.ensure_future(grouped.run(2))
        await asyncio.sleep(0)
        gone.cancel()

        assert await other == 2
        with pytest.raises(asyncio.CancelledError):
            await gone


async def test_what_no_login_waits_for_waits_for_company() -> None:
    """One transaction for all who come within that time."""
    groups: list[list[int]] = []

    def work(asked: Sequence[int]) -> list[int]:
        groups.append(list(asked))
        return list(asked)

    with DirectoryAccess() as access:
        grouped = Grouped(access, work, gather_seconds=1.0)
        first = asyncio.ensure_future(grouped.run(1))
        for _ in range(5):  # in which it would have begun by itself
            await asyncio.sleep(0)
        answers = await asyncio.gather(first, grouped.run(2), grouped.run(3))

    assert list(answers) == [1, 2, 3]
    assert groups == [[1, 2, 3]]
