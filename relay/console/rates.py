"""How much of what happened in the last hour: counters of a relay as differences, one for every ten seconds.

A counter that is smaller than before began anew (the relay was started again): what it shows happened since then. Pure: the
time is passed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

STEP_SECONDS: Final = 10
STEPS: Final = 360


class Rates:
    """Of one relay."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._steps: deque[tuple[int, dict[str, float]]] = deque(maxlen=STEPS)

    def add(self, at: float, counters: Mapping[str, float]) -> None:
        """What the counters show at this time, in seconds since the epoch."""
        step = int(at // STEP_SECONDS) * STEP_SECONDS
        if not self._steps or step > self._steps[-1][0]:
            self._steps.append((step, {}))
        here = self._steps[-1][1]
        for name, value in counters.items():
            before = self._last.get(name)
            grown = 0.0 if before is None else value - before if value >= before else value
            here[name] = here.get(name, 0.0) + grown
            self._last[name] = value

    def series(self, name: str, now: float) -> list[float]:
        """The last hour, the newest last; steps in which the relay did not answer are 0."""
        by_step = dict(self._steps)
        newest = int(now // STEP_SECONDS) * STEP_SECONDS
        first = newest - (STEPS - 1) * STEP_SECONDS
        return [by_step.get(step, {}).get(name, 0.0) for step in range(first, newest + 1, STEP_SECONDS)]

    @property
    def first_step(self) -> int | None:
        """When the oldest step that is known began, in seconds since the epoch."""
        return self._steps[0][0] if self._steps else None

    def names(self) -> list[str]:
        return sorted(self._last)
