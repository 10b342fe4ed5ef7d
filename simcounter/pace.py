"""How many requests a user may send in one second."""

from __future__ import annotations

from simcounter.session import Clock


class PerSecond:
    """Counts within the clock's current second; 0 means unlimited."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self.limit = limit
        self._clock = clock
        self._second = 0
        self._counts: dict[str, int] = {}

    def exceeds(self, name: str) -> bool:
        """Counts one request of `name`; True when it is one too many."""
        if not self.limit:
            return False
        second = int(self._clock().timestamp())
        if second != self._second:
            self._second = second
            self._counts.clear()
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name] > self.limit
