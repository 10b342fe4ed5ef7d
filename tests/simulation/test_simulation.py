"""The simulator: short runs in which every rule holds, protections whose loss it finds, and plans made small."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from simulation.__main__ import _numbers, _ranges
from simulation.breaks import without
from simulation.plan import Act, Size, make_plan, plan_of_cuts
from simulation.run import Result, play
from simulation.shrink import shrink
from simulation.virtual_loop import PROCESS, Stuck, VirtualLoop

SMALL = Size(terminals=6, calls=12, faults=30)


def played(seed: int, size: Size = SMALL) -> Result:
    return play(seed, size, make_plan(seed, size))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_rule_holds_in_a_short_run(seed: int) -> None:
    """Two relay processes and six terminals for a short trading day, with the faults of the seed."""
    result = played(seed)

    assert result.broken is None, (
        f"{result.broken}; python -m simulation --seed {seed} --terminals 6 --calls 12 --faults 30"
    )
    assert result.held["own_only"]


def test_a_seed_is_one_run() -> None:
    """The same steps, and the same at every edge."""
    first, second = played(4), played(4)

    assert (first.steps, first.fingerprint) == (second.steps, second.fingerprint)


@pytest.mark.parametrize(("seed", "cuts"), [(2, 30), (4, 20)])
def test_nothing_hangs_or_is_left_when_a_stream_ends_at_any_step(seed: int, cuts: int) -> None:
    """In logins, calls and drains; of many-to-many and of many-to-one."""
    size = Size(terminals=4)
    result = play(seed, size, plan_of_cuts(seed, size, cuts))

    assert result.broken is None, f"{result.broken}; python -m simulation --seed {seed} --terminals 4 --cuts {cuts}"
    assert result.held["comes_back"]
    assert result.held["nothing_left"]


def test_what_a_broken_login_leaves_behind_is_found() -> None:
    """A plan of a few such ends is enough."""
    size = Size(terminals=4)
    with without("undone_login"):
        broken = play(2, size, plan_of_cuts(2, size, cuts=10)).broken

    assert broken is not None
    assert broken.rule == "nothing_left"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("ledger_before_call", "ledger_first"),
        ("chain", "chain"),
        ("investor_filter", "own_only"),
        ("pacing", "pacing"),
        ("repetitions", "in_order"),
        ("held_trades", "in_order"),
        ("re_report", "reported"),
    ],
)
def test_a_protection_that_is_taken_away_is_missed(name: str, rule: str) -> None:
    """By the rule that it is there for; docs/decisions has those that take a longer run."""
    with without(name):
        broken = next((found for seed in range(1, 6) if (found := played(seed, Size()).broken) is not None), None)

    assert broken is not None
    assert broken.rule == rule


def test_a_plan_is_shrunk_to_the_acts_that_are_needed() -> None:
    """Both of them, and nothing else."""
    plan = [Act(number, float(number), "order", number % 4) for number in range(1, 60)]

    kept = shrink(plan, 50.0, lambda tried: {7, 33} <= {act.number for act in tried}, seconds=10.0)

    assert [act.number for act in kept] == [7, 33]


def test_acts_are_written_as_they_are_read() -> None:
    """What a run prints after `--only` is what it takes."""
    numbers = [1, 2, 3, 7, 9, 10]

    assert _ranges(numbers) == "1-3,7,9-10"
    assert sorted(_numbers(_ranges(numbers))) == numbers


class LonelyProcess:
    """Whose callbacks can be left out."""

    killed = False


def test_a_process_that_is_killed_does_nothing_more() -> None:
    """Neither a timer, nor a task that waits, nor what that would do in the end."""
    loop, process, done = VirtualLoop(), LonelyProcess(), list[str]()

    async def work() -> None:
        try:
            await asyncio.sleep(10.0)
            done.append("work")
        finally:
            done.append("finally")

    async def world() -> None:
        context = contextvars.copy_context()
        context.run(PROCESS.set, process)
        loop.create_task(work(), context=context)
        loop.call_later(5.0, done.append, "timer", context=context)
        await asyncio.sleep(1.0)
        loop.kill(process)
        await asyncio.sleep(100.0)
        assert done == []

    loop.run_until_complete(world())
    loop.bury()


def test_a_week_passes_in_no_time() -> None:
    """Nothing waits for a clock."""
    loop = VirtualLoop()

    loop.run_until_complete(asyncio.sleep(7 * 86400.0))

    assert loop.now >= 7 * 86400.0
    loop.bury()


def test_what_can_never_come_is_not_waited_for() -> None:
    """Nothing is ready, no timer is set: that is an error, and no hang."""
    loop = VirtualLoop()

    async def waits() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        loop.run_until_complete(waits())
    loop.bury()
