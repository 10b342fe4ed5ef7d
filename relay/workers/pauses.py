"""How long a worker that ended stays away before it is started again. Pure."""

from __future__ import annotations

from typing import Final

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 30.0
GOOD_SECONDS: Final = 60.0
"""who served for so long ended for a new reason"""


class RestartPauses:
    """Of one worker: each end soon after a start doubles the pause."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def after(self, served_seconds: float) -> float:
        """The pause, for one that served so long."""
        if served_seconds >= GOOD_SECONDS:
            self._next = FIRST_SECONDS
        pause, self._next = self._next, min(2 * self._next, LONGEST_SECONDS)
        return pause
