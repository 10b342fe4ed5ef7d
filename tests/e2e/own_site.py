"""A site whose counter is set up by the test: another day, another clock, another seed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.session import Clock, china_now
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import Site, register


@asynccontextmanager
async def own_site(
    mode: Mode, tls: TlsFiles, directory: Path, config: CounterConfig, clock: Clock = china_now
) -> AsyncIterator[Site]:
    """A counter of this configuration and clock with a relay in front of it."""
    async with SimulatedCounter(config, clock=clock) as counter:
        relay = RelayProcess(directory / mode.value, mode, counter.address, tls)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()
