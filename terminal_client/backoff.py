"""When to try again: exponential back-off with full jitter, on top of what the relay asked for, so that not all come in one moment."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from terminal_client.session import Deadlines

T = TypeVar("T")


class TryLater(Exception):
    """This try failed; another one can succeed, after `seconds` at the earliest."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = seconds


async def retried(
    attempt: Callable[[], Awaitable[T]],
    deadlines: Deadlines,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """What `attempt` returns; it is called again while it raises TryLater, the last of which is raised after `give_up_after_seconds`.

    Earlier where the relay asks to wait longer than that.
    """
    started, longest = time.monotonic(), deadlines.first_retry_seconds
    while True:
        try:
            return await attempt()
        except TryLater as failure:
            left = started + deadlines.give_up_after_seconds - time.monotonic()
            if failure.seconds >= left:  # 0 seconds are asked for where nothing is
                raise
            wait = failure.seconds + random.uniform(0.0, longest)  # noqa: S311 — jitter, not a secret
        await sleep(min(wait, left))
        longest = min(2 * longest, deadlines.longest_retry_seconds)
