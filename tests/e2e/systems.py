"""Each counter system the relay can stand in front of, played here, with a relay for it: what differs is in this table alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from ctpabi.catalog import Distribution
from ctpabi.shim.build import CompilerMissing
from ctpabi.shim.substitute import BindingMissing
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.cts.front import CtsFront
from simcounter.ufx.front import UfxFront
from terminal_client.collectors import Collectors, collectors_of
from tests.e2e.binding_under_test import counter_of, shim_of
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import Site, register
from tests.ports import unused_port
from tests.t2sdk import LIBRARY, library_path

DAY, SEED = "20261123", 7
VENDOR = "demo"
"""whose information the simulated CTS wants of every terminal"""
HUNDSUN = LIBRARY.with_name("libHsFutuSystemInfo.so")
"""the collector beside Hundsun's library"""
_OF_CTP = ("binding", "fronts", "relay_app_id", "relay_auth_code_file", "inits_per_second", "connect_timeout_seconds")


class System(StrEnum):
    """What `counter.system` and `counter.binding` choose between."""

    CTP = "ctp"
    TTS = "tts"
    CTS = "cts"
    UFX = "ufx"

    @property
    def counter_system(self) -> str:
        """As `counter.system` has it."""
        return "ctp" if self is System.TTS else self.value


@dataclass(frozen=True, slots=True)
class Played:
    """One system: its counter, and what its relay's settings say of it."""

    counter: Callable[[], SimulatedCounter]
    settings: Callable[[SimulatedCounter], dict[str, object]]
    """by section__key"""


def _of_binding(distribution: Distribution) -> Played:
    shim_of(distribution)
    return Played(
        lambda: counter_of(distribution, CounterConfig(trading_day=DAY, seed=SEED)),
        lambda _: {"counter__binding": distribution.value},
    )


def _cts() -> Played:
    return Played(
        lambda: _other(System.CTS),
        lambda counter: {
            **_of_another("cts"),
            "counter.cts__address": f"127.0.0.1:{counter.port}",
            "counter.cts__reconnect_seconds": 0.1,
            "counter.cts__check_order_seconds": 0.1,
        },
    )


def _ufx() -> Played:
    library = library_path()
    return Played(
        lambda: _other(System.UFX, sessions_per_user=1000),
        lambda counter: {
            **_of_another("ufx"),
            "counter.ufx__servers": [f"127.0.0.1:{counter.port}"],
            "counter.ufx__library": str(library),
            "counter.ufx__reconnect_seconds": 0.1,
        },
    )


def _other(system: System, **config: Any) -> SimulatedCounter:
    return SimulatedCounter(CounterConfig(system=system.value, trading_day=DAY, seed=SEED, **config))


def _of_another(system: str) -> dict[str, object]:
    """Settings without those that are CTP's alone."""
    return {"counter__system": system, **{f"counter__{name}": None for name in _OF_CTP}}


def terminal_collectors(directory: Path) -> Collectors:
    """What every terminal of these tests is set up with; which of them run, the relay says."""
    lines = directory / "machine.txt"
    lines.write_text("LIN\ndemo\ndisk0001\n", encoding="ascii")
    hundsun = [f"hundsun={HUNDSUN}"] if HUNDSUN.exists() else []
    return collectors_of([f"cts:{VENDOR}={lines}", *hundsun])


def played(system: System) -> Played:
    """Skips the test where what the system needs is not here."""
    try:
        return _SYSTEMS[system]()
    except (BindingMissing, CompilerMissing) as missing:
        pytest.skip(str(missing))


_SYSTEMS: dict[System, Callable[[], Played]] = {
    System.CTP: lambda: _of_binding(Distribution.CTP),
    System.TTS: lambda: _of_binding(Distribution.TTS),
    System.CTS: _cts,
    System.UFX: _ufx,
}


def given_out(counter: SimulatedCounter) -> list[str]:
    """What the counter has given its relay to keep to itself: passkeys of connections, tokens of logins."""
    match counter.other:
        case CtsFront() as front:
            return [connection.passkey for connection in front.connections]
        case UfxFront() as front:
            return [token.value for token in front.tokens.alive()]
        case _:
            return []


@asynccontextmanager
async def system_site(system: System, mode: Mode, tls: TlsFiles, directory: Path) -> AsyncIterator[Site]:
    """A counter of this system, whose day is always the same, with a relay in front of it."""
    chosen = played(system)
    async with chosen.counter() as counter:
        settings = {
            **chosen.settings(counter),
            "verification__genuineness": False,  # judged alike whatever the counter
            "metrics__address": f"127.0.0.1:{unused_port()}",
        }
        relay = RelayProcess(directory / mode.value, mode, counter.address, tls, settings)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()
