"""One variant of what is measured: a simulated counter of its own, its relay where it has one, its terminal; each a process."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scene import DIRECT, ONE_ADDRESS, ROOM, CallerProcess, TerminalSite, start_process
from benchmarks.trees import HERE, Tree
from demo.cast import MODES, TERMINAL_APP_ID
from demo.certificates import TlsFiles
from demo.relay_site import RelaySite, clean_environment, ctp_settings
from simcounter import demo_accounts
from simcounter.exec import program_environment

FLOOR = "floor"
_INVESTOR = "100005"
"""of the variants without a relay"""
_READY_SECONDS = 60.0
Settings = Mapping[str, str]
"""variables of the relay's without their prefix: LEDGER__ORDERS"""


@dataclass(frozen=True, slots=True)
class Stand:
    """Everything of one variant that runs; `relay` is a process id, 0 where there is none."""

    counter: CallerProcess
    caller: CallerProcess
    investor: str
    relay: int = 0
    tree: Tree = HERE
    site: TerminalSite | None = None
    """for further terminals"""


async def start_counter(stack: AsyncExitStack, users: int = demo_accounts.INVESTORS) -> tuple[CallerProcess, str]:
    """The process and its front."""
    return await start_process(stack, clean_environment(os.environ), "benchmarks.counter", "--users", str(users))


async def start_direct(stack: AsyncExitStack, folder: Path) -> Stand:
    counter, front = await start_counter(stack)
    environment = program_environment(clean_environment(os.environ))
    caller, _ = await start_process(
        stack, environment, "benchmarks.caller", DIRECT, "--address", front, *_direct_options(folder)
    )
    return Stand(counter, caller, _INVESTOR)


async def start_floor(stack: AsyncExitStack, folder: Path, tls: TlsFiles) -> Stand:
    """As direct, with the bare relay between."""
    counter, front = await start_counter(stack)
    own = ("--front", front, "--certificate", str(tls.certificate), "--key", str(tls.key))
    environment = clean_environment(os.environ)
    relay, at = await start_process(stack, program_environment(environment), "benchmarks.floor", *own)
    address = ("--address", f"127.0.0.1:{at['port']}", "--ca", str(tls.authority))
    caller, _ = await start_process(stack, environment, "benchmarks.caller", FLOOR, *address, *_direct_options(folder))
    return Stand(counter, caller, _INVESTOR, relay.pid)


async def start_relay(
    stack: AsyncExitStack,
    folder: Path,
    mode: str,
    tls: TlsFiles,
    *,
    tree: Tree = HERE,
    settings: Settings | None = None,
    investors: int = 0,
) -> Stand:
    """A relay of `tree` with a terminal that is logged in; `investors` more from 100001 on are registered where it must know them."""
    counter, front = await start_counter(stack, max(investors, demo_accounts.INVESTORS))
    cast = MODES[mode]
    site = RelaySite(folder, cast, tls, "".join(secrets.choice("ABCDEFGH01234567") for _ in range(16)))
    site.furnish(ctp_settings(cast, front))
    with (folder / "relay.toml").open("a") as file:
        file.write(ROOM)
    code = folder / "terminal_auth_code.secret"
    await asyncio.to_thread(tree.run_command, folder, "terminal", "add", TERMINAL_APP_ID, "--auth-code-file", code.name)
    if cast.relay_knows_investor:
        known = ("investor", "add", cast.investor_id, "--password-file", "investor.secret")
        await asyncio.to_thread(tree.run_command, folder, *known)
        if investors:
            await register(stack, folder, tree, investors)
    variables = {f"CTP_RELAY__{name}": value.replace("@counter", front) for name, value in (settings or {}).items()}
    environment = program_environment({**tree.environment(), **ONE_ADDRESS, **variables})
    run = await stack.enter_async_context(tree.relay(folder, environment))
    try:
        async with asyncio.timeout(_READY_SECONDS):
            port = await run.start()
    except TimeoutError:
        raise RuntimeError(f"{tree.name}: the relay is not ready: {' '.join(run.last_lines)[-2000:]}") from None
    at = TerminalSite(f"127.0.0.1:{port}", TERMINAL_APP_ID, code, tls.authority, cast.investor_id)
    caller, _ = await start_process(stack, tree.environment(), "benchmarks.caller", "relay", *site_options(at))
    return Stand(counter, caller, cast.investor_id, run.pid, tree, at)


async def register(
    stack: AsyncExitStack, folder: Path, tree: Tree, count: int, first: int = demo_accounts.FIRST_INVESTOR
) -> bytes:
    """Investors of a many-to-one relay, in its database; the firm's salt, with which terminals derive keys."""
    own = ("--database", str(folder / "state" / "relay.sqlite3"), "--first", str(first), "--count", str(count))
    _, salt = await start_process(stack, tree.environment(), "benchmarks.register", *own)
    return bytes.fromhex(salt)


def site_options(at: TerminalSite, investor: str = "") -> list[str]:
    """Of a process whose terminals log in there."""
    return [
        *("--address", at.address, "--app-id", at.app_id, "--auth-code-file", str(at.auth_code_file)),
        *("--ca", str(at.authority), "--investor", investor or at.investor_id),
    ]


def _direct_options(folder: Path) -> list[str]:
    code = folder / "direct_auth_code.secret"
    code.write_text(demo_accounts.AUTH_CODES[demo_accounts.DIRECT_APP_ID])
    return ["--investor", _INVESTOR, "--app-id", demo_accounts.DIRECT_APP_ID, "--auth-code-file", str(code)]
