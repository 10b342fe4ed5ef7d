"""A site whose counter is a simulated UFX, to which the relay speaks through Hundsun's own library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from tests.e2e.relay_process import RelayProcess, Sections, TlsFiles
from tests.e2e.site import Site, register
from tests.t2sdk import library_path

_OF_CTP = ("binding", "fronts", "relay_app_id", "relay_auth_code_file", "inits_per_second", "connect_timeout_seconds")


class UfxRelayProcess(RelayProcess):
    """Its settings name a UFX counter, at the address that is CTP's front elsewhere."""

    ufx: Mapping[str, object] = {}

    def _sections(self, front: str, tls: TlsFiles) -> Sections:
        sections = super()._sections(front, tls)
        counter = sections["counter"]
        for name in (*_OF_CTP, "longest_pause_seconds"):
            counter.pop(name, None)
        sections["counter"] = {"system": "ufx", **counter}
        sections["counter.ufx"] = {
            "servers": [front.removeprefix("tcp://")],
            "library": str(library_path()),
            "reconnect_seconds": 0.1,
            "dead_token_codes": ["1901"],
            **self.ufx,
        }
        return sections


@asynccontextmanager
async def ufx_site(
    mode: Mode, tls: TlsFiles, directory: Path, ufx: Mapping[str, object] | None = None
) -> AsyncIterator[Site]:
    """A UFX counter with a relay in front of it; `ufx` are further settings of its section."""
    async with SimulatedCounter(CounterConfig(system="ufx", sessions_per_user=1000)) as counter:
        process = type("UfxRelayWithSettings", (UfxRelayProcess,), {"ufx": ufx or {}})
        relay: RelayProcess = process(directory / mode.value, mode, counter.address, tls)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()
