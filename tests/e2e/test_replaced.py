"""A relay that is replaced by its next process while terminals trade: the port is never refused, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import Credentials, RelayTerminal, Tls
from terminal_client.errors import CallFailed, NotConnected
from terminal_client.secret import Secret
from terminal_client.session import Deadlines
from tests.e2e.relay_process import TlsFiles
from tests.e2e.replaced_relay import ReplacedRelay, runs
from tests.e2e.secrecy import leaks
from tests.e2e.site import (
    AUTH_CODE,
    BROKER,
    INVESTORS,
    TERMINAL,
    Site,
    buy,
    collect_now,
    eventually,
    log_in,
    login_message,
    register,
)
from tests.ports import unused_port

pytestmark = pytest.mark.asyncio(loop_scope="session")
DRAIN_SECONDS = 5.0
QUICK = Deadlines(first_retry_seconds=0.02, longest_retry_seconds=0.2)


@asynccontextmanager
async def _site(tls: TlsFiles, directory: Path, mode: Mode, database_url: str = "") -> AsyncIterator[Site]:
    monitor = unused_port()
    async with SimulatedCounter(CounterConfig()) as counter:
        settings: dict[str, object] = {
            "relay__drain_seconds": DRAIN_SECONDS,
            "metrics__address": f"127.0.0.1:{monitor}",
        }
        if database_url:
            settings["ledger__url"] = database_url
        relay = ReplacedRelay(directory / "relay", mode, counter.address, tls, settings)
        if database_url:
            relay.command("database", "upgrade").check_returncode()
        register(relay)
        try:
            await relay.start()
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()
        assert leaks(relay) == []


class Trader:
    """A terminal that orders without a pause, each order under a key of its own until it is answered."""

    def __init__(self, site: Site, investor_id: str, pause: float = 0.0) -> None:
        self.investor_id = investor_id
        self._pause = pause
        self.sent = 0
        self.said: list[tuple[str, str]] = []
        self._enough = asyncio.Event()
        self.terminal = RelayTerminal(
            f"127.0.0.1:{site.relay.port}",
            app_id=TERMINAL,
            auth_code=AUTH_CODE,
            tls=Tls(ca_file=site.tls.authority),
            credentials=self._credentials,
            deadlines=QUICK,
        )

    async def _credentials(self) -> Credentials:
        return Credentials(
            BROKER, self.investor_id, Secret(demo_accounts.password_of(self.investor_id)), await collect_now()
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Trader]:
        """Logged in and ordering."""
        async with self.terminal:
            listening = asyncio.ensure_future(self._listen())
            await log_in(self.terminal, self.investor_id)
            self._flow = asyncio.ensure_future(self._trade())
            yield self
            listening.cancel()

    async def finish(self) -> list[str]:
        """Some orders more, then no more; the day's trades."""
        wanted = self.sent + 3
        await eventually("further orders are answered", lambda: self.sent >= wanted)
        self._enough.set()
        await self._flow
        answer = await self.terminal.requests.qry_trade(ctp.QryTrade(investor_id=self.investor_id))
        return [trade.trade_id.strip() for trade in answer.rows]

    async def _trade(self) -> None:
        while not self._enough.is_set():
            try:
                await self.terminal.request("order_insert", buy(), client_order_key=f"K{self.sent}")
                self.sent += 1
                await asyncio.sleep(self._pause)
            except (CallFailed, NotConnected):
                await asyncio.sleep(0.02)

    async def _listen(self) -> None:
        async for status in self.terminal.statuses():
            if status.of == "relay":
                self.said.append((status.state, status.cause))


async def _knock(port: int, over: asyncio.Event) -> int:
    """Connect again and again; how often, raising where one is refused."""
    knocks = 0
    while not over.is_set():
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        knocks += 1
        await asyncio.sleep(0.03)
    return knocks


@pytest.mark.postgres
async def test_terminals_trade_on_while_the_relay_is_replaced(tls: TlsFiles, tmp_path: Path, postgres_url: str) -> None:
    """None is ever without a session, each order is one order, the old process is gone; an older client is ended in time.

    A next process that does not start, because its settings are wrong, changes nothing.
    """
    async with _site(tls, tmp_path, Mode.MANY_TO_MANY, postgres_url) as site, AsyncExitStack() as stack:
        relay = site.relay
        assert isinstance(relay, ReplacedRelay)
        traders = [await stack.enter_async_context(Trader(site, investor).at_work()) for investor in INVESTORS[:2]]
        knocking = asyncio.ensure_future(_knock(relay.port, over := asyncio.Event()))
        old_kind = await stack.enter_async_context(site.raw())
        await old_kind.log_in(login_message(await old_kind.hello(TERMINAL), INVESTORS[2], await collect_now()))

        failed = await _replace_with_wrong_settings(relay)
        old = relay.pid
        done = await asyncio.to_thread(relay.command, "restart", "--rolling", "--json")
        relay.successor = json.loads(done.stdout)["pid"]
        notice = await old_kind.receive_until("leave_notice")
        goodbye = await old_kind.receive_until("goodbye")
        await eventually("the old process is gone", lambda: not runs(old))
        known = [len(await trader.finish()) for trader in traders]
        over.set()

    assert await knocking > 50
    assert (notice.successor, "/" in notice.reason, goodbye.kind) == (True, True, pb.Goodbye.KIND_RELAY_STOPPING)
    assert known == [trader.sent for trader in traders]
    assert sum(known) == site.called("ReqOrderInsert")
    moved = [("live", ""), ("leaving", "relay_stopping"), ("live", "")]
    assert [trader.said for trader in traders] == [moved, moved]
    assert (failed.returncode, done.returncode) == (1, 0)
    assert [len(relay.said(f"succession_{word}")) for word in ("begun", "failed", "done")] == [2, 1, 1]


async def test_the_next_process_takes_its_turn_where_one_alone_can_serve(tls: TlsFiles, tmp_path: Path) -> None:
    """Many-to-one on SQLite: the operator is logged in by the new process alone, the port is never refused, each order is one order.

    A next process that does not start changes nothing, and the old one does not end for it.
    """
    async with _site(tls, tmp_path, Mode.MANY_TO_ONE) as site, AsyncExitStack() as stack:
        relay = site.relay
        assert isinstance(relay, ReplacedRelay)
        trader = await stack.enter_async_context(Trader(site, INVESTORS[0], pause=0.1).at_work())
        knocking = asyncio.ensure_future(_knock(relay.port, over := asyncio.Event()))

        failed = await _replace_with_wrong_settings(relay)
        answered, old = trader.sent, relay.pid
        await eventually("orders are answered as before", lambda: trader.sent > answered + 1)
        done = await asyncio.to_thread(relay.command, "restart", "--rolling", "--json")
        relay.successor = json.loads(done.stdout)["pid"]
        await eventually("the old process is gone", lambda: not runs(old))
        known = await trader.finish()
        over.set()

    assert await knocking > 50
    assert (failed.returncode, done.returncode) == (1, 0)
    assert len(known) == trader.sent == site.called("ReqOrderInsert")
    assert trader.said == [("live", ""), ("reconnecting", "relay_stopping"), ("live", "")]
    assert [len(relay.said(f"succession_{word}")) for word in ("begun", "failed", "done")] == [2, 1, 1]
    kinds = [entry.kind for entry in relay.ledger() if entry.kind in {"relay_started", "relay_stopped"}]
    assert kinds == ["relay_started", "relay_stopped"] * 2
    assert len({entry.data["relay_number"] for entry in relay.ledger() if entry.kind == "relay_started"}) == 2


async def _replace_with_wrong_settings(relay: ReplacedRelay) -> subprocess.CompletedProcess[str]:
    """As after an upgrade that forgot a file."""
    right = relay.config.read_text(encoding="utf-8")
    relay.config.write_text(re.sub(r"tls_key = .*", 'tls_key = "nowhere.key"', right), encoding="utf-8")
    try:
        return await asyncio.to_thread(relay.command, "restart", "--rolling")
    finally:
        relay.config.write_text(right, encoding="utf-8")
