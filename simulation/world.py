"""Everything there is in a run: the counter, the database, two places for relay processes, the terminals, and their troubles."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable
from pathlib import Path
from random import Random

from relay.counter.port import Mode
from relay.database.database import DatabaseUnusable
from simulation.plan import Size
from simulation.process import JOURNAL_BYTES, JOURNAL_ITEMS, OUTBOX_BYTES, ProcessPlace, RelayProcess
from simulation.rules import Rules
from simulation.seeded_counter import SeededCounter
from simulation.storage import SharedDatabase
from simulation.terminal import PlannedTerminal
from simulation.virtual_loop import VirtualLoop

_GOODBYE_BYTES = 300
_MOST_CALLS = 1024
"""calls of one terminal that may wait in the relay"""


class World:
    """Everything there is in a run."""

    def __init__(self, seed: int, size: Size, folder: Path, loop: VirtualLoop) -> None:
        dice = Random(f"{seed}/world")
        self.seed, self.loop = seed, loop
        self.rules = Rules(loop.time, lambda: loop.steps)
        self.context = contextvars.copy_context()
        self.database = SharedDatabase(self.rules)
        limits = dice.choice((0, 1, 2)), dice.choice((0, 5, 20, 100))
        self.counter = SeededCounter(seed, self.rules, self.database, limits)
        self.mode = dice.choice((Mode.MANY_TO_ONE, Mode.MANY_TO_ONE, Mode.MANY_TO_MANY))
        self.slots = [ProcessPlace(f"relay-{place}", folder / str(place)) for place in range(2)]
        self.processes: list[RelayProcess | None] = [None, None]
        investors = max(2, size.terminals // 2)
        self.terminals = [
            PlannedTerminal(number, f"{100001 + number % investors}", self, seed) for number in range(size.terminals)
        ]
        self._looked = 0
        self._numbers = itertools.count()
        self._at_step: list[tuple[int, int, Callable[[], object]]] = []

    # What terminals ask ------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.loop.now

    @property
    def trading_day(self) -> str:
        return self.counter.trading_day

    @property
    def is_open(self) -> bool:
        return self.counter.is_open

    def process_of(self, number: int) -> RelayProcess | None:
        return self.processes[number]

    def later(self, seconds: float, work: Callable[..., object], *facts: object) -> None:
        self.loop.call_later(seconds, work, *facts, context=self.context)

    def after_steps(self, steps: int, work: Callable[[], object]) -> None:
        """Do it between two steps of the loop, so many from now on."""
        heapq.heappush(self._at_step, (self.loop.steps + steps, next(self._numbers), work))

    # Processes ---------------------------------------------------------------------------------------------------

    def boot(self, place: int) -> None:
        """The process of this place is started, unless it runs."""
        if self.processes[place] is not None:
            return
        slot = self.slots[place]
        slot.folder.mkdir(exist_ok=True)
        sent, recorded = self.counter.sent_steps, self.database.recorded
        for key, entries in recorded.items():
            if key[0] == slot.name:
                sent[key] = entries  # what its forerunner recorded and did not send allows nothing
        try:
            process = RelayProcess(slot, self.database, self.mode)
        except DatabaseUnusable:
            self.later(2.0, self.boot, place)  # its supervisor starts it again
            return
        self.processes[place] = process
        process.start()

    def kill(self, place: int) -> None:
        """As `kill -9`, at this step."""
        process = self.processes[place]
        if process is None:
            return
        self.processes[place] = None
        process.kill()
        for line in tuple(process.lines):
            line.up.put(None, 0.001)
        for api in [api for api in self.counter.apis if api.process is process]:
            api.release()
        self.database.look(process.chain)

    async def drain(self, place: int) -> None:
        """A stop that was asked for; then nothing of the process is left."""
        process = self.processes[place]
        if process is None:
            return
        self.processes[place] = None
        await process.drain()
        await asyncio.sleep(5.0)
        tasks, handles = self.loop.tasks_of(process), self.loop.handles_of(process)
        left = [task.get_name() for task in tasks] + [repr(handle) for handle in handles]
        self.rules.hold("nothing_left", f"{process.chain}: {left[:4]}", is_so=not left)
        process.killed = True

    # What must hold after every step -----------------------------------------------------------------------------

    def look(self) -> None:
        """After every step: the queues of one stream, in turn; then whatever was found is raised."""
        self._looked += 1
        while self._at_step and self._at_step[0][0] <= self.loop.steps:
            heapq.heappop(self._at_step)[2]()
        process = self.processes[self._looked & 1]
        if process is not None and process.lines:
            stream = process.lines[self._looked % len(process.lines)].stream
            waiting = stream.outbox.waiting[1]
            self.rules.hold(
                "bounds", f"{waiting} bytes wait for one terminal", is_so=waiting <= OUTBOX_BYTES + _GOODBYE_BYTES
            )
            session = stream._session
            if session is not None:
                queues = session.queues
                what = f"{queues}"
                fits = queues.calls <= _MOST_CALLS and queues.journal_events <= JOURNAL_ITEMS
                self.rules.hold("bounds", what, is_so=fits and queues.journal_bytes <= JOURNAL_BYTES)
        if self.rules.broken is not None:
            raise self.rules.broken
