"""Every fault that operations must hear of, really provoked, and looked for everywhere: see `Heard`."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from relay.counter.port import Mode
from relay.database.database import open_database, upgrade
from relay.faults.table import Fault
from simcounter import demo_accounts
from simcounter.control import Control
from terminal_client import LoginRejected
from tests.e2e.conftest import StartRelay
from tests.e2e.faulted_relay import FaultedRelay, fill, limit, relay_with_faults
from tests.e2e.heard import Heard, heard_settings
from tests.e2e.site import INVESTORS, Site, eventually
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
async def terminals_relay(tmp_path_factory: pytest.TempPathFactory, small_disk: Path) -> AsyncIterator[FaultedRelay]:
    """A many-to-many relay for the tests that leave it as it was; each provokes another fault."""
    settings = {
        "limits__breaker_pause_seconds": 1.0,
        "verification__timeout_seconds": 1.0,
        "relay__state_dir": str(small_disk / "state"),
        "watch__disk_low_megabytes": 8,
        "watch__disk_full_megabytes": 1,
    }
    async with relay_with_faults(tmp_path_factory.mktemp("terminals"), Mode.MANY_TO_MANY, **settings) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def operators_relay(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultedRelay]:
    """The same, many-to-one."""
    place = tmp_path_factory.mktemp("operator")
    async with relay_with_faults(place, Mode.MANY_TO_ONE, limits__breaker_pause_seconds=0.5) as made:
        yield made


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of a few megabytes; an ordinary folder where none can be mounted."""
    place = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield place
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def refused(site: Site) -> None:
    """A terminal that tries to log in and may not."""
    with pytest.raises(LoginRejected):
        async with site.logged_in(INVESTORS[0]):
            pass


# The operator's session --------------------------------------------------------------------------------------


async def test_a_clock_that_is_off_is_heard_of(operators_relay: FaultedRelay) -> None:
    """By the counter's login answer; the next login with the right time ends it."""
    counter, heard = operators_relay.site.counter, operators_relay.heard
    operators_relay.clock.ahead = dt.timedelta(seconds=40)
    counter.drop_all()
    stands = await heard.begins(Fault.CLOCK_OFF)
    operators_relay.clock.ahead = dt.timedelta()
    counter.drop_all()
    await heard.ends(Fault.CLOCK_OFF)

    assert stands["facts"]["seconds_ahead"] == pytest.approx(-40, abs=3)


async def test_a_counter_that_answers_no_login_is_heard_of_by_the_operator(operators_relay: FaultedRelay) -> None:
    """The front is up, the authentication is answered, and the login never is."""
    counter, heard = operators_relay.site.counter, operators_relay.heard
    fronts = heard.edges(Fault.FRONT_DOWN)
    counter.control.ignore("ReqUserLogin")
    counter.drop_all()
    stands = await heard.begins(Fault.COUNTER_SILENT)
    counter.control.clear()
    await heard.ends(Fault.COUNTER_SILENT)

    assert stands["facts"]["step"] == "login"
    assert heard.edges(Fault.FRONT_DOWN) == fronts


async def test_what_the_counter_has_against_the_relay_is_heard_of_by_name(operators_relay: FaultedRelay) -> None:
    """A wrong auth code, a counter that is not initialised, an address that is locked: each ends with the next login."""
    site, heard = operators_relay.site, operators_relay.heard
    site.counter.control.refuse("ReqAuthenticate", 63)
    site.counter.drop_all()
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


async def test_a_front_that_is_down_is_heard_of_by_the_operator(operators_relay: FaultedRelay) -> None:
    """Its session says so."""
    counter, heard = operators_relay.site.counter, operators_relay.heard
    await counter.stop_listening()
    counter.drop_all()

    await heard.begins(Fault.FRONT_DOWN)
    await counter.listen()
    await heard.ends(Fault.FRONT_DOWN)


async def test_an_operator_that_is_refused_is_heard_of(operators_relay: FaultedRelay) -> None:
    """And the number the counter gave. Its new password may be in a file of another name: a reload takes it."""
    site, heard = operators_relay.site, operators_relay.heard
    site.counter.control.account(OPERATOR, expired=True)
    site.counter.drop_all()

    stands = await heard.begins(Fault.OPERATOR_REFUSED)
    site.counter.accounts.users[OPERATOR].change_password("replaced-password")
    renewed = site.relay.directory / "renewed.secret"
    renewed.write_text("replaced-password", encoding="utf-8")
    renewed.chmod(0o600)
    settings = site.relay.config.read_text(encoding="utf-8")
    site.relay.config.write_text(settings.replace("operator.secret", renewed.name), encoding="utf-8")
    site.relay.signal(signal.SIGHUP)
    await heard.ends(Fault.OPERATOR_REFUSED)

    assert stands["facts"]["error_id"] == 141


async def test_an_operator_that_is_forced_out_is_heard_of(operators_relay: FaultedRelay) -> None:
    """The relay logs it in again by itself; the counter takes no login for as long as the test looks."""
    counter, heard = operators_relay.site.counter, operators_relay.heard
    await eventually("it is logged in", lambda: heard.standing() == (200, {}))
    counter.control.ignore("ReqAuthenticate")
    counter.control.force_out(OPERATOR)

    await heard.begins(Fault.OPERATOR_FORCED_OUT)
    counter.control.clear()
    await heard.ends(Fault.OPERATOR_FORCED_OUT)


# Terminals' own sessions -------------------------------------------------------------------------------------


async def test_a_front_that_is_down_is_heard_of_while_nobody_is_logged_in(terminals_relay: FaultedRelay) -> None:
    """Many-to-many: the relay tries by itself, and finds its return too."""
    counter, heard = terminals_relay.site.counter, terminals_relay.heard
    await counter.stop_listening()
    counter.drop_all()

    stands = await heard.begins(Fault.FRONT_DOWN)
    await counter.listen()
    await heard.ends(Fault.FRONT_DOWN)

    assert "前置" in stands["title_zh"]


async def test_a_front_lost_by_every_terminal_is_down_and_lost_by_one_is_not(terminals_relay: FaultedRelay) -> None:
    """Many-to-many: each terminal has its own connection."""
    site, heard = terminals_relay.site, terminals_relay.heard
    before = heard.edges(Fault.FRONT_DOWN)
    async with site.logged_in(INVESTORS[0]), site.logged_in(INVESTORS[1]):
        site.counter.control.drop(INVESTORS[0])
        await eventually("the one is back", lambda: '"front_back"' in site.relay.output)
        alone = heard.edges(Fault.FRONT_DOWN)
        await site.counter.stop_listening()
        site.counter.drop_all()
        await heard.begins(Fault.FRONT_DOWN)
        await site.counter.listen()
        await heard.ends(Fault.FRONT_DOWN)

    assert alone == before


async def test_a_counter_that_answers_no_login_is_heard_of_by_a_terminal(terminals_relay: FaultedRelay) -> None:
    """Many-to-many: its login is refused, and the next that is answered ends it."""
    site, heard = terminals_relay.site, terminals_relay.heard
    site.counter.control.ignore("ReqAuthenticate")
    await refused(site)
    await heard.begins(Fault.COUNTER_SILENT)
    site.counter.control.clear()
    async with site.logged_in(INVESTORS[0]):
        await heard.ends(Fault.COUNTER_SILENT)


async def test_a_counter_that_is_not_initialised_is_heard_of_by_a_terminal(terminals_relay: FaultedRelay) -> None:
    """Until one is logged in."""
    site, heard = terminals_relay.site, terminals_relay.heard
    site.counter.control.initialized(on=False)
    await refused(site)
    await heard.begins(Fault.COUNTER_NOT_INITIALISED)
    site.counter.control.clear()
    async with site.logged_in(INVESTORS[0]):
        await heard.ends(Fault.COUNTER_NOT_INITIALISED)


async def test_a_wrong_auth_code_keeps_no_login_away_for_ever(terminals_relay: FaultedRelay) -> None:
    """A relay that is not ready may be sent no terminal: after the pause it is ready, and the fault stands until a login decides."""
    site, heard = terminals_relay.site, terminals_relay.heard
    fault = Fault.RELAY_AUTH_CODE_WRONG
    site.counter.control.refuse("ReqAuthenticate", 63)
    await refused(site)
    await heard.begins(fault)
    await eventually("the next login may try", lambda: heard.ready()[0] == 200)
    in_doubt = heard.standing()[1][fault.word]["in_doubt"], heard.edges(fault), heard.messages(fault)
    site.counter.control.clear()
    async with site.logged_in(INVESTORS[0]):
        await heard.ends(fault)

    assert in_doubt == (True, ["fault_began"], ["began"])


# The process itself ------------------------------------------------------------------------------------------


async def test_a_database_that_is_down_and_entries_that_wait_on_disk_are_heard_of(
    provoke: Provoke, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """Found without a login, and its return too. A terminal that leaves meanwhile cannot be refused, only kept."""
    engine = open_database(SecretStr(postgres_url))
    upgrade(engine)
    engine.dispose()
    site, heard = await provoke(Mode.MANY_TO_MANY, ledger__url=postgres_url, ledger__commit_timeout_seconds=1.0)
    try:
        async with site.logged_in(INVESTORS[0]):
            await asyncio.to_thread(postgres_server.stop)
            stands = await heard.begins(Fault.DATABASE_DOWN)
        await heard.begins(Fault.LEDGER_SPOOLING)
    finally:
        await asyncio.to_thread(postgres_server.start)
    await heard.ends(Fault.DATABASE_DOWN)
    await heard.ends(Fault.LEDGER_SPOOLING)

    assert stands["why"]


async def test_an_order_map_that_cannot_be_written_is_heard_of(terminals_relay: FaultedRelay, small_disk: Path) -> None:
    """Found without an order; cancels and queries go on, so terminals stay."""
    folder, heard = small_disk / "state" / "order_map", terminals_relay.heard
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("in the way", encoding="utf-8")

    try:
        await heard.begins(Fault.ORDER_MAP_UNWRITABLE)
    finally:
        folder.unlink()
        folder.with_name("elsewhere").rename(folder)
    await heard.ends(Fault.ORDER_MAP_UNWRITABLE)


async def test_a_verifier_that_hangs_and_cannot_be_started_is_heard_of(terminals_relay: FaultedRelay) -> None:
    """Nobody logs in; and another is there before somebody does, once it can be started again."""
    site, heard = terminals_relay.site, terminals_relay.heard
    terminals_relay.verifier_bar.write_text("import os; os._exit(1)", encoding="utf-8")
    os.kill(verifier_of(site), signal.SIGSTOP)

    try:
        await heard.begins(Fault.VERIFIER_GONE)
    finally:
        terminals_relay.verifier_bar.unlink()
    await heard.ends(Fault.VERIFIER_GONE)
    async with site.logged_in(INVESTORS[0]):
        pass


def verifier_of(site: Site) -> int:
    """The process that judges system info."""
    lines = [json.loads(line) for line in site.relay.output.splitlines() if '"genuineness_ready"' in line]
    return int(lines[-1]["pid"])


async def test_a_certificate_that_expires_and_has_expired_is_heard_of(terminals_relay: FaultedRelay) -> None:
    """First a warning that keeps no terminal away, then a fault that does; a new one ends both."""
    heard = terminals_relay.heard
    terminals_relay.issue(dt.timedelta(seconds=5))

    await heard.begins(Fault.CERTIFICATE_EXPIRED)
    terminals_relay.issue(dt.timedelta(days=3))
    await heard.ends(Fault.CERTIFICATE_EXPIRED)
    await eventually("it says that it expires soon", lambda: Fault.CERTIFICATE_EXPIRING.word in heard.standing()[1])
    terminals_relay.issue(dt.timedelta(days=300))
    await eventually("it does not say so any more", lambda: heard.standing() == (200, {}))


async def test_few_descriptors_are_heard_of(terminals_relay: FaultedRelay) -> None:
    """By the limit as it is now."""
    site, heard = terminals_relay.site, terminals_relay.heard
    used = len(await asyncio.to_thread(os.listdir, f"/proc/{site.relay.pid}/fd"))
    before = limit(site.relay.pid, used + 25)

    await heard.begins(Fault.DESCRIPTORS_LOW)
    limit(site.relay.pid, before)
    await heard.ends(Fault.DESCRIPTORS_LOW)


async def test_no_descriptors_are_no_front_that_is_down(terminals_relay: FaultedRelay) -> None:
    """Nobody is logged in, so fronts are tried, and cannot be: the relay's own want is said, and nothing of a front."""
    site, heard = terminals_relay.site, terminals_relay.heard
    fronts = heard.edges(Fault.FRONT_DOWN)
    before = limit(site.relay.pid, 3)
    try:
        await eventually("it is said", lambda: heard.edges(Fault.DESCRIPTORS_GONE) == ["fault_began"])
    finally:
        limit(site.relay.pid, before)
    await heard.ends(Fault.DESCRIPTORS_GONE)

    assert heard.edges(Fault.FRONT_DOWN) == fronts


@pytest.fixture
def mounted_disk(small_disk: Path) -> Path:
    if not small_disk.is_mount():
        pytest.skip("no file system can be mounted here: run it as root")
    return small_disk


async def test_a_disk_that_is_full_is_heard_of(terminals_relay: FaultedRelay, mounted_disk: Path) -> None:
    """Really full: what is left takes no page. Low comes before it, and both end when there is room again."""
    small_disk, heard = mounted_disk, terminals_relay.heard
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
