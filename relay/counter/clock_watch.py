"""How far this machine's clock is from the counter's: measured at each login's answer, and followed in between."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable

from relay.faults.faults import Faults
from relay.faults.table import Fault

_DAY = 86400
_CHINA_SECONDS = 8 * 3600
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)")


def offset_of(login_time: str, wall: float) -> float | None:
    """How many seconds our clock is ahead of a counter that said this time; None where it said none.

    The counter says whole seconds, so what it means lies within the next one: half of it is the best guess.
    """
    said = _TIME.fullmatch(login_time.strip())
    if said is None:
        return None
    hours, minutes, seconds = map(int, said.groups())
    theirs = hours * 3600 + minutes * 60 + seconds + 0.5
    ours = (wall + _CHINA_SECONDS) % _DAY
    return (ours - theirs + _DAY / 2) % _DAY - _DAY / 2


class ClockWatch:
    """Of one process; a clock that is stepped between two logins is seen by how it runs against the monotonic one."""

    def __init__(
        self,
        faults: Faults,
        tolerance: float = 0.0,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tolerance` is in seconds; 0 measures and finds no fault."""
        self._faults = faults
        self.tolerance = tolerance
        self._wall = wall
        self._steady = steady
        self._measured: tuple[float, float] | None = None
        """the offset, and by how much the two clocks of this machine differed then"""
        self._lock = threading.Lock()

    @property
    def offset(self) -> float:
        """Seconds that our clock is ahead of the counter's now; not a number before the first login."""
        with self._lock:
            if self._measured is None:
                return math.nan
            offset, apart = self._measured
            return offset + (self._wall() - self._steady()) - apart

    def answered(self, login_time: str) -> None:
        """The counter answered a login with this time."""
        wall = self._wall()
        offset = offset_of(login_time, wall)
        if offset is not None:
            with self._lock:
                self._measured = offset, wall - self._steady()
            self.look()

    def look(self) -> None:
        """Begin or end the fault by what is known now."""
        offset = self.offset
        off = self.tolerance > 0 and abs(offset) > self.tolerance  # never of what is not a number
        ahead = "ahead of" if offset > 0 else "behind"
        why = f"{abs(offset):.1f} s {ahead} the counter" if off else ""
        self._faults.set(Fault.CLOCK_OFF, why, **({"seconds_ahead": round(offset, 1)} if off else {}))
