"""When to try again: exponential back-off with full jitter, never earlier than the relay asked for."""

from __future__ import annotations

import asyncio

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_random_exponential

from terminal_client.session import Deadlines


class TryLater(Exception):
    """This try failed; another one can succeed, after `seconds` at the earliest."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = seconds


def retrying(deadlines: Deadlines) -> AsyncRetrying:
    """Tries for as long as TryLater is raised and `give_up_after_seconds` have not passed."""
    jitter = wait_random_exponential(deadlines.first_retry_seconds, deadlines.longest_retry_seconds)

    def wait(attempt: RetryCallState) -> float:
        failure = attempt.outcome.exception() if attempt.outcome is not None else None
        return max(jitter(attempt), failure.seconds if isinstance(failure, TryLater) else 0.0)

    return AsyncRetrying(
        sleep=asyncio.sleep,
        wait=wait,
        stop=stop_after_delay(deadlines.give_up_after_seconds),
        retry=retry_if_exception_type(TryLater),
        reraise=True,
    )
