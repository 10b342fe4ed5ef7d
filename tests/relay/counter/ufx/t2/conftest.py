"""The vendor's library, loaded once, and a simulated UFX that it talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.counter.ufx.t2.connection import T2Connection, T2Options
from relay.counter.ufx.t2.library import T2Library, load_t2
from relay.counter.ufx.t2.packs import read_pack
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.tmdb import MonitoringKey
from tests.t2sdk import library_path


class Heard:
    """What a connection reported."""

    def __init__(self) -> None:
        self.ups = self.losses = 0
        self.pushes: list[dict[str, str]] = []
        self.bad = 0
        self.kicks: list[int] = []

    def connection_up(self) -> None:
        self.ups += 1

    def connection_lost(self) -> None:
        self.losses += 1

    def pushed(self, content: bytes) -> None:
        self.pushes += read_pack(content)[0]

    def kicked(self, number: int, text: str) -> None:
        del text
        self.kicks.append(number)


@pytest.fixture(scope="session")
def library() -> T2Library:
    return load_t2(library_path())


@pytest.fixture(scope="session")
def counter_config(tmp_path_factory: pytest.TempPathFactory) -> CounterConfig:
    key = tmp_path_factory.mktemp("key") / "monitoring.key"
    MonitoringKey.generate().save_private(key)
    return CounterConfig(system="ufx", monitoring_key=str(key), sessions_per_user=2000)


@pytest.fixture
async def counter(counter_config: CounterConfig) -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(counter_config) as started:
        yield started


@pytest.fixture
def command(counter: SimulatedCounter) -> Callable[..., Any]:
    return lambda name, **arguments: counter.control.commands()[name](**arguments)


Connect = Callable[..., AbstractAsyncContextManager[T2Connection]]


@pytest.fixture
def connect(library: T2Library, counter: SimulatedCounter, tmp_path: Path) -> Connect:
    """Connections that are closed after use."""

    @asynccontextmanager
    async def connected(heard: Heard, *addresses: str, seconds: float = 10.0) -> AsyncIterator[T2Connection]:
        servers = addresses or (f"127.0.0.1:{counter.port}",)
        connection = T2Connection(library, T2Options(servers, "relay-1", tmp_path), heard)
        try:
            await connection.open(seconds)
            yield connection
        finally:
            await connection.close(10.0)

    return connected
