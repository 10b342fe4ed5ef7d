"""Looks go on whatever one of them does, and a loop that stands still is found by a thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from relay.faults.faults import FaultEdge, Faults
from relay.faults.table import Fault
from relay.watch.watcher import Check, LoopWatch, Watcher

DEADLINE = 30.0


async def holds(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_a_look_that_hangs_or_fails_holds_up_no_other() -> None:
    """A database that does not answer must not keep the disk from being looked at."""
    release, looks, too_long = threading.Event(), list[str](), list[str]()

    def fails() -> None:
        looks.append("fails")
        raise OSError

    watcher = Watcher()
    watcher.start(Check("hangs", lambda: release.wait(DEADLINE), lambda: 0.01, 0.05, too_long.append))
    watcher.start(Check("fails", fails, lambda: 0.01))
    watcher.start(Check("works", lambda: looks.append("works"), lambda: 0.01))
    try:
        await holds(lambda: looks.count("works") > 3 and looks.count("fails") > 3 and too_long != [])
    finally:
        release.set()  # or the loop waits for the thread at its end
        await watcher.stop()

    assert too_long == ["no answer within 0.05 s"]


async def test_a_period_that_has_changed_is_kept_from_the_next_look_on() -> None:
    """Settings are read again while the relay looks."""
    looks, period = list[int](), [0.01]

    def look() -> None:
        looks.append(1)
        period[0] = 3600.0 if len(looks) > 1 else 0.01

    watcher, other = Watcher(), list[int]()
    watcher.start(Check("changes", look, lambda: period[0]))
    watcher.start(Check("goes on", lambda: other.append(1), lambda: 0.01))
    try:
        await holds(lambda: len(looks) > 1)
        begun = len(other)
        await holds(lambda: len(other) > begun + 10)
    finally:
        await watcher.stop()

    assert len(looks) == 2


async def test_a_loop_that_stands_still_is_found_with_where_it_stands() -> None:
    """The line of our own code that holds it up is what a person needs."""
    faults, edges = Faults(), list[FaultEdge]()
    faults.listen(edges.append)
    watch = LoopWatch(asyncio.get_running_loop(), faults, 0.05)
    watch.start()

    hold_up(lambda: faults.stands(Fault.LOOP_STUCK))
    await holds(lambda: not faults.stands(Fault.LOOP_STUCK))
    watch.stop()

    assert [edge.is_end for edge in edges] == [False, True]
    assert any("hold_up" in line for line in edges[0].of.facts["where"])  # type: ignore[attr-defined]


def hold_up(until: Callable[[], bool]) -> None:
    """Keep the loop's thread."""
    deadline = time.monotonic() + DEADLINE
    while not until() and time.monotonic() < deadline:
        time.sleep(0.005)


async def test_a_loop_that_goes_on_has_no_fault() -> None:
    """However often it is asked."""
    faults = Faults()
    watch = LoopWatch(asyncio.get_running_loop(), faults, 0.02)
    watch.start()
    await asyncio.sleep(0.1)
    watch.stop()

    assert faults.begun(Fault.LOOP_STUCK) == 0 or pytest.skip("this machine stood still itself")
