"""A running site for each mode, shared by all tests; relays of one's own for those that need them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from ctpabi.catalog import Distribution
from ctpabi.shim.build import CompilerMissing, Shim
from ctpabi.shim.substitute import BindingMissing
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.control import Control
from simcounter.counter import SimulatedCounter
from terminal_client import RelayTerminal
from tests.e2e.binding_under_test import CHOSEN, counter_of, shim_of
from tests.e2e.relay_pair import relay_pair
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import BYSTANDER, Site, register
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

StartRelay = Callable[..., Awaitable[Site]]
StartPair = Callable[..., Awaitable[tuple[Site, Site]]]


@pytest.fixture(scope="session", autouse=True)
def shim() -> Shim:
    """The drop-in libraries under the binding; without a compiler these tests cannot run."""
    try:
        return shim_of(CHOSEN)
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    directory = tmp_path_factory.mktemp("tls")
    files = TlsFiles(directory / "relay.crt", directory / "relay.key", directory / "authority.crt")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(files.authority)
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    return files


@pytest.fixture(scope="session", params=list(Mode), ids=lambda mode: mode.value)
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_site(mode: Mode, tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A counter and a relay that the tests of all modules use; starting one takes seconds."""
    async with counter_of(CHOSEN) as counter:
        relay = RelayProcess(tmp_path_factory.mktemp("site") / mode.value, mode, counter.address, tls)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()
        assert leaks(relay) == []


@pytest_asyncio.fixture(loop_scope="session")
async def site(shared_site: Site) -> AsyncIterator[Site]:
    """The shared site, its counter well-behaved again afterwards."""
    yield shared_site
    shared_site.counter.control.clear()


@pytest_asyncio.fixture(loop_scope="session")
async def bystander(site: Site) -> AsyncIterator[RelayTerminal]:
    """Somebody else's terminal, logged in and trading."""
    async with site.logged_in(BYSTANDER) as terminal:
        yield terminal


@pytest_asyncio.fixture(loop_scope="session")
async def start_site(tls: TlsFiles, tmp_path: Path) -> AsyncIterator[StartRelay]:
    """`await start_site(mode, section__key=value)`: a counter and a relay for one test alone.

    `prepare(counter.control)` makes the counter misbehave from the start, so the operator is not waited for.
    """
    started: list[tuple[SimulatedCounter, RelayProcess]] = []
    numbers = itertools.count(1)

    async def start(
        mode: Mode,
        prepare: Callable[[Control], None] | None = None,
        config: CounterConfig | None = None,
        **settings: object,
    ) -> Site:
        counter = counter_of(Distribution(str(settings.get("counter__binding", CHOSEN))), config)
        await counter.start()
        if settings.get("market_data__enabled"):
            settings.setdefault("market_data__fronts", [counter.address])
        relay = RelayProcess(tmp_path / f"relay-{next(numbers)}", mode, counter.address, tls, settings)
        started.append((counter, relay))
        register(relay)
        if prepare is not None:
            prepare(counter.control)
        await relay.start(await_operator=prepare is None)
        return Site(counter, relay, tls)

    yield start
    for counter, relay in started:
        await relay.stop()
        await counter.stop()
    assert [leak for _, relay in started for leak in leaks(relay)] == []


@pytest_asyncio.fixture(loop_scope="session")
async def start_pair(tls: TlsFiles, tmp_path: Path) -> AsyncIterator[StartPair]:
    """`await start_pair(mode, database_url="", section__key=value)`: two relays of one firm on one counter."""
    async with AsyncExitStack() as stack:

        async def start(mode: Mode, database_url: str = "", **settings: object) -> tuple[Site, Site]:
            counter = await stack.enter_async_context(SimulatedCounter(CounterConfig()))
            return await stack.enter_async_context(relay_pair(mode, tls, tmp_path, counter, database_url, settings))

        yield start
