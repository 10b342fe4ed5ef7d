"""A token bucket: so much at once, then so much a second."""

from __future__ import annotations


class Bucket:
    """Full at the beginning. What is taken may be more than there is; then the next one waits for it, too."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._left = burst
        self._at: float | None = None

    def left(self, now: float) -> float:
        """What may be taken at once."""
        if self._at is not None:
            self._left = min(self.burst, self._left + (now - self._at) * self.rate)
        self._at = now
        return self._left

    def take(self, amount: float, now: float) -> float:
        """Take it, whether or not it is there; returns what is left, which is then less than nothing."""
        self._left = self.left(now) - amount
        return self._left

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much is there."""
        return max(0.0, (min(amount, self.burst) - self.left(now)) / self.rate)
