"""A console as its firm runs it: `ctp-relay console` beside a relay, and Chromium in front of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from relay.cli.workplace import Workplace
from tests.e2e.relay_process import _IMPORTS, RelayProcess, as_shipped
from tests.e2e.warm_program import PROGRAM

CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "correct horse battery"
READY_SECONDS = 60.0
PATIENCE_MILLISECONDS = 30_000


@dataclass
class ConsoleProcess:
    """One console, with an account for each role, named like it."""

    relay: RelayProcess
    process: subprocess.Popen[bytes]
    output_file: Path
    port: int = 0

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    async def until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.port:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            for line in self.output.splitlines(keepends=True):
                if '"console_ready"' in line and line.endswith("\n"):
                    self.port = int(json.loads(line)["port"])
            await asyncio.sleep(0.03)


@asynccontextmanager
async def console_beside(relay: RelayProcess) -> AsyncIterator[ConsoleProcess]:
    """Its console, as long as the context lasts."""
    place = Workplace(relay.config)
    for role in ("viewer", "operator", "admin"):
        relay_role = type(place.by.role)(role)
        place.accounts.add(place.by, role, relay_role, PASSWORD)
    place.directory.dispose()
    output = relay.directory / "console.log"
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
            [*PROGRAM, "console", "-c", relay.config.name],
            cwd=relay.directory,
            env=as_shipped() | _IMPORTS,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    console = ConsoleProcess(relay, process, output)
    try:
        await console.until_ready()
        yield console
        process.terminate()
        assert await asyncio.to_thread(process.wait, READY_SECONDS) == 0, console.output
        assert PASSWORD not in console.output
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@asynccontextmanager
async def chromium() -> AsyncIterator[BrowserContext]:
    """A browser of its own, which takes the test's certificate."""
    if not await asyncio.to_thread(CHROMIUM.exists):
        pytest.skip(f"needs a browser: apt-get install chromium ({CHROMIUM})")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            context = await browser.new_context(ignore_https_errors=True, locale="zh-CN")
            context.set_default_timeout(PATIENCE_MILLISECONDS)
            expect.set_options(timeout=PATIENCE_MILLISECONDS)
            yield context
        finally:
            await browser.close()


async def sign_in(page: Page, console: ConsoleProcess, name: str, password: str = PASSWORD) -> None:
    """By the form, as a person does."""
    await page.goto(f"{console.address}/sign-in")
    await page.fill("#name", name)
    await page.fill("#password", password)
    await page.click("button.primary")


async def confirm(page: Page, reason: str = "客户来电") -> None:
    """Say why on an action's page, tick what it asks, and send it."""
    await page.fill("#reason", reason)
    sure = page.locator("input[name=sure]")
    if await sure.count():
        await sure.check()
    await page.click("form.form .buttons button")
