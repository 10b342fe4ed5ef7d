"""A check that waits for a terminal, in this process and at the pace of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from terminal_client.checking.findings import TerminalFindings
from terminal_client.checking.lesson import LessonPace, LessonStep
from terminal_client.checking.rules import Given
from terminal_client.checking.server import certificate_for, check_terminal, new_given

DEADLINE_SECONDS = 90.0
QUICK = LessonPace(retry_after=1, slow=0.5, breath=0.2, silence=0.5, step=20, watch=0.3)


@dataclass
class PlayedRelay:
    """A run that waits for a terminal."""

    given: Given
    ca_file: Path
    port: int
    running: asyncio.Task[TerminalFindings]
    steps: dict[LessonStep, asyncio.Event] = field(default_factory=dict)

    async def findings(self) -> TerminalFindings:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.running

    async def reached(self, step: LessonStep) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.steps[step].wait()


@asynccontextmanager
async def played_relay(tmp_path: Path, pace: LessonPace = QUICK) -> AsyncIterator[PlayedRelay]:
    given, ca_file, issued = new_given(), tmp_path / "ca.crt", certificate_for("127.0.0.1")
    ca_file.write_bytes(issued.certificate)
    steps = {step: asyncio.Event() for step in LessonStep}
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.get_running_loop().create_task(
        check_terminal(
            "127.0.0.1", 0, given, issued, ready=ready.set_result, show=lambda step: steps[step].set(), pace=pace
        )
    )
    try:
        yield PlayedRelay(given, ca_file, await ready, running, steps)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
