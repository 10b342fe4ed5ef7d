"""A relay whose process may be another one than was started here, because it was replaced."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.e2e.relay_process import RelayProcess
from tests.e2e.site import eventually


class ReplacedRelay(RelayProcess):
    """`successor` is the process that serves now, 0 where that is the first one."""

    successor = 0

    @property
    def pid(self) -> int:
        return self.successor or super().pid

    def said(self, event: str) -> list[dict[str, object]]:
        """The lines of its log about this event."""
        lines = [line for line in self.output.splitlines() if f'"{event}"' in line]
        return [json.loads(line) for line in lines]

    async def stop(self) -> int:
        """Every generation that is left."""
        pid, self.successor = self.successor, 0
        if pid and runs(pid):
            os.kill(pid, signal.SIGTERM)
            await eventually("the last generation has ended", lambda: not runs(pid))
        return await super().stop()

    async def kill(self) -> None:
        """The generation that serves; an earlier one has ended."""
        pid, self.successor = self.successor, 0
        if pid:
            os.kill(pid, signal.SIGKILL)
            await eventually("the last generation has ended", lambda: not runs(pid))
        await super().kill()


def runs(pid: int) -> bool:
    """Whether it has not ended; one that has and was not waited for is no process any more."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
