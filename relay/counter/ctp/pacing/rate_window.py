"""How many sends the last second had: a limit a second that no second, wherever it begins, exceeds."""

from __future__ import annotations

from collections import deque

SPAN_SECONDS = 1.0


class RateWindow:
    """The sends of the last second; a limit of 0 means no limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sent: deque[float] = deque()

    def free_at(self, now: float, spare: int = 0) -> float:
        """When one more may be sent so that `spare` places are left after it; `now` or earlier means at once."""
        room = max(1, self._limit - spare)
        while self._sent and self._sent[0] <= now - SPAN_SECONDS:
            self._sent.popleft()
        if self._limit == 0 or len(self._sent) < room:
            return now
        return self._sent[len(self._sent) - room] + SPAN_SECONDS

    def take(self, now: float) -> None:
        """One was sent."""
        if self._limit:
            self._sent.append(now)
