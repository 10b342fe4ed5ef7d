"""Several workers on one port, over PostgreSQL: what terminals and operators notice of them, and of one that is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import AskFailed, RelayDoor, ask_now
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import Credentials, LoginRejected, RelayTerminal, Status, Tls
from terminal_client.secret import Secret
from terminal_client.session import Deadlines
from terminal_client.subscriptions import Subscription
from tests.e2e.broken_network import way_to
from tests.e2e.relay_process import TlsFiles
from tests.e2e.replaced_relay import ReplacedRelay, runs
from tests.e2e.secrecy import leaks
from tests.e2e.site import (
    AUTH_CODE,
    BROKER,
    INVESTORS,
    TERMINAL,
    Site,
    collect_now,
    eventually,
    log_in,
    register,
    ticked,
    trade,
)
from tests.ports import unused_ports
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.postgres]

WORKERS = 2
OF_A_WORKER = 2
BECAUSE = pb.Asking(reason="a test")


class WorkersSite(Site):
    """A counter with one relay of several workers."""

    def ask(self, method: str, request: Any) -> Any:
        """Through the relay's one control socket."""
        door = RelayDoor(self.relay.state_dir / "control.sock")
        return ask_now(door, lambda relay: getattr(relay, method)(request, timeout=30))

    def workers(self) -> dict[int, pb.WorkerStatus]:
        status = self.ask("GetStatus", pb.GetStatusRequest())
        return {one.number: one for one in status.workers}

    def shares(self) -> list[int]:
        """Sessions of each worker."""
        return [one.status.sessions.total for one in self.workers().values()]

    def monitored(self, path: str) -> tuple[int, str]:
        """Status and text at the port for monitors."""
        port = json.loads((self.relay.directory / "ports.json").read_text())["metrics"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def flow_folders(self) -> list[Path]:
        return list((self.relay.state_dir / "flow").glob("process-*"))

    def comes_back(self, investor: str, port: int = 0) -> RelayTerminal:
        """A terminal that logs in again by itself."""

        async def credentials() -> Credentials:
            return Credentials(BROKER, investor, Secret(demo_accounts.password_of(investor)), await collect_now())

        return RelayTerminal(
            f"127.0.0.1:{port or self.relay.port}",
            app_id=TERMINAL,
            auth_code=AUTH_CODE,
            tls=Tls(ca_file=self.tls.authority),
            credentials=credentials,
            deadlines=Deadlines(first_retry_seconds=0.02, longest_retry_seconds=0.5),
        )


def children_of(process: int) -> set[int]:
    found = set()
    for other in Path("/proc").iterdir():
        with suppress(OSError, IndexError, ValueError):
            if int((other / "stat").read_text().rpartition(")")[2].split()[1]) == process:
                found.add(int(other.name))
    return found


def alive(processes: set[int]) -> set[int]:
    """Those that have not ended; one that has and was not waited for is no process any more."""
    found = set()
    for process in processes:
        with suppress(OSError):
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}:
                found.add(process)
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(
    tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> AsyncIterator[WorkersSite]:
    own, monitor = unused_ports(2)
    settings = {
        "relay__workers": WORKERS,
        "relay__drain_seconds": 30.0,  # so long a terminal that moves may take on a busy machine; without one it is over at once
        "sessions__max_per_process": OF_A_WORKER,
        "listen__address": f"127.0.0.1:{own}",
        "metrics__address": f"127.0.0.1:{monitor}",
        "ledger__url": postgres_server.new_database(),
        "market_data__enabled": True,
    }
    async with SimulatedCounter(CounterConfig()) as counter:
        settings["market_data__fronts"] = [counter.address]
        relay = ReplacedRelay(tmp_path_factory.mktemp("w") / "r", Mode.MANY_TO_MANY, counter.address, tls, settings)
        (relay.directory / "ports.json").write_text(json.dumps({"metrics": monitor}))
        relay.command("database", "upgrade").check_returncode()
        register(relay)
        await relay.start()
        site = WorkersSite(counter, relay, tls)
        try:
            yield site
        finally:
            everyone = {relay.pid, *children_of(relay.pid)}
            code = await relay.stop()
        assert code == 0
        assert alive(everyone) == set()
        assert is_free(own)
        assert site.flow_folders() == []
        assert leaks(relay) == []


async def test_logins_spread_and_a_full_worker_passes_them_on(site: WorkersSite) -> None:
    """Each worker has its part; the relay is full when all are; monitors and operators see each and all together."""
    async with AsyncExitStack() as stack:
        for investor in INVESTORS[:1] * (WORKERS * OF_A_WORKER):
            await trade(await stack.enter_async_context(site.logged_in(investor)))
        shares = site.shares()
        with pytest.raises(LoginRejected) as full:
            await stack.enter_async_context(site.logged_in(INVESTORS[1]))
        sessions = site.ask("ListSessions", pb.ListSessionsRequest()).sessions
        metrics = site.monitored("/metrics")[1]
        one = site.ask("GetSession", pb.GetSessionRequest(session=sessions[-1].session))
        kicked = site.ask("KickSession", pb.KickSessionRequest(session=sessions[-1].session, asking=BECAUSE))
    status = site.ask("GetStatus", pb.GetStatusRequest())
    ready = json.loads(site.monitored("/readyz")[1])

    assert shares == [OF_A_WORKER] * WORKERS
    assert full.value.refusal.reason == "relay_full"
    assert sorted(session.worker for session in sessions) == [1, 1, 2, 2]
    assert (one.worker, list(kicked.sessions)) == (sessions[-1].worker, [sessions[-1].session])
    for number in range(1, WORKERS + 1):
        assert f'ctp_relay_sessions{{worker="{number}"}} {OF_A_WORKER}.0' in metrics
        assert f'ctp_relay_worker_starts_total{{worker="{number}"}} 1.0' in metrics
    assert metrics.count("# TYPE process_cpu_seconds_total") == 1
    assert (status.sessions.most, status.process.pid) == (WORKERS * OF_A_WORKER, site.relay.pid)
    assert {number: state["ready"] for number, state in ready["workers"].items()} == {"1": True, "2": True}
    assert (ready["ready"], site.monitored("/healthz")[0]) == (True, 200)
    verified = site.relay.command("ledger", "verify")
    assert verified.returncode == 0
    assert all(f"relay.{number}" in verified.stdout for number in range(1, WORKERS + 1))


async def test_the_supervisor_has_nothing_of_the_vendors(site: WorkersSite) -> None:
    """Its workers have the binding loaded, and it has not."""
    loaded = [_has_loaded("/openctp_", process) for process in (site.relay.pid, *_pids(site))]

    assert loaded == [False, True, True]


def _has_loaded(what: str, process: int) -> bool:
    return what in Path(f"/proc/{process}/maps").read_text()


def _pids(site: WorkersSite) -> list[int]:
    return [one.pid for one in site.workers().values()]


async def test_a_session_is_found_at_whichever_worker_its_terminal_comes_in(site: WorkersSite) -> None:
    """Its connection breaks and comes in at the other worker: it is resumed, trades and has its ticks there all the same."""
    async with way_to(site.relay.port) as way, site.comes_back(INVESTORS[2], way.port) as terminal:
        await log_in(terminal, INVESTORS[2])
        statuses = terminal.statuses()
        session = _only_session(site)
        resumed = []
        for _ in range(2):  # the other worker has more room: it gets the only connection there is
            way.cut()
            await _live_again(statuses)
            assert terminal.info is not None
            resumed.append(terminal.info.resumed)
        price = (await ticked(site, terminal, 3499.0)).last_price
        await trade(terminal)
        still = _only_session(site)

    assert resumed == [True, True]
    assert price == 3499.0
    assert (still.session, still.worker, still.resumes) == (session.session, session.worker, 2)
    elsewhere = [one.status.sessions.total for number, one in site.workers().items() if number != session.worker]
    assert elsewhere == [0]


def _only_session(site: WorkersSite) -> pb.TerminalSession:
    found: pb.ListSessionsResponse = site.ask("ListSessions", pb.ListSessionsRequest())
    (session,) = found.sessions
    return session


async def test_what_is_asked_of_the_relay_is_asked_of_each_worker(site: WorkersSite) -> None:
    """In the name of who asked it; each has its entry, and a refusal is said once."""
    site.ask("PauseLogins", pb.PauseLoginsRequest(public_reason="wait", asking=BECAUSE))
    with pytest.raises(LoginRejected) as paused:
        async with site.logged_in(INVESTORS[0]):
            pass
    os.kill(_pids(site)[0], signal.SIGKILL)
    await eventually("the worker is back", lambda: site.workers()[1].starts == 2 and _all_serve(site))
    still = [one.status.paused.paused for one in site.workers().values()]
    were = site.ask("ResumeLogins", pb.ResumeLoginsRequest(asking=BECAUSE)).were_paused
    with pytest.raises(AskFailed) as unknown:
        site.ask("KickSession", pb.KickSessionRequest(session="none", asking=BECAUSE))
    async with site.logged_in(INVESTORS[0]):
        pass

    assert paused.value.refusal.reason == "logins_paused"
    assert still == [True, True]
    assert were
    assert unknown.value.trouble == "not_found"
    entries = [entry.data for entry in site.relay.ledger() if entry.kind == "admin_logins_resume"]
    assert [entry["through"] for entry in entries] == ["control socket"] * WORKERS
    assert [entry["reason"] for entry in entries] == [BECAUSE.reason] * WORKERS


def _all_serve(site: WorkersSite) -> bool:
    return all(one.state == "serving" and one.HasField("status") for one in site.workers().values())


async def test_terminals_of_a_killed_worker_come_back_and_no_others_notice(site: WorkersSite) -> None:
    """Its terminal logs in again by itself, the other one goes on; the worker is started again with a number of its own, its files are gone."""
    async with AsyncExitStack() as stack:
        terminals = {one: await stack.enter_async_context(site.comes_back(one)) for one in INVESTORS[:2]}
        for investor, terminal in terminals.items():
            await log_in(terminal, investor)
        has = {one.worker: one.investor_id for one in site.ask("ListSessions", pb.ListSessionsRequest()).sessions}
        hit, spared = (terminals[has[number]] for number in (1, 2))
        heard, unheard = hit.statuses(), spared.statuses()
        before = site.workers()
        os.kill(before[1].pid, signal.SIGKILL)
        await _live_again(heard)
        for terminal in terminals.values():
            await trade(terminal)
        await eventually("the worker is back", lambda: _all_serve(site))
        after, folders = site.workers(), site.flow_folders()

    assert hit.info is not None
    assert not hit.info.resumed
    assert [status.state async for status in unheard if status.of == "relay" and status.state == "reconnecting"] == []
    assert [after[number].starts - before[number].starts for number in (1, 2)] == [1, 0]
    assert (after[1].why, after[2].pid) == ("signal SIGKILL", before[2].pid)
    assert after[1].status.relay_number != before[1].status.relay_number
    assert len(folders) == WORKERS


async def _live_again(statuses: Subscription[Status]) -> None:
    async with asyncio.timeout(90):
        async for status in statuses:
            assert status.state != "ended", status
            if (status.of, status.state) == ("relay", "live"):
                return


async def test_nothing_is_left_of_a_killed_supervisor(site: WorkersSite) -> None:
    """Its workers end in order and by themselves, the port is free, and the relay starts again."""
    async with site.comes_back(INVESTORS[0]) as terminal:
        await log_in(terminal, INVESTORS[0])
        everyone = {site.relay.pid, *children_of(site.relay.pid)}
        port = site.relay.port
        stopped = _count(site, "relay_stopped")
        await site.relay.kill()
        assert is_free(port)
        await eventually("all are gone", lambda: not alive(everyone))
        in_order = _count(site, "relay_stopped") - stopped
        left = site.flow_folders()
        statuses = terminal.statuses()  # it may be back before every worker serves
        await site.relay.start()
        await _live_again(statuses)
        await trade(terminal)

    assert len(everyone) == 1 + WORKERS
    assert (in_order, left) == (WORKERS, [])


async def test_the_next_generation_takes_the_port_while_terminals_trade(site: WorkersSite) -> None:
    """One worker after the other comes up, then the supervisor has the port; terminals move there, and the old generation ends."""
    relay = site.relay
    assert isinstance(relay, ReplacedRelay)
    before, first = site.workers(), relay.pid
    async with site.comes_back(INVESTORS[0]) as terminal:
        await log_in(terminal, INVESTORS[0])
        statuses = terminal.statuses()
        done = await asyncio.to_thread(relay.command, "restart", "--rolling", "--json")
        relay.successor = json.loads(done.stdout)["pid"]
        moved = [status.state async for status in _until_live(statuses)]
        await trade(terminal)
        await eventually("the old generation is gone", lambda: not runs(first))
        after, sessions = site.workers(), site.ask("ListSessions", pb.ListSessionsRequest()).sessions

    assert (done.returncode, moved) == (0, ["leaving", "live"])
    assert {one.pid for one in before.values()} & {one.pid for one in after.values()} == set()
    assert alive({one.pid for one in before.values()}) == set()
    assert [one.starts for one in after.values()] == [1] * WORKERS
    assert [session.investor_id for session in sessions] == [INVESTORS[0]]
    assert len(site.flow_folders()) == WORKERS


async def _until_live(statuses: Subscription[Status]) -> AsyncIterator[Status]:
    async with asyncio.timeout(90):
        async for status in statuses:
            if status.of == "relay":
                yield status
                if status.state == "live":
                    return


def _count(site: WorkersSite, kind: str) -> int:
    return sum(entry.kind == kind for entry in site.relay.ledger())
