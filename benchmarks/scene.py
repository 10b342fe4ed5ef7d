"""Simulated counter, both relays and a terminal for each variant, every one a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from demo.cast import MODES, TERMINAL_APP_ID, Cast
from demo.certificates import TlsFiles, make_tls_files
from demo.relay_run import RelayRun
from demo.relay_site import RelaySite, clean_environment, ctp_settings
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.exec import program_environment

_DEADLINE_SECONDS = 120.0
_LAST_WORDS = 2000
ROOM = """
[limits]
orders_per_second = 100000
orders_per_day = 1000000
orders_per_day_per_investor = 1000000
failures_before_slowing_address = 1000000

[sessions]
max_per_investor = 1000
max_per_process = 1000
"""
ONE_ADDRESS = {
    "CTP_RELAY__LISTEN__MAX_STREAMS_WITHOUT_SESSION": "1000",
    "CTP_RELAY__LISTEN__MAX_STREAMS_WITHOUT_SESSION_PER_ADDRESS": "1000",
}
"""all callers come from this machine at once"""
DIRECT = "direct"


class CallerProcess:
    """A `benchmarks.caller`; `ask` sends one command and waits for its answer."""

    def __init__(self, process: asyncio.subprocess.Process, words: IO[bytes] | None = None) -> None:
        """`words` is the file that its standard error goes into."""
        self._process = process
        self._words = words

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, command: str) -> Any:
        await self.send_command(command)
        return await self.answer()

    async def send_command(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()

    async def answer(self, seconds: float = _DEADLINE_SECONDS) -> Any:
        """RuntimeError where it ended, or did not answer in time."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise RuntimeError(
                f"process {self.pid} of the benchmark did not answer in {seconds:g} s: {self._last_words()}"
            ) from None
        if not line:
            raise RuntimeError(f"process {self.pid} of the benchmark ended before it answered: {self._last_words()}")
        return json.loads(line)

    def _last_words(self) -> str:
        if self._words is None:
            return ""
        self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - _LAST_WORDS))
        return self._words.read().decode("utf-8", "replace").strip()

    async def stop(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self.send_command("end")
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@dataclass(frozen=True, slots=True)
class TerminalSite:
    """What one more terminal needs to log in at a relay of the scene, as the one that is there."""

    address: str
    app_id: str
    auth_code_file: Path
    authority: Path
    investor_id: str


class Scene:
    """Everything that is measured; `callers` by variant: direct, many_to_many, many_to_one."""

    def __init__(self, counter: SimulatedCounter) -> None:
        self.counter = counter
        self.callers: dict[str, CallerProcess] = {}
        self.relays: dict[str, int] = {}
        """process ids, by mode"""
        self.sites: dict[str, TerminalSite] = {}
        """by mode"""


@asynccontextmanager
async def set_up(folder: Path, **settings: str) -> AsyncIterator[Scene]:
    """Start everything under `folder`, end everything at the end; `settings` are variables of the relays' (LEDGER__ORDERS).

    In their values @counter stands for the counter's address.
    """
    async with AsyncExitStack() as stack:
        users = demo_accounts.users()
        counter = await stack.enter_async_context(SimulatedCounter(CounterConfig(users=tuple(users))))
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        scene = Scene(counter)
        code = folder / "direct_auth_code.secret"
        code.write_text(demo_accounts.AUTH_CODES[demo_accounts.DIRECT_APP_ID])
        scene.callers[DIRECT] = await start_caller(
            stack, DIRECT, counter.address, "100005", demo_accounts.DIRECT_APP_ID, code, None
        )
        for mode, cast in MODES.items():
            port, site, scene.relays[mode] = await start_relay(stack, folder / mode, cast, tls, counter, settings)
            code = site.folder / "terminal_auth_code.secret"
            at = TerminalSite(f"127.0.0.1:{port}", TERMINAL_APP_ID, code, tls.authority, cast.investor_id)
            scene.sites[mode] = at
            scene.callers[mode] = await start_caller(
                stack, "relay", at.address, at.investor_id, at.app_id, at.auth_code_file, at.authority
            )
        yield scene


async def start_relay(
    stack: AsyncExitStack,
    folder: Path,
    cast: Cast,
    tls: TlsFiles,
    counter: SimulatedCounter,
    settings: Mapping[str, str],
) -> tuple[int, RelaySite, int]:
    """A relay of this mode with its terminal and investor registered: its port, its folder, its process id."""
    site = RelaySite(folder, cast, tls, "".join(secrets.choice("ABCDEFGH01234567") for _ in range(16)))
    site.furnish(ctp_settings(cast, counter.address))
    with (folder / "relay.toml").open("a") as file:
        file.write(ROOM)
    await site.run("terminal", "add", TERMINAL_APP_ID, "--auth-code-file", "terminal_auth_code.secret")
    if cast.relay_knows_investor:
        await site.run("investor", "add", cast.investor_id, "--password-file", "investor.secret")
    environment = {**clean_environment(os.environ), **ONE_ADDRESS}
    environment |= {
        f"CTP_RELAY__{name}": value.replace("@counter", counter.address) for name, value in settings.items()
    }
    run = await stack.enter_async_context(RelayRun(folder, program_environment(environment)))
    return await run.start(), site, run.pid


async def start_caller(
    stack: AsyncExitStack, variant: str, address: str, investor: str, app_id: str, code: Path, ca: Path | None
) -> CallerProcess:
    arguments = ["--address", address, "--investor", investor, "--app-id", app_id, "--auth-code-file", str(code)]
    if ca is not None:
        arguments += ["--ca", str(ca)]
    environment = clean_environment(os.environ)
    if variant == DIRECT:
        environment = program_environment(environment)
    caller, _ = await start_process(stack, environment, "benchmarks.caller", variant, *arguments)
    return caller


async def start_process(
    stack: AsyncExitStack, environment: Mapping[str, str], module: str, *arguments: str
) -> tuple[CallerProcess, Any]:
    """`python -m MODULE ARGUMENTS` with the first line it answers; it is ended with `stack`."""
    words = await asyncio.to_thread(tempfile.TemporaryFile)
    stack.callback(words.close)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # not what lies where this is started, but what the environment names
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=words,
        # The collector writes the process's own time; the regulator wants China's.
        env={**environment, "TZ": "CST-8"},
        limit=1 << 26,
    )
    child = CallerProcess(process, words)
    stack.push_async_callback(child.stop)
    return child, await child.answer()
