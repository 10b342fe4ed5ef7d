"""Counts and latencies of one process. A count is an addition to a dictionary, a latency a search in a short tuple."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

LOGIN_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CALL_BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)


class Histogram:
    """How many values were at most each bound, in seconds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """by the first bound that a value does not exceed; the last for those beyond all"""
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> Iterator[tuple[str, int]]:
        """Prometheus' buckets: (le, how many were at most that)."""
        so_far = 0
        for bound, count in zip((*self.bounds, float("inf")), tuple(self.counts), strict=True):
            so_far += count
            yield ("+Inf" if bound == float("inf") else str(bound)), so_far


class Figures:
    """Of one process."""

    def __init__(self) -> None:
        self.logins: dict[str, int] = {"succeeded": 0, "refused": 0, "abandoned": 0}
        """by outcome"""
        self.resumes = 0
        self.refusals: dict[str, int] = {}
        """of streams, logins and calls, by reason"""
        self.calls: dict[tuple[str, int], int] = {}
        """requests given to the counter's API, by its name for them and what it returned"""
        self.login_seconds = Histogram(LOGIN_BOUNDS)
        self.order_seconds = Histogram(CALL_BOUNDS)
        self.notice_seconds = Histogram(CALL_BOUNDS)
        self.events = 0
        """notices and answers put on their way to terminals"""

    def refused(self, reason: str) -> None:
        """One more refusal."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def called(self, request: str, code: int) -> None:
        """One more request at the counter's API, and what it returned."""
        key = request, code
        self.calls[key] = self.calls.get(key, 0) + 1
