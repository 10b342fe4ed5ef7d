"""Two relay processes of one firm in front of one counter: on one database, or each on a state directory of its own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from relay.counter.port import Mode
from simcounter.counter import SimulatedCounter
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import Site, register

SECRETS_KEY = "secrets.key"


@asynccontextmanager
async def relay_pair(
    mode: Mode,
    tls: TlsFiles,
    directory: Path,
    counter: SimulatedCounter,
    database_url: str = "",
    settings: Mapping[str, object] | None = None,
    process: type[RelayProcess] = RelayProcess,
) -> AsyncIterator[tuple[Site, Site]]:
    """Both relays, serving. With `database_url` they share it and the key of their terminals' auth codes; `process` is of the counter's system."""
    relays: list[RelayProcess] = []
    try:
        for number in (1, 2):
            own = {"relay__name": f"relay-{number}", **(settings or {})}
            if database_url:
                own["ledger__url"] = database_url
            relay = process(directory / f"pair-{number}", mode, counter.address, tls, own)
            if database_url and relays:
                relay.state_dir.mkdir(mode=0o700)
                shutil.copy2(relays[0].state_dir / SECRETS_KEY, relay.state_dir / SECRETS_KEY)
            else:
                if database_url:
                    relay.command("database", "upgrade").check_returncode()
                register(relay)
            relays.append(relay)
            await relay.start()
        first, second = (Site(counter, relay, tls) for relay in relays)
        yield first, second
    finally:
        for relay in relays:
            await relay.stop()
    assert [leak for relay in relays for leak in leaks(relay)] == []
