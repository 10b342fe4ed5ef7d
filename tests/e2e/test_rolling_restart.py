"""Two relays behind a real HAProxy, on PostgreSQL, with TLS and the PROXY protocol: restarted one after the other while terminals trade."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import Credentials, MarketData, RelayTerminal, Status, Tls
from terminal_client.errors import CallFailed, CallRefused, NotConnected
from terminal_client.secret import Secret
from terminal_client.session import Deadlines
from terminal_client.subscriptions import Subscription
from tests.e2e.broken_network import Way, way_to
from tests.e2e.haproxy_state import until_up, with_state
from tests.e2e.relay_pair import SECRETS_KEY
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import AUTH_CODE, BROKER, INVESTORS, TERMINAL, Site, buy, collect_now, log_in, ports_to, register
from tests.ports import unused_ports

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.postgres]

SAMPLE = Path(__file__).parents[2] / "deploy" / "proxies" / "haproxy-passthrough.cfg"
PROXY = "127.0.0.2"
"""HAProxy's own address, as the relays see it"""
INVESTOR = INVESTORS[0]
TRADED = "rb2701"
QUICK = Deadlines(first_retry_seconds=0.02, longest_retry_seconds=0.2)
DRAIN_SECONDS = 3.0
"""HAProxy looks every second, and twice"""
_DEADLINE_SECONDS = 120.0


async def credentials() -> Credentials:
    """What a terminal's program provides, so that a new login needs nobody at the keyboard."""
    return Credentials(BROKER, INVESTOR, Secret(demo_accounts.password_of(INVESTOR)), await collect_now())


async def test_terminals_notice_a_rolling_restart_as_a_resume_only(
    tls: TlsFiles, tmp_path: Path, postgres_url: str, ports: list[int]
) -> None:
    """Both relays are restarted in turn: the session is live again each time, each order is one order, each trade is known; so are ticks."""
    front, *own = ports
    async with _firm(tls, tmp_path, postgres_url, own) as sites, way_to(front) as way:
        with _haproxy(front, own, tmp_path):
            async with _terminal(tls, way.port) as terminal:
                statuses, trades = terminal.statuses(), terminal.trades(10_000)
                await log_in(terminal, INVESTOR)
                await terminal.market_data().subscribe([TRADED])
                assert sites[0].reports_of(INVESTOR)[-1]["terminal_port"] in ports_to(front)
                orders = _Orders(terminal)
                flow = asyncio.ensure_future(orders.flow())
                moves = [await _restart(_where_the_terminal_is(sites, own), terminal, statuses, orders)]
                await asyncio.to_thread(until_up, tmp_path, "relays", {"relay1", "relay2"})
                resumed = [await _broken(way, terminal, statuses) for _ in range(4)]
                moves.append(await _restart(_where_the_terminal_is(sites, own), terminal, statuses, orders))
                orders.enough.set()
                await flow
                known = await _trade_ids(terminal)
                runs = await _runs(trades, known)

    assert resumed == [True] * 4, "with both relays up, a broken connection comes back to the one with the session"
    assert moves == [("relay_stopping", "live"), ("relay_stopping", "live")]
    assert len(known) == orders.sent == sites[0].called("ReqOrderInsert")
    assert all(run == known[: len(run)] for run in runs)
    assert len(runs) <= 3
    assert runs[-1] == known


class _Orders:
    """One order after the other, each with a key of its own, repeated under that key until it is answered."""

    def __init__(self, terminal: RelayTerminal) -> None:
        self.enough = asyncio.Event()
        self.sent = 0
        self._one_more = asyncio.Event()
        self._terminal = terminal

    async def flow(self) -> None:
        while not self.enough.is_set():
            await self._until_answered(f"K{self.sent}")
            self.sent += 1
            self._one_more.set()

    async def more(self, count: int) -> None:
        """Wait until so many further ones are answered."""
        async with asyncio.timeout(_DEADLINE_SECONDS):
            for _ in range(count):
                self._one_more.clear()
                await self._one_more.wait()

    async def _until_answered(self, key: str) -> None:
        while True:
            try:
                await self._terminal.request("order_insert", buy(), client_order_key=key)
            except CallRefused as refused:
                # The session ended in the moment it was sent: it went nowhere, and the next session takes it.
                if not refused.refusal.retry_after_seconds and refused.refusal.reason != "session_gone":
                    raise
                await asyncio.sleep(0.1)
            except (CallFailed, NotConnected):
                await asyncio.sleep(0.02)
            else:
                return


async def _restart(
    where: tuple[Site, Site], terminal: RelayTerminal, statuses: Subscription[Status], orders: _Orders
) -> tuple[str, str]:
    """Restart the relay that has the terminal, as `systemctl restart` does; how the terminal heard of it, and how it went on.

    The first tick of its market data is a snapshot: a bystander at the other relay has the same instrument subscribed.
    """
    here, other = where
    await orders.more(3)
    async with _bystander(other):
        shown = asyncio.ensure_future(_shown_again(terminal.market_data()))
        ended = asyncio.ensure_future(here.relay.stop())
        reconnecting = await _status(statuses, "reconnecting")
        live = await _status(statuses, "live")
        assert await shown
    assert await ended == 0
    await here.relay.start()
    await orders.more(3)
    return reconnecting.cause, live.state


def _where_the_terminal_is(sites: list[Site], ports: list[int]) -> tuple[Site, Site]:
    """The relay that has it, and the other one."""
    has = {_has_terminal(monitor): site for site, monitor in zip(sites, ports[1::2], strict=True)}
    return has[True], has[False]


@asynccontextmanager
async def _bystander(site: Site) -> AsyncIterator[None]:
    """Somebody else's terminal with the same instrument subscribed."""
    async with site.logged_in(INVESTORS[1]) as terminal:
        ticks = terminal.market_data().ticks()
        await terminal.market_data().subscribe([TRADED])
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await anext(ticks)
        yield


async def _shown_again(data: MarketData) -> bool:
    """Market data hears why it ended, and has ticks again without having asked; whether the first is a snapshot."""
    statuses = data.statuses()
    stopping = await _status(statuses, "reconnecting", "relay_stopping")
    async with data.ticks() as ticks, asyncio.timeout(_DEADLINE_SECONDS):
        tick = await anext(ticks)
    await _status(statuses, "live")
    return (stopping.state, tick.instrument_id) == ("reconnecting", TRADED) and tick.is_snapshot


async def _broken(way: Way, terminal: RelayTerminal, statuses: Subscription[Status]) -> bool:
    """Cut the terminal's connection; whether its session was resumed."""
    way.cut()
    await _status(statuses, "live")
    assert terminal.info is not None
    return terminal.info.resumed


async def _status(statuses: Subscription[Status], state: str, cause: str = "") -> Status:
    async with asyncio.timeout(_DEADLINE_SECONDS):
        async for status in statuses:
            assert status.state != "ended", status
            if (status.of, status.state) == ("relay", state) and cause in status.cause:
                return status
    raise AssertionError("the subscription ended")


def _has_terminal(monitor: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return any(line.startswith("ctp_relay_sessions ") and float(line.split()[1]) > 0 for line in lines)


async def _trade_ids(terminal: RelayTerminal) -> list[str]:
    """Of all trades of the day, as the counter lists them."""
    answer = await terminal.requests.qry_trade(ctp.QryTrade(investor_id=INVESTOR))
    return [trade.trade_id.strip() for trade in answer.rows]


async def _runs(trades: Subscription[ctp.Trade], known: list[str]) -> list[list[str]]:
    """What came, one list for each login: each login is given the day from its first trade on."""
    runs: list[list[str]] = []
    async with asyncio.timeout(_DEADLINE_SECONDS):
        async for trade in trades:
            if trade.trade_id.strip() == known[0]:
                runs.append([])
            runs[-1].append(trade.trade_id.strip())
            if trade.trade_id.strip() == known[-1]:
                return runs
    raise AssertionError("the subscription ended")


@pytest.fixture
def ports() -> list[int]:
    """Five loopback ports that were free a moment ago: the proxy's, and two of each relay, which keep them over a restart."""
    return unused_ports(5)


@asynccontextmanager
async def _firm(tls: TlsFiles, directory: Path, database_url: str, ports: list[int]) -> AsyncIterator[list[Site]]:
    """One counter, one database, two relays that share the key of the auth codes."""
    async with SimulatedCounter(CounterConfig()) as counter, AsyncExitStack() as stack:
        sites: list[Site] = []
        for number in (1, 2):
            settings = {
                "relay__name": f"relay-{number}",
                "relay__drain_seconds": DRAIN_SECONDS,
                "ledger__url": database_url,
                "listen__address": f"127.0.0.1:{ports[2 * number - 2]}",
                "listen__proxy_protocol_from": [PROXY],
                "metrics__address": f"127.0.0.1:{ports[2 * number - 1]}",
                "market_data__enabled": True,
                "market_data__fronts": [counter.address],
            }
            relay = RelayProcess(directory / f"relay-{number}", Mode.MANY_TO_MANY, counter.address, tls, settings)
            if sites:
                relay.state_dir.mkdir(mode=0o700)
                shutil.copy2(sites[0].relay.state_dir / SECRETS_KEY, relay.state_dir / SECRETS_KEY)
            else:
                relay.command("database", "upgrade").check_returncode()
                register(relay)
            stack.push_async_callback(relay.stop)
            await relay.start()
            sites.append(Site(counter, relay, tls))
        yield sites
        assert [leak for site in sites for leak in leaks(site.relay)] == []


@contextmanager
def _haproxy(front: int, ports: list[int], directory: Path) -> Iterator[None]:
    """The sample file with this machine's addresses, until the end; it is there when it takes connections."""
    program = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin")
    if program is None:
        pytest.skip("haproxy is not here; to have it: sudo apt-get install -y haproxy")
    text = SAMPLE.read_text(encoding="utf-8").replace("0.0.0.0:50051", f"127.0.0.1:{front}")
    for number in (1, 2):
        relay, monitor = ports[2 * number - 2 : 2 * number]
        own = f"127.0.0.1:{relay} source {PROXY}"
        text = text.replace(f"relay{number} 10.0.0.1{number}:50051", f"relay{number} {own} port {monitor}", 1)
        text = text.replace(f"relay{number} 10.0.0.1{number}:50051", f"relay{number} {own}", 1)
    config = directory / "haproxy.cfg"
    config.write_text(with_state(text, directory), encoding="utf-8")
    with (directory / "haproxy.log").open("wb") as log:
        running = subprocess.Popen([program, "-db", "-f", str(config)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", front)) != 0:
                assert running.poll() is None, (directory / "haproxy.log").read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield
    finally:
        running.terminate()
        running.wait(30)


def _terminal(tls: TlsFiles, port: int) -> RelayTerminal:
    return RelayTerminal(
        f"127.0.0.1:{port}",
        app_id=TERMINAL,
        auth_code=AUTH_CODE,
        tls=Tls(ca_file=tls.authority),
        credentials=credentials,
        deadlines=QUICK,
    )
