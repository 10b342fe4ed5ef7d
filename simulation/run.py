"""One run: the plan is played, the world comes to rest, and all go home.

The end has three parts, after the last act. First every fault is over, and the terminals have a while to be live again
(`comes_back`). Then what each of them knows is compared with the counter's book (`every_notice`). Last all log out, the
processes are drained, and nothing may be left in the loop (`nothing_left`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import structlog

from ctpabi.api.spi import Put
from relay.counter.ctp.modes import connection
from simulation.happenings import Happenings
from simulation.plan import Act, Size, day_name
from simulation.process import RelayProcess
from simulation.rules import RuleBroken, Rules
from simulation.vendor_api import VendorApi
from simulation.virtual_loop import PROCESS, Stuck, VirtualLoop
from simulation.world import World

_REST_SECONDS = 900.0
"""longer than any pause of the relay's: the breaker's is 300 s, and one more login follows it"""
_DRAIN_SECONDS = 300.0
_LOOK_SECONDS = 30.0
_DEATHS = frozenset(
    {"task_died", "call_died", "request_not_taken", "request_not_rewritten", "firm_not_asked", "api_call_failed"}
)
"""log events that are a fault of the relay's own"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    seed: int
    steps: int
    acts: int
    seconds: float
    """of the run's own time"""
    fingerprint: str
    broken: RuleBroken | None
    held: dict[str, int]


def play(seed: int, size: Size, plan: Sequence[Act]) -> Result:
    """Play a plan; the world is that of the seed."""
    loop = VirtualLoop(seed)
    with tempfile.TemporaryDirectory(prefix="simulation-") as folder:
        made: list[World] = []

        async def whole() -> None:
            made.append(World(seed, size, Path(folder), loop))
            with _in_its_place(made[0]):
                await _Player(made[0], size, plan).play()

        broken: RuleBroken | None = None
        try:
            loop.run_until_complete(whole())
        except RuleBroken as error:
            broken = error
        except Stuck:
            broken = RuleBroken("nothing_left", "something is waited for that can never come", loop.now, loop.steps)
        finally:
            loop.on_step = lambda: None
            rules = made[0].rules
            loop.bury()
    return Result(seed, loop.steps, len(plan), loop.now, rules.fingerprint, broken, rules.held)


@contextlib.contextmanager
def _in_its_place(world: World) -> Iterator[None]:
    """The library is the played one, and what the relay logs as its own fault is one."""

    def make_api(_binding: object, flow_dir: Path, put: Put, *, production: bool) -> VendorApi:
        del production
        process = PROCESS.get()
        if not isinstance(process, RelayProcess):
            raise TypeError("an API is made outside every process")
        return VendorApi(world.counter, process, flow_dir, put)

    before, configured = vars(connection)["TraderApi"], structlog.get_config()
    vars(connection)["TraderApi"] = make_api
    structlog.configure(
        processors=[_listener(world.rules)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )
    world.loop.on_step = world.look
    try:
        yield
    finally:
        vars(connection)["TraderApi"] = before
        structlog.configure(**configured)


def _listener(rules: Rules) -> Any:
    def listen(_logger: object, _level: str, event: dict[str, Any]) -> Any:
        name = event.get("event")
        if name in _DEATHS:
            error = event.get("exc_info")
            rules.hold("fault", f"{name} {event.get('task', '')}: {error!r}", is_so=False)
        raise structlog.DropEvent

    return listen


class _Player:
    """The course of a run."""

    def __init__(self, world: World, size: Size, plan: Sequence[Act]) -> None:
        self._world, self._size, self._plan = world, size, plan

    async def play(self) -> None:
        world = self._world
        happenings = Happenings(world)
        hours = world.loop.create_task(self._keep_hours(), name="hours")
        await self._until(self._size.sessions()[0][1] - 300)
        for place in range(2):
            world.boot(place)
        for act in self._plan:
            await self._until(act.at)
            happenings.do(act)
        await self._until(self._plan[-1].at + 30 if self._plan else self._size.sessions()[0][1] + 60)
        await self._rest()
        self._compare()
        await self._leave()
        hours.cancel()

    async def _until(self, at: float) -> None:
        if at > self._world.now:
            await asyncio.sleep(at - self._world.now)

    async def _keep_hours(self) -> None:
        """The counter opens and closes, and the terminals come and go with it; in the end it stays open."""
        world = self._world
        sessions = self._size.sessions()
        for day, begin, end in sessions:
            await self._until(begin)
            world.counter.open_day(day_name(day))
            dice = Random(f"{world.seed}/hours/{begin}")
            for terminal in world.terminals:
                world.later(dice.uniform(0.0, 50.0), terminal.come)
            if begin == sessions[-1][1] or (self._plan and end > self._plan[-1].at) or not self._plan:
                return
            while world.now < end:
                await asyncio.sleep(_LOOK_SECONDS)
                self._look_at_terminals()
            world.counter.close_day()
            for terminal in world.terminals:
                if dice.random() < 0.8:
                    world.later(dice.uniform(0.0, 60.0), terminal.leave)

    def _look_at_terminals(self) -> None:
        for terminal in self._world.terminals:
            terminal.look()
        faults = self._world.loop.faults
        self._world.rules.hold("fault", str(faults[:1]), is_so=not faults)

    async def _rest(self) -> None:
        for terminal in self._world.terminals:
            terminal.come()
        for _ in range(int(_REST_SECONDS / _LOOK_SECONDS)):
            await asyncio.sleep(_LOOK_SECONDS)
            self._look_at_terminals()
        for terminal in self._world.terminals:
            what = f"terminal {terminal.number} is not live {_REST_SECONDS:g} s after the last fault"
            self._world.rules.hold("comes_back", what, is_so=terminal.is_live)

    def _compare(self) -> None:
        for terminal in self._world.terminals:
            if terminal.seen.is_whole and terminal.seen.day == self._world.trading_day:
                for order in self._world.counter.matching.of(terminal.investor):
                    terminal.must_know(order)

    async def _leave(self) -> None:
        world = self._world
        for terminal in world.terminals:
            terminal.leave()
        await asyncio.sleep(60.0)
        for place in range(2):
            try:
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await world.drain(place)
            except TimeoutError:
                world.rules.hold("nothing_left", f"relay-{place} does not end", is_so=False)
            await asyncio.sleep(0)
