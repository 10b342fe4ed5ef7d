"""The adapter in this process, against the simulated UFX over the vendor's own library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from relay.counter.adapter_parts import AdapterParts
from relay.counter.port import Mode, SteeredCounter
from relay.counter.ufx.modes import make_counter
from relay.settings.ufx_section import UfxSettings
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from tests.relay.counter.cts.rig import INVESTOR, OTHER, Rig
from tests.t2sdk import library_path


class UfxRig(Rig):
    """A UFX counter, and the adapter in front of it."""

    @staticmethod
    def make(parts: AdapterParts) -> SteeredCounter:
        return make_counter(parts)

    def section(self, port: int, more: Mapping[str, Any]) -> dict[str, Any]:
        known = {"reconnect_seconds": 0.1, "dead_token_codes": ("1901",), **more}
        return {
            "system": "ufx",
            "ufx": UfxSettings(servers=(f"127.0.0.1:{port}",), library=library_path(), **known),
        }

    @property
    def status(self) -> dict[str, Any]:
        """The simulated counter's."""
        found: dict[str, Any] = self.command("ufx_status")
        return found


@asynccontextmanager
async def ufx_rig(
    config: CounterConfig, mode: Mode, directory: Path, *, start: bool = True, **settings: Any
) -> AsyncIterator[UfxRig]:
    """Started, and connected."""
    async with SimulatedCounter(config) as counter:
        made = UfxRig(counter, mode, directory, settings)
        if start:
            await made.counter.start()
            await made.until(lambda: made.counter.ready, "it is connected")
        try:
            yield made
        finally:
            for terminal in made.terminals:
                await terminal.leave()
            await made.counter.stop()
            made.order_map.close()


__all__ = ["INVESTOR", "OTHER", "UfxRig", "ufx_rig"]
