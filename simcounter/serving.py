"""How a counter runs as a program of its own: until it is stopped, or while another program runs on it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from ctpabi.catalog import Interface
from simcounter.accounts import Role
from simcounter.config import CounterConfig, SettingsError
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import apps, password_of
from simcounter.exec import Say, program_environment, shim_for
from simcounter.tmdb import MonitoringKey

_SHOWN = 5
"""users named one by one"""
_TYPES = {"1": "direct", "2": "relay, many-to-many", "3": "relay, operator"}


def key_beside(config: CounterConfig) -> CounterConfig:
    """With the database in a file, the test key lives beside it as DATABASE.pem, so that reports stay readable."""
    if config.monitoring_key or config.database == ":memory:":
        return config
    path = Path(f"{config.database}.pem")
    if not path.exists():
        try:
            MonitoringKey.generate().save_private(path)
        except OSError as error:
            raise SettingsError(f"database: {path} cannot be written: {error.strerror}") from error
    return dataclasses.replace(config, monitoring_key=str(path))


def introduction(counter: SimulatedCounter) -> RenderableType:
    """What a person needs to log in; no passwords, no auth codes."""
    table = Table(show_header=False, box=None)
    table.add_row("system", counter.config.system)
    table.add_row("front", counter.address)
    table.add_row("control", counter.control_address or "-")
    table.add_row("broker", counter.config.broker_id)
    table.add_row("trading day", counter.kernel.access.trading_day)
    for app in counter.config.apps:
        table.add_row("app id", f"{app.app_id}  ({_TYPES[app.app_type]})")
    for role in ("investor", "operator"):
        names = [user.user_id for user in counter.config.users if user.role == role]
        shown = ", ".join(names) if len(names) < 8 else f"{names[0]} … {names[-1]} ({len(names)})"
        table.add_row(f"{role}s", shown or "-")
    return Group(
        "Simulated counter, loopback only.", table, "Demo passwords: simcounter/demo_accounts.py. Ctrl-C ends."
    )


async def serve_until_stopped(config: CounterConfig, announce: Callable[[SimulatedCounter], None]) -> None:
    """Runs until SIGINT or SIGTERM. OSError when the port is taken."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with SimulatedCounter(config) as counter:
        announce(counter)
        await stopped.wait()


def accounts(counter: SimulatedCounter) -> str:
    """What a program under `exec` may log in with. Passwords and auth codes are shown only when they are the demonstration's."""
    config = counter.config
    version, day = counter.records.catalog.version, counter.kernel.access.trading_day
    lines = [
        f"ctp-simcounter: CTP {version} at {counter.address}, trader and market data",
        f"  broker {config.broker_id}, trading day {day}",
    ]
    for app in config.apps:
        is_demo = app in apps()
        lines.append(f"  app id {app.app_id} ({_TYPES[app.app_type]}), auth code {app.auth_code if is_demo else '…'}")
    for role in Role:
        users = [user for user in config.users if user.role is role]
        shown = [f"{u.user_id} {u.password if u.password == password_of(u.user_id) else '…'}" for u in users[:_SHOWN]]
        more = [f"… {users[-1].user_id} ({len(users)})"] if len(users) > _SHOWN else []
        lines.append(f"  {role}s and passwords: {', '.join([*shown, *more]) or '-'}")
    queries, packets = config.queries_per_second, config.packets_per_second
    if queries or packets:
        lines.append(f"  a second: {queries or 'any'} queries, {packets or 'any'} packets; --unpaced for no limits")
    lines.append("  The program reaches no other machine. --quiet leaves these lines out.")
    return "\n".join(lines)


async def serve_while_running(config: CounterConfig, program: Sequence[str], say: Say, python: str = "") -> int:
    """A counter for one program; returns the program's exit status, 128 + n when signal n ended it.

    SIGINT reaches both from the terminal; the counter waits for the program to decide what to do about it.
    """
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    shim = await asyncio.to_thread(shim_for, program, python, say)
    trader, market_data = shim.catalog(Interface.TRADER), shim.catalog(Interface.MARKET_DATA)
    config = dataclasses.replace(config, port=0)
    async with SimulatedCounter(config, catalog=trader, market_data=market_data) as counter:
        say(accounts(counter))
        environment = program_environment(os.environ, counter.address, shim)
        process = await asyncio.create_subprocess_exec(*program, env=environment)
        status = await process.wait()
    return 128 - status if status < 0 else status
