"""Every fault that operations must hear of, really provoked: once in the log at each edge, in /readyz and in a metric."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from pydantic import SecretStr

from relay.counter.port import Mode
from relay.database.database import open_database, upgrade
from relay.faults.table import Fault, Stops
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.control import Control
from simcounter.counter import SimulatedCounter
from simcounter.session import china_now
from terminal_client import LoginRejected
from tests.e2e.conftest import StartRelay
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import INVESTORS, Site, eventually, register
from tests.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPERATOR = demo_accounts.OPERATOR_ID
SOON = {"watch__period_seconds": 0.2, "watch__front_probe_seconds": 0.2}
"""so that a test need not wait for the next look"""


class Heard:
    """What a relay lets operations know of its faults."""

    def __init__(self, relay: RelayProcess, port: int) -> None:
        self._relay = relay
        self._port = port

    def edges(self, fault: Fault) -> list[str]:
        """The lines of the log about this fault."""
        lines = [json.loads(line) for line in self._relay.output.splitlines() if line.startswith("{")]
        return [line["event"] for line in lines if line.get("fault") == fault.word]

    def fetch(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def standing(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """The status of /readyz and the faults it lists, by name."""
        status, body = self.fetch("/readyz")
        return status, {stands["fault"]: stands for stands in json.loads(body)["faults"]}

    def metric(self, fault: Fault) -> float:
        found = re.search(rf'^ctp_relay_fault{{fault="{fault.word}"}} (.+)$', self.fetch("/metrics")[1], re.MULTILINE)
        assert found is not None
        return float(found[1])

    async def begins(self, fault: Fault) -> dict[str, Any]:
        """Wait until it stands; what /readyz says of it."""
        await eventually(f"{fault.word} stands", lambda: fault.word in self.standing()[1])
        status, faults = await asyncio.to_thread(self.standing)
        assert status == (200 if fault.stops is Stops.NOTHING else 503) or len(faults) > 1
        assert await asyncio.to_thread(self.metric, fault) == 1
        await eventually("its line is in the log", lambda: self.edges(fault) != [])  # the log has a thread of its own
        assert self.edges(fault) == ["fault_began"]
        return faults[fault.word]

    async def ends(self, fault: Fault) -> None:
        """Wait until it is over: one line for each edge, however often it was found."""
        await eventually(f"{fault.word} is over", lambda: fault.word not in self.standing()[1])
        assert await asyncio.to_thread(self.metric, fault) == 0
        await eventually("both edges are in the log", lambda: self.edges(fault) == ["fault_began", "fault_ended"])


Provoke = Callable[..., Awaitable[tuple[Site, Heard]]]


@pytest.fixture
def provoke(start_site: StartRelay, free_port: int) -> Provoke:
    async def start(mode: Mode, prepare: Callable[[Control], None] | None = None, **settings: object) -> Any:
        settings = SOON | {"metrics__address": f"127.0.0.1:{free_port}"} | settings
        site = await start_site(mode, prepare, **settings)
        return site, Heard(site.relay, free_port)

    return start


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def shared(tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Site, Heard]]:
    """A many-to-many relay for the tests that leave it as it was; each provokes another fault."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = SOON | {"metrics__address": f"127.0.0.1:{port}", "limits__breaker_pause_seconds": 1.0}
    async with SimulatedCounter(CounterConfig()) as counter:
        relay = RelayProcess(
            tmp_path_factory.mktemp("faults") / "relay", Mode.MANY_TO_MANY, counter.address, tls, settings
        )
        register(relay)
        await relay.start()
        yield Site(counter, relay, tls), Heard(relay, port)
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

    assert heard.standing()[0] == 200


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


async def test_a_verifier_that_is_gone_is_heard_of_and_started_again(shared: tuple[Site, Heard]) -> None:
    """Nobody logs in, and it is back before somebody does."""
    site, heard = shared
    lines = [json.loads(line) for line in site.relay.output.splitlines() if '"genuineness_ready"' in line]
    os.kill(lines[-1]["pid"], signal.SIGKILL)

    await eventually("its end is heard of", lambda: heard.edges(Fault.VERIFIER_GONE) != [])
    await heard.ends(Fault.VERIFIER_GONE)
    async with site.logged_in(INVESTORS[0]):
        pass


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


async def test_a_clock_that_is_off_is_heard_of(tls: TlsFiles, tmp_path: Path, free_port: int) -> None:
    """By the counter's login answer; the next login with the right time ends it."""
    ahead = dt.timedelta(seconds=40)
    now = [ahead]
    settings = SOON | {"metrics__address": f"127.0.0.1:{free_port}"}
    async with SimulatedCounter(CounterConfig(), clock=lambda: china_now() + now[0]) as counter:
        relay = RelayProcess(tmp_path / "relay", Mode.MANY_TO_ONE, counter.address, tls, settings)
        register(relay)
        heard = Heard(relay, free_port)
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


async def test_a_wrong_auth_code_does_not_stand_for_ever_where_no_login_comes(shared: tuple[Site, Heard]) -> None:
    """A relay that is not ready may be sent no terminal: when the pause is over the next login may try, and decides."""
    site, heard = shared
    site.counter.control.refuse("ReqAuthenticate", 63)
    with pytest.raises(LoginRejected):
        async with site.logged_in(INVESTORS[0]):
            pass

    await heard.ends(Fault.RELAY_AUTH_CODE_WRONG)
    site.counter.control.clear()


async def test_few_descriptors_are_heard_of(shared: tuple[Site, Heard]) -> None:
    """By the limit as it is now."""
    site, heard = shared
    used = len(await asyncio.to_thread(os.listdir, f"/proc/{site.relay.pid}/fd"))
    before = limit(site.relay.pid, used + 3)

    await heard.begins(Fault.DESCRIPTORS_LOW)
    limit(site.relay.pid, before)
    await heard.ends(Fault.DESCRIPTORS_LOW)


def limit(pid: int, files: int) -> int:
    """Let a process have so many files; returns how many it could have before."""
    before, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, hard))
    return before
