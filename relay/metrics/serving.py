"""Opens the port for monitors, where the settings ask for one, and closes it at the end."""

from __future__ import annotations

import asyncio
import contextlib
import functools

from relay.metrics.endpoint import MetricsServer, why_not_healthy
from relay.metrics.measures import families, measures
from relay.metrics.readiness import Readiness
from relay.metrics.watched import Watched
from relay.settings.settings import Settings


def serve_metrics(settings: Settings, watched: Watched, stack: contextlib.AsyncExitStack) -> None:
    """Serve until the stack closes; raises OSError naming the setting where the address cannot be used."""
    if settings.metrics.address is None:
        return
    healthy = functools.partial(why_not_healthy, asyncio.get_running_loop(), watched.sessions)
    readiness = Readiness(settings.relay.name, watched.faults, watched.verifier, watched.counter, healthy)
    try:
        metrics = MetricsServer(
            settings.metrics.address, lambda: families(measures(watched)), healthy, readiness.answer
        )
    except OSError as error:
        where = f"metrics.address {settings.metrics.address}"
        raise OSError(f"{where} cannot be used: is another program there? ({error.strerror})") from None
    metrics.start()
    stack.push_async_callback(asyncio.to_thread, metrics.stop)
