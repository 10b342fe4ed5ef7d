"""When made-up orders run: while the relay does, each so many milliseconds, and not where a real order has just kept the way warm."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.counter.ctp.modes.many_to_one import ManyToOne
from relay.counter.port import Counter, Mode
from relay.counter_choice import ProcessParts
from relay.figures.figures import Figures
from relay.keep_warm.counter import NAME
from relay.keep_warm.orders import MadeUpOrders
from relay.rpc.certificates import Certificates
from relay.settings.settings import Settings
from relay.tasks import Tasks

NewContext = Callable[[], ssl.SSLContext]


@contextlib.asynccontextmanager
async def begun(
    counter: Counter, settings: Settings, parts: ProcessParts, certificates: Certificates | None
) -> AsyncIterator[None]:
    """The counter is started and stopped, and made-up orders run as the settings ask for them; `certificates` serve the terminals."""
    await counter.start()
    try:
        milliseconds, tls = settings.relay.keep_warm_milliseconds, certificates.context if certificates else None
        async with kept_warm(counter, milliseconds, parts.flow_dir, parts.figures, tls):
            yield
    finally:
        await counter.stop()


@contextlib.asynccontextmanager
async def kept_warm(
    counter: Counter, milliseconds: int, folder: Path, figures: Figures, tls: NewContext | None = None
) -> AsyncIterator[None]:
    """A made-up order each so many milliseconds while this lasts; none with 0, and where the counter is not CTP's.

    `folder` is the process's, and `figures` are: they say when a real order was sent.
    """
    if not milliseconds or not isinstance(counter, ManyToMany | ManyToOne):
        yield
        return
    is_shared, tasks = counter.mode is Mode.MANY_TO_ONE, Tasks()
    orders = MadeUpOrders(counter.tables, folder / NAME, is_shared=is_shared, tls=tls)
    try:
        await orders.begin()
        tasks.start(_go_on(orders, milliseconds / 1000, figures), NAME)
        yield
    finally:
        await tasks.cancel()
        await orders.end()


async def _go_on(orders: MadeUpOrders, seconds: float, figures: Figures) -> None:
    known = 0.0
    while True:
        await asyncio.sleep(seconds)
        sent = figures.order_seconds.total
        if sent == known:
            orders.order()
        known = sent
