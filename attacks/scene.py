"""Where an attack takes place: simulated counter, a relay with the settings it is shipped with, honest terminals.

Every part is a process of its own but the counter, which is this one's. What differs from the shipped settings: limits of
orders, because the trading terminal is a meter here, and logins a second at the counter, because the simulated one has no
limit. The relay has 1,024 file descriptors, as many as systemd gives a service.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import resource
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from attacks.aim import Known
from attacks.attacker import Orders
from attacks.catalog import Attack
from attacks.newcomers import Firm, firm_as_json
from benchmarks.scene import CallerProcess
from demo import evidence
from demo.cast import MODES, TERMINAL_APP_ID, Cast
from demo.certificates import TlsFiles, make_tls_files
from demo.relay_run import RelayRun
from demo.relay_site import RelaySite, clean_environment, ctp_settings
from relay.cli.workplace import Workplace
from relay.counter.port import Investor
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.exec import program_environment

DESCRIPTORS = 1_024
INVESTORS = 14
TRADER, VICTIM, INSIDER, *NEWCOMERS = demo_accounts.investor_ids(INVESTORS)
"""who trades all the time; whom attacks aim at; whose account an attacker has; who logs in during attacks"""
_READY_SECONDS = 60.0
_LIMITS = {"orders_per_second": 100_000, "orders_per_day": 1_000_000, "orders_per_day_per_investor": 1_000_000}
_ENVIRONMENT = {"CTP_RELAY__COUNTER__INITS_PER_SECOND": "50", "CTP_RELAY__RELAY__DRAIN_SECONDS": "0.5"}


@dataclass(frozen=True, slots=True)
class Serving:
    """One relay with its counter."""

    counter: SimulatedCounter
    site: RelaySite
    relay: RelayRun
    port: int

    def resident_bytes(self) -> int:
        """Memory of the relay's process now."""
        status = Path(f"/proc/{self.relay.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))

    def written_bytes(self) -> int:
        """What the relay has in its state directory and has logged."""
        state = self.site.folder / "state"
        sizes = 0
        for path in state.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                sizes += path.stat().st_size
        return sizes + self.relay.logged_bytes


@dataclass(frozen=True, slots=True)
class Stage:
    """The relay, one terminal that trades, those that log in, and the attackers, ready to begin at their next line."""

    at: Serving
    trader: CallerProcess
    newcomers: CallerProcess
    attackers: tuple[CallerProcess, ...]


@dataclass(frozen=True, slots=True)
class Attackers:
    """Who attacks, from where, for how many seconds."""

    attack: Attack
    sources: tuple[str, ...]
    seconds: float

    def orders(self, site: RelaySite, port: int) -> Orders:
        """What each of them is given, no more than an attacker of this sort knows."""
        others = (VICTIM, *NEWCOMERS)
        known = Known(TERMINAL_APP_ID, demo_accounts.BROKER_ID, others)
        if self.attack.is_insider:
            code, password = site.terminal_auth_code, demo_accounts.password_of(INSIDER)
            known = replace(known, auth_code=code, investor=INSIDER, password=password)
        return Orders(port, self.sources, self.seconds, known)


@asynccontextmanager
async def set_up(folder: Path, mode: str, attackers: Attackers, logins: int) -> AsyncIterator[Stage]:
    """Start everything under `folder` for at most so many honest logins, end everything at the end."""
    async with AsyncExitStack() as stack:
        at = await stack.enter_async_context(serving(folder, mode, attackers.attack.settings))
        site, port = at.site, at.port
        known = VICTIM if attackers.attack.aims_at_one else ""
        firm = Firm(port, str(site.tls.authority), TERMINAL_APP_ID, site.terminal_auth_code, NEWCOMERS, known, logins)
        orders = attackers.orders(site, port).as_json()
        attack = attackers.attack
        trader, newcomers, *attacking = await asyncio.gather(
            _trader(stack, site, port),
            _program(stack, "attacks.newcomers", first=firm_as_json(firm)),
            *(_program(stack, "attacks.attacker", attack.name, first=orders) for _ in range(attack.processes)),
        )
        yield Stage(at, trader, newcomers, tuple(attacking))


@asynccontextmanager
async def serving(folder: Path, mode: str, limits: Mapping[str, float]) -> AsyncIterator[Serving]:
    """A counter and a relay in front of it that serves; `limits` are settings of its section [limits]."""
    cast = MODES[mode]
    users = demo_accounts.users(INVESTORS)
    async with SimulatedCounter(CounterConfig(users=tuple(users))) as counter:
        site = _site(folder, cast, make_tls_files(folder, dt.datetime.now(dt.UTC)))
        site.furnish(ctp_settings(cast, counter.address))
        _add_settings(site, {**_LIMITS, **limits})
        _register(site)
        environment = program_environment(clean_environment(os.environ)) | _ENVIRONMENT
        async with RelayRun(site.folder, environment) as run:
            port = await run.start()
            resource.prlimit(run.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
            await _operator_is_there(counter, cast)
            yield Serving(counter, site, run, port)


def _site(folder: Path, cast: Cast, tls: TlsFiles) -> RelaySite:
    return RelaySite(folder / "relay", cast, tls, "".join(secrets.choice("ABCDEFGH01234567") for _ in range(16)))


def _add_settings(site: RelaySite, limits: Mapping[str, float]) -> None:
    with (site.folder / "relay.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[limits]\n" + "".join(f"{key} = {value}\n" for key, value in limits.items()))


def _register(site: RelaySite) -> None:
    """The terminal software and, where the relay checks passwords, the investors; as `terminal add` and `investor add`."""
    here = Path.cwd()
    os.chdir(site.folder)  # the settings' paths are those of the folder
    place = Workplace(site.folder / "relay.toml")
    try:
        place.terminals.add(place.by, TERMINAL_APP_ID, site.terminal_auth_code)
        if site.cast.relay_knows_investor:
            for investor in demo_accounts.investor_ids(INVESTORS):
                password = demo_accounts.password_of(investor)
                place.investors.add(place.by, Investor(demo_accounts.BROKER_ID, investor), password)
    finally:
        place.directory.dispose()
        os.chdir(here)


async def _operator_is_there(counter: SimulatedCounter, cast: Cast) -> None:
    """In many-to-one no terminal is let in before the operator is."""
    async with asyncio.timeout(_READY_SECONDS):
        while cast.relay_knows_investor and not evidence.operator_is_logged_in(counter):  # noqa: ASYNC110 - a fact at the counter
            await asyncio.sleep(0.02)


async def _trader(stack: AsyncExitStack, site: RelaySite, port: int) -> CallerProcess:
    code = site.folder / "terminal_auth_code.secret"
    arguments = ["--address", f"127.0.0.1:{port}", "--investor", TRADER, "--app-id", TERMINAL_APP_ID]
    return await _program(
        stack, "benchmarks.caller", "relay", *arguments, "--auth-code-file", str(code), "--ca", str(site.tls.authority)
    )


async def _program(stack: AsyncExitStack, module: str, *arguments: str, first: str = "") -> CallerProcess:
    """A program of ours that is ready for commands; ended with the stack."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # the collector's shell commands complain there
        # The collector writes the process's own time; the regulator wants China's.
        env={**clean_environment(os.environ), "TZ": "CST-8"},
        limit=1 << 24,
    )
    program = CallerProcess(process)
    stack.push_async_callback(program.stop)
    if first:
        await program.send_command(first)
    if await program.answer() != "ready":
        raise RuntimeError(f"{module} did not become ready")
    return program
