"""Background tasks: kept while they run, ended with their owner, and never dead without a word."""

from __future__ import annotations

import asyncio

import structlog
from structlog.testing import capture_logs

from relay.tasks import Tasks
from tests.relay.hand_loop import settled


async def test_a_task_that_ends_is_forgotten() -> None:
    """An owner lives for hours and starts thousands."""
    tasks = Tasks()
    task = tasks.start(asyncio.sleep(0, "done"), "short")
    assert len(tasks) == 1

    await task
    await settled()

    assert len(tasks) == 0


async def test_a_task_that_dies_is_logged_by_its_name() -> None:
    """It is not awaited, so its failure would stay unknown."""
    structlog.reset_defaults()

    async def die() -> None:
        raise OSError("no space left")

    with capture_logs() as logged:
        Tasks().start(die(), "pump s-1")
        await settled()

    assert [(line["event"], line["task"], line["log_level"]) for line in logged] == [("task_died", "pump s-1", "error")]


async def test_the_end_of_the_owner_is_the_end_of_its_tasks() -> None:
    """Waited for: what a task cleans up is clean when `cancel` returns."""
    tasks, cleaned = Tasks(), []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    for _ in range(3):
        tasks.start(work(), "work")
    await settled()

    await tasks.cancel()

    assert cleaned == [True] * 3
    assert len(tasks) == 0


async def test_a_task_may_end_its_owner_without_ending_itself() -> None:
    """The end of a session runs as one of its own tasks."""
    tasks, ended = Tasks(), asyncio.Event()

    async def end() -> None:
        await tasks.cancel()
        ended.set()

    other = tasks.start(asyncio.sleep(3600), "other")
    tasks.start(end(), "end")
    await asyncio.wait_for(ended.wait(), 5)

    assert other.cancelled()


async def test_a_canceled_task_is_no_failure() -> None:
    """It would fill the log at every shutdown."""
    tasks = Tasks()
    tasks.start(asyncio.sleep(3600), "long")

    with capture_logs() as logged:
        await tasks.cancel()
        await settled()

    assert logged == []


async def test_who_waits_for_the_end_and_is_cancelled_breaks_off_no_cleaning_up() -> None:
    """A terminal hangs up while its stream's tasks end: one of them logs out at the counter."""
    tasks, goes_on, cleaned = Tasks(), asyncio.Event(), []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await goes_on.wait()
            cleaned.append(True)

    tasks.start(work(), "work")
    await settled()
    ending = asyncio.ensure_future(tasks.cancel())
    await settled()

    ending.cancel()
    await settled()
    goes_on.set()
    await tasks.over()

    assert ending.cancelled()
    assert cleaned == [True]
