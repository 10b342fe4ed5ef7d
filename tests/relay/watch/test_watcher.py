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
    watcher.start(Check("hangs", release.wait, 0.01, 0.05, too_long.append))
    watcher.start(Check("fails", fails, 0.01))
    watcher.start(Check("works", lambda: looks.append("works"), 0.01))
    await holds(lambda: looks.count("works") > 3 and looks.count("fails") > 3 and too_long != [])
    release.set()
    await watcher.stop()

    assert too_long == ["no answer within 0.05 s"]


async def test_a_loop_that_stands_still_is_found_with_where_it_stands() -> None:
    """The line of our own code that holds it up is what a person needs."""
    faults, edges = Faults(), list[FaultEdge]()
    faults.listeners.append(edges.append)
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
