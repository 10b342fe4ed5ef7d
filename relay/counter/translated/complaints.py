"""Rows of a counter that cannot be read: said in the log sparingly, whatever the counter sends."""

from __future__ import annotations

import time
from collections.abc import Callable

COMPLAINT_SECONDS = 10.0

SayUnreadable = Callable[[str, str, int], object]
"""what the row was of, why it cannot be read, and how many there were since the last word"""


class Complaints:
    """A line every COMPLAINT_SECONDS, with how many rows were left out since the line before."""

    def __init__(self, say: SayUnreadable, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._quiet_until = 0.0
        self._unsaid = 0

    def unreadable(self, of: str, why: object) -> None:
        """A row of this kind of message is left out; `why` holds no values of an investor's."""
        self._unsaid += 1
        if self._clock() >= self._quiet_until:
            self._say(of, str(why), self._unsaid)
            self._unsaid, self._quiet_until = 0, self._clock() + COMPLAINT_SECONDS
