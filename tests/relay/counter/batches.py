"""What a `CounterLink` delivers, as bursts that a test asks for one after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from relay.counter.port import CounterEvent, CounterLink, LinkStatus


async def batches(link: CounterLink) -> AsyncIterator[Sequence[CounterEvent | LinkStatus]]:
    """Each burst in its turn; ends after LinkStatus ENDED."""
    given: asyncio.Queue[Sequence[CounterEvent | LinkStatus] | None] = asyncio.Queue()
    reading = asyncio.ensure_future(link.deliver_to(given.put_nowait))
    reading.add_done_callback(lambda _: given.put_nowait(None))
    try:
        while (batch := await given.get()) is not None:
            yield batch
        await reading
    finally:
        reading.cancel()
