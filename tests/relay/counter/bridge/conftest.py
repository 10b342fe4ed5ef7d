"""A counter behind the stand-in bridge: real gRPC on loopback, deadlines short enough to be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from relay.counter.adapter_parts import AdapterParts
from relay.counter.bridge.adapter import BridgeCounter, make_counter
from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.port import CounterDescription
from relay.counter.right_passwords import RightPasswords
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.figures.figures import Figures
from relay.logs.alarms import Alarms
from relay.settings.settings import Settings
from simcounter import demo_accounts
from simcounter.bridge.front import BridgeFront
from simcounter.bridge.library import MIDDLEWARE_PASSWORD, MIDDLEWARE_USER
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from tests.relay.evidence import KeptEvidence

WAIT_SECONDS = 30.0


class NotedFaults(Faults):
    """Keeps what began, in order, also where it is over again."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Fault, str]] = []

    def begin(self, fault: Fault, why: str, **facts: object) -> None:
        super().begin(fault, why, **facts)
        self.seen.append((fault, why))


@dataclass
class BridgeSite:
    """A stand-in bridge, and a relay's counter that comes to it."""

    folder: Path
    played: SimulatedCounter
    kept: KeptEvidence = field(default_factory=KeptEvidence)
    faults: NotedFaults = field(default_factory=NotedFaults)
    counters: list[BridgeCounter] = field(default_factory=list)
    step_seconds: float = 0.3
    """what the counter waits for the connection, and for an answer"""

    @property
    def front(self) -> BridgeFront:
        assert isinstance(self.played.other, BridgeFront)
        return self.played.other

    def command(self, name: str, **arguments: Any) -> Any:
        return self.played.control.commands()[name](**arguments)

    def settings(self, **bridge: Any) -> Settings:
        for name, text in (
            ("operator.secret", demo_accounts.password_of(demo_accounts.OPERATOR_ID)),
            ("middleware.secret", MIDDLEWARE_PASSWORD),
        ):
            file = self.folder / name
            if not file.exists():
                file.write_text(text)
                file.chmod(0o600)
        values = {
            "address": f"127.0.0.1:{self.played.port}",
            "operator_user": demo_accounts.OPERATOR_ID,
            "operator_password_file": self.folder / "operator.secret",
            "middleware_user": MIDDLEWARE_USER,
            "middleware_password_file": self.folder / "middleware.secret",
            "middleware_address": "198.51.100.20",
            "middleware_server": "KCBP1",
            "silence_seconds": 1.0,
            **bridge,
        }
        counter = {
            "system": "bridge",
            "broker_id": "9999",
            "connect_timeout_seconds": self.step_seconds,
            "login_timeout_seconds": self.step_seconds,
            "longest_pause_seconds": 0.1,
            "bridge": values,
        }
        return TypeAdapter(Settings).validate_python({"listen": {"plaintext_on_loopback": True}, "counter": counter})

    async def begin(self, **bridge: Any) -> BridgeCounter:
        settings = self.settings(**bridge)
        parts = AdapterParts(
            settings=settings,
            number=1,
            evidence=self.kept,
            faults=self.faults,
            alarms=Alarms(),
            figures=Figures(),
            clock=ClockWatch(self.faults),
            passwords=RightPasswords(),
            trail=None,
            order_map=cast("OrderMapFile", None),  # no order is sent
            limits=lambda: settings.limits,
            operator_password=lambda: "",
        )
        counter = make_counter(parts)
        self.counters.append(counter)
        await counter.start()
        return counter

    async def live(self, **bridge: Any) -> CounterDescription:
        """A counter that is open, and what it registered."""
        counter = await self.begin(**bridge)
        await until(lambda: counter.ready)
        return counter.describe()

    async def stands(self, fault: Fault) -> str:
        """Wait for the fault; why it stands."""
        await until(lambda: self.faults.stands(fault))
        return next(one.why for one in self.faults.now() if one.fault is fault)


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if fact():
                return
            await asyncio.sleep(0.01)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[BridgeSite]:
    async with SimulatedCounter(CounterConfig(system="bridge")) as played:
        made = BridgeSite(tmp_path, played)
        made.front.alive_seconds = 0.1
        yield made
        for counter in made.counters:
            await counter.stop()
