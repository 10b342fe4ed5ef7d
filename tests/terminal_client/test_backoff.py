"""The waits between tries."""

from __future__ import annotations

import pytest

from terminal_client.backoff import TryLater, retried
from terminal_client.session import Deadlines

DEADLINES = Deadlines(first_retry_seconds=0.5, longest_retry_seconds=3.0)


class Attempt:
    """Fails as given, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.slept: list[float] = []

    async def __call__(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_the_waits_may_double_up_to_the_longest() -> None:
    """Each wait is drawn from zero to a bound that doubles: 0.5, 1, 2, then 3 seconds."""
    drawn: list[list[float]] = []
    for _ in range(200):
        attempt = Attempt(*[TryLater("not yet")] * 5)
        assert await retried(attempt, DEADLINES, sleep=attempt.sleep) == "done"
        drawn.append(attempt.slept)

    for waits, bound in zip(zip(*drawn, strict=True), (0.5, 1.0, 2.0, 3.0, 3.0), strict=True):
        assert 0.8 * bound < max(waits) <= bound
        assert min(waits) < 0.2 * bound


async def test_a_try_is_never_made_earlier_than_asked() -> None:
    """The relay's retry_after_seconds is the least; what is drawn comes on top, or all would come back in one moment."""
    attempt = Attempt(TryLater("not ready", 60.0), TryLater("not yet"))
    await retried(attempt, DEADLINES, sleep=attempt.sleep)

    assert 60.0 < attempt.slept[0] <= 60.5
    assert attempt.slept[1] <= 1.0


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [(TryLater("away"), 0.0), (TryLater("away", 1e9), 3600.0), (ValueError("away"), 3600.0)],
)
async def test_what_ends_the_tries_is_raised(failure: Exception, seconds: float) -> None:
    """The last TryLater when the time is up, or is shorter than the relay asks to wait; anything else at once."""
    attempt = Attempt(failure, TryLater("never reached"))
    with pytest.raises(type(failure), match="away"):
        await retried(attempt, Deadlines(give_up_after_seconds=seconds), sleep=attempt.sleep)

    assert attempt.slept == []
