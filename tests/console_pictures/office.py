"""A firm at work: a counter, a relay in front of it, a console beside it, and terminals that trade."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from ctpabi.facts.collector import missing_items
from relay.admin.roles import PersonRole
from relay.cli.workplace import Workplace
from relay.counter.port import Mode
from relay.database.database import prepare
from relay.database.times import COUNTER_ZONE
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import Collected, RelayTerminal
from terminal_client.errors import TerminalError
from tests.console_pictures.morning import APP_IDS, write_morning
from tests.e2e.relay_process import RelayProcess, TlsFiles, spawn_program
from tests.e2e.site import AUTH_CODE, BROKER, Site, buy, collect_now, log_in

ACCOUNT, PASSWORD = "wang.min", "correct horse battery staple"
INVESTORS = demo_accounts.investor_ids(14)
_READY_SECONDS = 60.0
_VIRTUAL_MACHINE = 0x140
_AT_A_TIME = 7


@dataclass(slots=True)
class PicturedOffice:
    site: Site
    console: str
    """https://127.0.0.1:PORT"""


@asynccontextmanager
async def pictured_office(folder: Path, terminals: int = len(INVESTORS)) -> AsyncIterator[PicturedOffice]:
    """Everything started, terminals logged in and trading, some refused."""
    tls = make_certificate(folder)
    config = CounterConfig(users=tuple(demo_accounts.users(len(INVESTORS))))
    async with AsyncExitStack() as stack:
        counter = await stack.enter_async_context(SimulatedCounter(config))
        settings = {"relay__name": "relay-a", "console__address": "127.0.0.1:0", "console__poll_seconds": 1.0}
        relay = RelayProcess(folder / "relay", Mode.MANY_TO_MANY, counter.address, tls, settings)
        _furnish(relay)
        await relay.start()
        stack.push_async_callback(relay.stop)
        site = Site(counter, relay, tls)
        port = await _start_console(relay, stack)
        inside = await _log_all_in(site, INVESTORS[:terminals], stack)
        await _be_refused(site)
        for part in range(min(_AT_A_TIME, len(inside))):
            trading = asyncio.ensure_future(_keep_trading(inside[part::_AT_A_TIME], part))
            stack.push_async_callback(_stop, trading)
        yield PicturedOffice(site, f"https://127.0.0.1:{port}")


def make_certificate(folder: Path) -> TlsFiles:
    """For 127.0.0.1, valid for a quarter of a year."""
    files = TlsFiles(folder / "relay.crt", folder / "relay.key", folder / "authority.crt")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", not_after=dt.datetime.now(dt.UTC) + dt.timedelta(days=63))
    authority.cert_pem.write_to_path(str(files.authority))
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(files.key))
    files.key.chmod(0o600)
    return files


def _furnish(relay: RelayProcess) -> None:
    """The directory, an account, and the ledger's morning."""
    place = Workplace(relay.config)
    try:
        prepare(place.ledger)
        for app_id in APP_IDS:
            place.terminals.add(place.by, app_id, AUTH_CODE)
        place.accounts.add(place.by.because("演示 / demonstration"), ACCOUNT, PersonRole.ADMIN, PASSWORD)
        write_morning(place.ledger, "relay-a", dt.datetime.now(COUNTER_ZONE))
    finally:
        place.directory.dispose()
        place.ledger.dispose()


async def _start_console(relay: RelayProcess, stack: AsyncExitStack) -> int:
    output = relay.directory / "console.log"
    process = spawn_program(relay.directory, output, "console", "-c", relay.config.name)
    stack.push_async_callback(asyncio.to_thread, _end, process)
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            for line in output.read_text(encoding="utf-8").splitlines():
                if '"console_ready"' in line:
                    return int(json.loads(line)["port"])
            if process.poll() is not None:
                raise RuntimeError(f"the console does not serve:\n{output.read_text(encoding='utf-8')}")
            await asyncio.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _log_all_in(site: Site, investors: Sequence[str], stack: AsyncExitStack) -> list[RelayTerminal]:
    inside = []
    for number, investor in enumerate(investors):
        terminal = await stack.enter_async_context(site.terminal(APP_IDS[number % len(APP_IDS)]))
        await log_in(terminal, investor, await _machine(number))
        inside.append(terminal)
    return inside


async def _machine(number: int) -> Collected:
    """A machine's system info; each fifth one is a virtual machine, in which the collector misses two items."""
    collected = await collect_now()
    code = _VIRTUAL_MACHINE if number % 5 == 0 else 0
    return dataclasses.replace(collected, code=code, missing=missing_items(code))


async def _be_refused(site: Site) -> None:
    """Three ways: a wrong auth code, a wrong password, an old report; and a machine unlike before, which is an alarm."""
    used = await _machine(1)
    tries = [
        (site.terminal(APP_IDS[0], "WRONGCODE0000000"), INVESTORS[1], await _machine(1), ""),
        (site.terminal(APP_IDS[1]), INVESTORS[2], await _machine(1), "wrong"),
        (site.terminal(APP_IDS[1]), INVESTORS[3], used, ""),
        (site.terminal(APP_IDS[1]), INVESTORS[3], used, ""),
        (site.terminal(APP_IDS[0]), INVESTORS[0], await _machine(1), ""),
    ]
    for terminal, investor, collected, password in tries:
        async with terminal:
            with suppress(TerminalError):
                right = demo_accounts.password_of(investor)
                await terminal.login(BROKER, investor, password or right, collected, confirm_settlement=True)


async def _keep_trading(terminals: Sequence[RelayTerminal], number: int) -> None:
    """One after the other; busy for a while, then quiet, as a market is."""
    while True:
        for terminal in terminals:
            number += 1
            with suppress(TerminalError):
                await terminal.requests.order_insert(buy())
            await asyncio.sleep(0.02 + 0.15 * ((number // 30) % 4))


async def _stop(trading: asyncio.Future[None]) -> None:
    trading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await trading
