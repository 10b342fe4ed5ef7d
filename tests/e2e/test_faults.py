"""Every fault that operations must hear of, really provoked, and looked for everywhere: see `Heard`."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from pydantic import SecretStr

from relay.counter.port import Mode
from relay.database.database import open_database, upgrade
from relay.faults.table import Fault
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.control import Control
from simcounter.counter import SimulatedCounter
from simcounter.session import china_now
from terminal_client import LoginRejected
from tests.e2e.conftest import StartRelay
from tests.e2e.heard import Heard, heard_settings
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import INVESTORS, Site, eventually, register
from tests.postgres import PostgresServer
from tests.relay.alarms.robot import Robot

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPERATOR = demo_accounts.OPERATOR_ID
Provoke = Callable[..., Awaitable[tuple[Site, Heard]]]


@pytest.fixture
def robot() -> Iterator[Robot]:
    with Robot() as robot:
        yield robot


@pytest.fixture
def provoke(start_site: StartRelay, free_port: int, robot: Robot, tmp_path: Path) -> Provoke:
    async def start(mode: Mode, prepare: Callable[[Control], None] | None = None, **settings: object) -> Any:
        site = await start_site(mode, prepare, **(heard_settings(free_port, robot, tmp_path) | settings))
        return site, Heard(site.relay, free_port, robot)

    return start


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def shared(tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Site, Heard]]:
    """A many-to-many relay for the tests that leave it as it was; each provokes another fault."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = tmp_path_factory.mktemp("faults")
    with Robot() as robot:
        settings = heard_settings(port, robot, place) | {
            "limits__breaker_pause_seconds": 1.0,
            "verification__timeout_seconds": 1.0,
        }
        async with SimulatedCounter(CounterConfig()) as counter:
            relay = RelayProcess(place / "relay", Mode.MANY_TO_MANY, counter.address, tls, settings)
            register(relay)
            await relay.start()
            yield Site(counter, relay, tls), Heard(relay, port, robot)
            await relay.stop()


async def test_a_front_that_is_down_is_heard_of_by_the_operator(provoke: Provoke) -> None:
    """Its session says so."""
    site, heard = await provoke(Mode.MANY_TO_ONE)
    site.counter.drop_all()
    await site.counter.stop_listening()
    site.counter.drop_all()

    await heard.begins(Fault.FRONT_DOWN)
    await site.counter.listen()
    await heard.ends(Fault.FRONT_DOWN)


async def test_a_front_that_is_down_is_heard_of_while_nobody_is_logged_in(shared: tuple[Site, Heard]) -> None:
    """Many-to-many: the relay tries by itself, and finds its return too."""
    site, heard = shared
    await site.counter.stop_listening()
    site.counter.drop_all()

    stands = await heard.begins(Fault.FRONT_DOWN)
    await site.counter.listen()
    await heard.ends(Fault.FRONT_DOWN)

    assert "前置" in stands["title_zh"]


async def test_a_front_lost_by_every_terminal_is_down_and_lost_by_one_is_not(provoke: Provoke) -> None:
    """Many-to-many: each terminal has its own connection."""
    site, heard = await provoke(Mode.MANY_TO_MANY)
    async with site.logged_in(INVESTORS[0]), site.logged_in(INVESTORS[1]):
        site.counter.control.drop(INVESTORS[0])
        await eventually("the one is back", lambda: '"front_back"' in site.relay.output)
        alone = heard.edges(Fault.FRONT_DOWN)
        await site.counter.stop_listening()
        site.counter.drop_all()
        await heard.begins(Fault.FRONT_DOWN)
        await site.counter.listen()
        await heard.ends(Fault.FRONT_DOWN)

    assert alone == []


async def test_an_operator_that_is_refused_is_heard_of(provoke: Provoke) -> None:
    """And the number the counter gave."""
    site, heard = await provoke(Mode.MANY_TO_ONE, lambda control: control.account(OPERATOR, expired=True))

    stands = await heard.begins(Fault.OPERATOR_REFUSED)
    site.counter.accounts.users[OPERATOR].change_password("replaced-password")
    (site.relay.directory / "operator.secret").write_text("replaced-password", encoding="utf-8")
    site.relay.signal(signal.SIGHUP)
    await heard.ends(Fault.OPERATOR_REFUSED)

    assert stands["facts"]["error_id"] == 141


async def test_an_operator_that_is_forced_out_is_heard_of(provoke: Provoke) -> None:
    """The relay logs it in again by itself; the counter takes no login for as long as the test looks."""
    site, heard = await provoke(Mode.MANY_TO_ONE)
    site.counter.control.ignore("ReqAuthenticate")
    site.counter.control.force_out(OPERATOR)

    await heard.begins(Fault.OPERATOR_FORCED_OUT)
    site.counter.control.clear()
    await heard.ends(Fault.OPERATOR_FORCED_OUT)


async def test_a_database_that_is_down_is_heard_of(
    provoke: Provoke, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """Found without a login, and its return too."""
    engine = open_database(SecretStr(postgres_url))
    upgrade(engine)
    engine.dispose()
    _, heard = await provoke(Mode.MANY_TO_MANY, ledger__url=postgres_url)
    try:
        await asyncio.to_thread(postgres_server.stop)
        stands = await heard.begins(Fault.DATABASE_DOWN)
    finally:
        await asyncio.to_thread(postgres_server.start)
    await heard.ends(Fault.DATABASE_DOWN)

    assert stands["why"]


async def test_entries_that_wait_on_disk_are_heard_of(
    provoke: Provoke, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """A terminal ends its session while the database is away: that cannot be refused, only kept."""
    engine = open_database(SecretStr(postgres_url))
    upgrade(engine)
    engine.dispose()
    site, heard = await provoke(Mode.MANY_TO_MANY, ledger__url=postgres_url, ledger__commit_timeout_seconds=1.0)
    try:
        async with site.logged_in(INVESTORS[0]):
            await asyncio.to_thread(postgres_server.stop)
        await heard.begins(Fault.LEDGER_SPOOLING)
    finally:
        await asyncio.to_thread(postgres_server.start)
    await heard.ends(Fault.LEDGER_SPOOLING)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here, which takes root: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_disk_that_is_full_is_heard_of(provoke: Provoke, small_disk: Path) -> None:
    """Really full: what is left takes no page. Low comes before it, and both end when there is room again."""
    limits = {"watch__disk_low_megabytes": 8, "watch__disk_full_megabytes": 1}
    _, heard = await provoke(Mode.MANY_TO_MANY, relay__state_dir=str(small_disk / "state"), **limits)
    ballast = small_disk / "ballast"
    room = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(room - 4 * 1024 * 1024))
    await heard.begins(Fault.DISK_LOW)
    with pytest.raises(OSError, match="No space left"):
        fill(ballast)

    await heard.begins(Fault.DISK_FULL)
    ballast.unlink()
    await heard.ends(Fault.DISK_FULL)
    await eventually("nothing else is left of it", lambda: heard.standing() == (200, {}))


def fill(ballast: Path) -> None:
    """Raises OSError when nothing more goes in."""
    with ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(65536))


async def test_an_order_map_that_cannot_be_written_is_heard_of(shared: tuple[Site, Heard]) -> None:
    """Found without an order; cancels and queries go on, so terminals stay."""
    site, heard = shared
    folder = site.relay.state_dir / "order_map"
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("in the way", encoding="utf-8")

    try:
        await heard.begins(Fault.ORDER_MAP_UNWRITABLE)
    finally:
        folder.unlink()
        folder.with_name("elsewhere").rename(folder)
    await heard.ends(Fault.ORDER_MAP_UNWRITABLE)


async def test_a_verifier_that_hangs_is_heard_of_and_started_again(shared: tuple[Site, Heard]) -> None:
    """Nobody logs in, and another is there before somebody does."""
    site, heard = shared
    os.kill(verifier_of(site), signal.SIGSTOP)

    await eventually("it is heard of", lambda: heard.edges(Fault.VERIFIER_GONE) != [])
    await heard.ends(Fault.VERIFIER_GONE)
    async with site.logged_in(INVESTORS[0]):
        pass


def verifier_of(site: Site) -> int:
    """The process that judges system info."""
    lines = [json.loads(line) for line in site.relay.output.splitlines() if '"genuineness_ready"' in line]
    return int(lines[-1]["pid"])


def issue(tls: TlsFiles, directory: Path, authority: trustme.CA, left: dt.timedelta) -> None:
    """Replace the files by a certificate that is good for so long."""
    now = dt.datetime.now(dt.UTC)
    issued = authority.issue_cert("127.0.0.1", not_before=now - dt.timedelta(days=2), not_after=now + left)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    for path, content in ((tls.key, issued.private_key_pem.bytes()), (tls.certificate, chain)):
        fresh = directory / f"{path.name}.new"
        fresh.write_bytes(content)
        fresh.chmod(0o600)
        fresh.replace(path)


async def test_a_certificate_that_expires_and_has_expired_is_heard_of(
    tls: TlsFiles, tmp_path: Path, provoke: Provoke
) -> None:
    """First a warning that keeps no terminal away, then a fault that does; a new one ends both."""
    authority = trustme.CA()
    own = TlsFiles(tmp_path / "own.crt", tmp_path / "own.key", tls.authority)
    issue(own, tmp_path, authority, dt.timedelta(seconds=5))
    files = {"listen__tls_certificate": str(own.certificate), "listen__tls_key": str(own.key)}
    _, heard = await provoke(Mode.MANY_TO_MANY, **files)

    await heard.begins(Fault.CERTIFICATE_EXPIRED)
    issue(own, tmp_path, authority, dt.timedelta(days=3))
    await heard.ends(Fault.CERTIFICATE_EXPIRED)
    await eventually("it says that it expires soon", lambda: Fault.CERTIFICATE_EXPIRING.word in heard.standing()[1])
    issue(own, tmp_path, authority, dt.timedelta(days=300))
    await eventually("it does not say so any more", lambda: heard.standing() == (200, {}))


async def test_a_clock_that_is_off_is_heard_of(tls: TlsFiles, tmp_path: Path, free_port: int, robot: Robot) -> None:
    """By the counter's login answer; the next login with the right time ends it."""
    ahead = dt.timedelta(seconds=40)
    now = [ahead]
    settings = heard_settings(free_port, robot, tmp_path)
    async with SimulatedCounter(CounterConfig(), clock=lambda: china_now() + now[0]) as counter:
        relay = RelayProcess(tmp_path / "relay", Mode.MANY_TO_ONE, counter.address, tls, settings)
        register(relay)
        heard = Heard(relay, free_port, robot)
        await relay.start()
        try:
            stands = await heard.begins(Fault.CLOCK_OFF)
            now[0] = dt.timedelta()
            counter.drop_all()
            await heard.ends(Fault.CLOCK_OFF)
        finally:
            await relay.stop()

    assert stands["facts"]["seconds_ahead"] == pytest.approx(-40, abs=3)


async def test_what_the_counter_has_against_the_relay_is_heard_of_by_name(provoke: Provoke) -> None:
    """A wrong auth code, a counter that is not initialised, an address that is locked: each ends with the next login."""
    site, heard = await provoke(
        Mode.MANY_TO_ONE, lambda control: control.refuse("ReqAuthenticate", 63), limits__breaker_pause_seconds=0.5
    )
    await heard.begins(Fault.RELAY_AUTH_CODE_WRONG)
    site.counter.control.clear()
    site.counter.control.initialized(on=False)
    site.relay.signal(signal.SIGHUP)  # or it pauses first
    await heard.begins(Fault.COUNTER_NOT_INITIALISED)
    site.counter.control.initialized(on=True)
    site.counter.control.refuse("ReqUserLogin", 143)
    site.relay.signal(signal.SIGHUP)
    await heard.begins(Fault.LOGINS_STOPPED)
    site.counter.control.clear()
    site.relay.signal(signal.SIGHUP)

    for fault in (Fault.RELAY_AUTH_CODE_WRONG, Fault.COUNTER_NOT_INITIALISED, Fault.LOGINS_STOPPED):
        await heard.ends(fault)


async def test_a_wrong_auth_code_keeps_no_login_away_for_ever(shared: tuple[Site, Heard]) -> None:
    """A relay that is not ready may be sent no terminal: after the pause it is ready, and the fault stands until a login decides."""
    site, heard = shared
    fault = Fault.RELAY_AUTH_CODE_WRONG
    site.counter.control.refuse("ReqAuthenticate", 63)
    with pytest.raises(LoginRejected):
        async with site.logged_in(INVESTORS[0]):
            pass
    await eventually("the next login may try", lambda: heard.ready()[0] == 200)
    in_doubt = heard.standing()[1][fault.word]["in_doubt"], heard.edges(fault), heard.messages(fault)
    site.counter.control.clear()
    async with site.logged_in(INVESTORS[0]):
        await heard.ends(fault)

    assert in_doubt == (True, ["fault_began"], ["began"])


async def test_few_descriptors_are_heard_of(shared: tuple[Site, Heard]) -> None:
    """By the limit as it is now."""
    site, heard = shared
    used = len(await asyncio.to_thread(os.listdir, f"/proc/{site.relay.pid}/fd"))
    before = limit(site.relay.pid, used + 25)

    await heard.begins(Fault.DESCRIPTORS_LOW)
    limit(site.relay.pid, before)
    await heard.ends(Fault.DESCRIPTORS_LOW)


async def test_no_descriptors_are_no_front_that_is_down(shared: tuple[Site, Heard]) -> None:
    """Nobody is logged in, so fronts are tried, and cannot be: the relay's own want is said, and nothing of a front."""
    site, heard = shared
    fronts = heard.edges(Fault.FRONT_DOWN)
    before = limit(site.relay.pid, 3)
    try:
        await eventually("it is said", lambda: heard.edges(Fault.DESCRIPTORS_GONE) == ["fault_began"])
    finally:
        limit(site.relay.pid, before)
    await heard.ends(Fault.DESCRIPTORS_GONE)

    assert heard.edges(Fault.FRONT_DOWN) == fronts


async def test_a_counter_that_answers_no_login_is_heard_of_by_the_operator(provoke: Provoke) -> None:
    """The front is up, the authentication is answered, and the login never is."""
    site, heard = await provoke(
        Mode.MANY_TO_ONE, lambda control: control.ignore("ReqUserLogin"), counter__login_timeout_seconds=2.0
    )
    stands = await heard.begins(Fault.COUNTER_SILENT)
    site.counter.control.clear()
    await heard.ends(Fault.COUNTER_SILENT)

    assert stands["facts"]["step"] == "login"
    assert heard.edges(Fault.FRONT_DOWN) == []


async def test_a_counter_that_answers_no_login_is_heard_of_by_a_terminal(provoke: Provoke) -> None:
    """Many-to-many: its login is refused, and the next that is answered ends it."""
    site, heard = await provoke(Mode.MANY_TO_MANY, counter__login_timeout_seconds=2.0)
    site.counter.control.ignore("ReqAuthenticate")
    with pytest.raises(LoginRejected):
        async with site.logged_in(INVESTORS[0]):
            pass
    await heard.begins(Fault.COUNTER_SILENT)
    site.counter.control.clear()
    async with site.logged_in(INVESTORS[0]):
        await heard.ends(Fault.COUNTER_SILENT)


def limit(pid: int, files: int) -> int:
    """Let a process have so many files; returns how many it could have before."""
    before, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, hard))
    return before


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_an_ordinary_day_has_no_fault(provoke: Provoke, mode: Mode) -> None:
    """Start, logins, a logout, a relay that is killed and comes back, and a drain with a terminal on line."""
    site, heard = await provoke(mode)
    async with site.logged_in(INVESTORS[0]), site.logged_in(INVESTORS[1]):
        pass
    async with site.logged_in(INVESTORS[0]):
        await site.relay.kill()
    await site.relay.start()
    async with site.logged_in(INVESTORS[0]):
        ready = heard.standing()
        await site.relay.stop()

    assert ready == (200, {})
    assert heard.edges() == ["fault_began draining"]
    assert heard.everything() == []
