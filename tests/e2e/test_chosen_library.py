"""A relay whose counter is called through files that its settings name; nothing is preloaded in the libraries' place."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ctpabi.api import binding
from ctpabi.catalog import Interface
from ctpabi.shim import substitute
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from tests.e2e.binding_under_test import CHOSEN, counter_of, shim_of
from tests.e2e.relay_process import RelayProcess, TlsFiles, as_shipped
from tests.e2e.site import INVESTORS, Site, log_in, register, ticked, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")


class OnChosenLibraries(RelayProcess):
    """A relay that gets the simulated counter's libraries by its settings alone."""

    def environment(self) -> dict[str, str]:
        loopback_only = shim_of(self.binding).libraries[-1]
        return substitute.environment(as_shipped() | {"CTP_SIMCOUNTER_RECONNECT_MS": "50"}, [loopback_only])


@asynccontextmanager
async def on_files(directory: Path, tls: TlsFiles, trader: Path, market: Path) -> AsyncIterator[Site]:
    """A counter whose market does not tick by the clock, and a relay on these libraries."""
    async with counter_of(CHOSEN, CounterConfig(tick_milliseconds=0)) as counter:
        settings = {
            "counter__library": str(trader),
            "market_data__enabled": True,
            "market_data__fronts": [counter.address],
            "market_data__library": str(market),
            "verification__genuineness": False,  # it is judged in a process of its own, which has none of these
        }
        relay = OnChosenLibraries(directory, Mode.MANY_TO_MANY, counter.address, tls, settings)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()


async def test_a_terminal_trades_through_the_files_that_are_named(tls: TlsFiles, tmp_path: Path) -> None:
    """Orders and ticks go through them and the package's are not loaded; ledger, status and terminal have their digests."""
    shim = shim_of(CHOSEN)
    trader, market = (tmp_path / name for name in ("a copy: trader.so", "a link: market.so"))
    shutil.copy(shim.trader, trader)
    market.symlink_to(shim.market_data)
    async with on_files(tmp_path / "relay", tls, trader, market) as site:
        async with site.terminal() as terminal:
            offered = (await log_in(terminal, INVESTORS[0])).counter
            traded = await trade(terminal)
            tick = await ticked(site, terminal, 3520.0)
        mapped = await asyncio.to_thread(Path(f"/proc/{site.relay.pid}/maps").read_text, encoding="utf-8")
        status = json.loads((await asyncio.to_thread(site.relay.command, "status")).stdout)
    library = {
        "file": str(trader),
        "version": "v6.7.11_SIMCOUNTER",
        "sha256": hashlib.sha256(trader.read_bytes()).hexdigest(),
    }
    (started,) = (entry.data for entry in site.relay.ledger() if entry.kind == "relay_started")

    assert (traded.volume, tick.last_price) == (1, 3520.0)
    assert str(trader) in mapped
    assert all(str(binding.vendor_library(CHOSEN, interface)) not in mapped for interface in Interface)
    assert started["library"] == library
    assert started["market_library"]["file"] == str(shim.market_data.resolve())
    assert library.items() <= status["counter"]["library"].items()
    assert status["market_data"]["library"]["file"] == str(shim.market_data.resolve())
    assert offered is not None
    assert (offered.binding, offered.library_sha256) == (CHOSEN.value, library["sha256"])
