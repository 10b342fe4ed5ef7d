"""A relay with a bridge to its counter, and the way between the two, which can be stopped without being cut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.bridge.library import MIDDLEWARE_PASSWORD, MIDDLEWARE_USER
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from tests.e2e.broken_network import Way, way_to
from tests.e2e.relay_process import RelayProcess, Sections, TlsFiles
from tests.e2e.site import Site, register

PASSWORDS = (demo_accounts.password_of(demo_accounts.OPERATOR_ID), MIDDLEWARE_PASSWORD)
SILENCE_SECONDS = 3.0


class BridgedRelay(RelayProcess):
    """Its settings have nothing of CTP's."""

    def _sections(self, front: str, tls: TlsFiles) -> Sections:
        sections = super()._sections(front, tls)
        kept = ("broker_id", "longest_pause_seconds")
        sections["counter"] = {"system": "bridge", **{name: sections["counter"][name] for name in kept}}
        del sections["counter.operator"]
        sections["counter.bridge"] = {
            "address": front,
            "operator_user": demo_accounts.OPERATOR_ID,
            "operator_password_file": self._secret("bridge_operator.secret", PASSWORDS[0]),
            "middleware_user": MIDDLEWARE_USER,
            "middleware_password_file": self._secret("middleware.secret", MIDDLEWARE_PASSWORD),
            "middleware_address": "198.51.100.20",
            "middleware_server": "KCBP1",
            "exchanges": ["2=NEEQ"],
            "silence_seconds": SILENCE_SECONDS,
        }
        return sections


@asynccontextmanager
async def bridge_site(tls: TlsFiles, directory: Path, **settings: object) -> AsyncIterator[tuple[Site, Way]]:
    """A stand-in bridge with a relay that comes to it, and the way it comes."""
    async with SimulatedCounter(CounterConfig(system="bridge")) as counter, way_to(counter.port) as way:
        relay = BridgedRelay(directory / "relay", Mode.MANY_TO_MANY, way.address, tls, settings)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls), way
        finally:
            await relay.stop()
