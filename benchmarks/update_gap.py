"""How long a terminal cannot order while its relay is updated.

Part `update`: 20 terminals, each of which sends an order every 100 ms under a
key of its own, through a loopback relay at the simulated counter, relay.drain_seconds as it is by default (30). A terminal's gap
is the longest time between two answered orders, less those 100 ms. `rolling` is `ctp-relay restart --rolling` (many-to-many on
PostgreSQL), `in_turn` the same where one process alone can serve (SQLite, both modes), `restart` SIGTERM and a new start there. All terminals collect on this one machine, which a firm's
do not.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import secrets
import signal
import socket
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.orders import Say
from benchmarks.scene import ROOM
from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from demo.cast import MODES, TERMINAL_APP_ID, Cast
from demo.certificates import TlsFiles, make_tls_files
from demo.relay_run import RelayRun
from demo.relay_site import RelaySite, clean_environment, ctp_settings
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.exec import program_environment
from terminal_client import Credentials, RelayTerminal, Tls, collect
from terminal_client.errors import TerminalError
from terminal_client.secret import Secret
from tests.postgres import own_server

INVESTORS = demo_accounts.investor_ids(20)
_PAUSE_SECONDS = 0.1
_BEFORE_SECONDS = 3.0
_AFTER_ORDERS = 5
_LONGEST_SECONDS = 240.0
Update = Callable[["UpdatedRelay"], Awaitable[None]]


class UpdatedRelay:
    """One relay with its folder, on a port that it keeps."""

    def __init__(self, site: RelaySite, stack: AsyncExitStack) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.site = site
        self._stack = stack
        named = {
            "CTP_RELAY__LISTEN__ADDRESS": f"127.0.0.1:{self.port}",
            "CTP_RELAY__LISTEN__MAX_STREAMS_WITHOUT_SESSION_PER_ADDRESS": "1000",
            "CTP_RELAY__RELAY__DRAIN_SECONDS": "30",
        }
        self._environment = program_environment({**clean_environment(os.environ), **named})
        self.pid = 0

    async def furnish(self, counter: SimulatedCounter, postgres: str) -> None:
        """Settings, tables, the terminal and the investor."""
        site = self.site
        site.furnish(ctp_settings(site.cast, counter.address))
        ledger = f'[ledger]\nurl = "{postgres}"\n' if postgres else ""
        with (site.folder / "relay.toml").open("a") as file:
            file.write(ROOM + ledger)
        if postgres:
            await site.run("database", "upgrade")
        await site.run("terminal", "add", TERMINAL_APP_ID, "--auth-code-file", "terminal_auth_code.secret")
        if site.cast.relay_knows_investor:
            for investor in INVESTORS:
                (site.folder / "investor.secret").write_text(demo_accounts.password_of(investor))
                await site.run("investor", "add", investor, "--password-file", "investor.secret")

    async def start(self) -> None:
        run = await self._stack.enter_async_context(RelayRun(self.site.folder, self._environment))
        await run.start()
        self.pid = run.pid

    async def until_gone(self, pid: int) -> None:
        """The processes are this one's children or orphans: `/proc` knows both."""
        while _runs(pid):  # noqa: ASYNC110 - the system says nothing of an orphan's end
            await asyncio.sleep(0.05)


class OrderingTerminal:
    """Sends one order after the other, and keeps when each was answered."""

    def __init__(self, relay: UpdatedRelay, investor_id: str) -> None:
        self._investor = investor_id
        site = relay.site
        self._site = site
        self.terminal = RelayTerminal(
            f"127.0.0.1:{relay.port}",
            app_id=TERMINAL_APP_ID,
            auth_code=site.terminal_auth_code,
            tls=Tls(ca_file=site.tls.authority),
            credentials=self.credentials,
        )
        self.answered: list[float] = []
        self._name = secrets.token_hex(8)

    async def credentials(self) -> Credentials:
        investor = self._investor
        password = Secret(demo_accounts.password_of(investor))
        collected = await asyncio.to_thread(collect)
        return Credentials(
            demo_accounts.BROKER_ID, investor, password, collected, confirm_settlement=True, live_only=True
        )

    async def order(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            key = f"{self._name}-{len(self.answered)}"
            try:
                await self.terminal.request("order_insert", _order(), client_order_key=key, deadline=5)
                self.answered.append(time.monotonic())
            except TerminalError:
                pass
            await asyncio.sleep(_PAUSE_SECONDS)

    def gap(self) -> float:
        """The longest time without an answered order."""
        pairs = zip(self.answered, self.answered[1:], strict=False)
        return max(0.0, max(later - earlier for earlier, later in pairs) - _PAUSE_SECONDS)


def _order() -> ctp.InputOrder:
    return ctp.InputOrder(
        instrument_id="rb2701",
        exchange_id="SHFE",
        direction=enums.DIRECTION_BUY,
        comb_offset_flag="0",
        comb_hedge_flag="1",
        limit_price=3400.0,
        volume_total_original=1,
        order_price_type=enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
        time_condition=enums.TIME_CONDITION_GFD,
        volume_condition=enums.VOLUME_CONDITION_AV,
        contingent_condition=enums.CONTINGENT_CONDITION_IMMEDIATELY,
        force_close_reason=enums.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
    )


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return False


async def _roll(relay: UpdatedRelay) -> None:
    outcome = json.loads(await relay.site.run("restart", "--rolling", "--json", seconds=_LONGEST_SECONDS))
    await relay.until_gone(outcome["asked"])
    relay.pid = outcome["pid"]


async def _restart(relay: UpdatedRelay) -> None:
    os.kill(relay.pid, signal.SIGTERM)
    await relay.until_gone(relay.pid)
    await relay.start()


async def measure(cast: Cast, folder: Path, postgres: str, update: Update) -> dict[str, float]:
    """The gaps of all terminals over one update."""
    async with (
        SimulatedCounter(CounterConfig(users=tuple(demo_accounts.users(len(INVESTORS))))) as counter,
        AsyncExitStack() as stack,
    ):
        await asyncio.to_thread(folder.mkdir)
        tls: TlsFiles = make_tls_files(folder, dt.datetime.now(dt.UTC))
        code = "".join(secrets.choice("ABCDEFGH01234567") for _ in range(16))
        relay = UpdatedRelay(RelaySite(folder / "relay", cast, tls, code), stack)
        await relay.furnish(counter, postgres)
        await relay.start()
        terminals = [OrderingTerminal(relay, investor) for investor in INVESTORS]
        for one in terminals:
            await stack.enter_async_context(one.terminal)
            await one.terminal.login_with(await one.credentials())
        await _order_while_updated(relay, terminals, update)
    gaps = [one.gap() for one in terminals]
    return {"p50": round(statistics.median(gaps), 2), "max": round(max(gaps), 2)}


async def _order_while_updated(relay: UpdatedRelay, terminals: list[OrderingTerminal], update: Update) -> None:
    """All of them, until each has had some answers after the update."""
    enough = asyncio.Event()
    flows = [asyncio.ensure_future(one.order(enough)) for one in terminals]
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            await asyncio.sleep(_BEFORE_SECONDS)
            await update(relay)
            for one in terminals:
                wanted = len(one.answered) + _AFTER_ORDERS
                while len(one.answered) < wanted:  # noqa: ASYNC110 - looked at as often as it orders
                    await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        enough.set()
        await asyncio.gather(*flows)
        os.kill(relay.pid, signal.SIGINT)


async def measure_update(folder: Path, say: Say) -> dict[str, Any]:
    """The rolling one needs PostgreSQL's programs, for a server of its own; without them it is left out, and said."""
    gaps: dict[str, dict[str, float]] = {}
    with own_server() as server:
        if server is None:
            say("no PostgreSQL here (apt-get install postgresql): the rolling update is not measured")
        else:
            url = server.new_database()
            gaps["many_to_many_rolling"] = await measure(MODES["many_to_many"], folder / "rolling", url, _roll)
            say(f"many_to_many_rolling: {gaps['many_to_many_rolling']}")
    for mode, cast in MODES.items():
        for name, update in {"in_turn": _roll, "restart": _restart}.items():
            key = f"{mode}_{name}"
            gaps[key] = await measure(cast, folder / key, "", update)
            say(f"{key}: {gaps[key]}")
    return {"update_gap_s": gaps}
