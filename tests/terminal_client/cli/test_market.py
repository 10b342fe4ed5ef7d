"""`ctp-terminal market` from the outside: a line for each tick for programs, a table for a person at a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from pathlib import Path

import pytest

from ctprelay.v1 import terminal_pb2
from tests.terminal_client.market.scripted_market import TOKEN, ScriptedMarket, depth, snapshot
from tests.terminal_client.scripted_relay import AUTH_CODE, ScriptedRelay, ServedRelay

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="logging in collects with the vendor's library")


@pytest.fixture
def market(relay: ScriptedRelay) -> ScriptedMarket:
    """The relay has market data."""
    relay.market_access = terminal_pb2.MarketDataAccess(token=TOKEN)
    return relay.market


@pytest.fixture
def environment(served: ServedRelay, tmp_path: Path) -> dict[str, str]:
    password = tmp_path / "password"
    password.write_text("secret\n", encoding="utf-8")
    return {
        **os.environ,
        "CTP_TERMINAL_RELAY": served.address,
        "CTP_TERMINAL_CA_FILE": str(served.authority),
        "CTP_TERMINAL_APP_ID": "demo_terminal_1.0",
        "CTP_TERMINAL_BROKER": "9999",
        "CTP_TERMINAL_INVESTOR": "100001",
        "CTP_TERMINAL_AUTH_CODE": AUTH_CODE,
        "CTP_TERMINAL_PASSWORD_FILE": str(password),
        "HOME": str(tmp_path),
        "COLUMNS": "160",
        "TERM": "xterm",
    }


async def run(environment: dict[str, str], *words: str, output: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from terminal_client.cli.app import app; app()",
        *words,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_program_gets_a_line_for_each_tick(market: ScriptedMarket, environment: dict[str, str]) -> None:
    """With what was left out; a refused instrument is said on standard error, and ticks of the others come."""
    market.refuse = {"none"}
    process = await run(environment, "market", "rb2701", "none", "--count", "2", output=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        await market.until(changes=1)
        market.send(snapshot("rb2701", 1), depth("rb2701", 5), rb2701=3)
        stdout, stderr = await process.communicate()

    ticks = [line for text in stdout.splitlines() if (line := json.loads(text))["kind"] == "tick"]
    assert [(one["snapshot"], one["passed_over"], one["body"]["volume"]) for one in ticks] == [
        (True, 0, 1),
        (False, 3, 5),
    ]
    assert "last_price" not in ticks[0]["body"]
    assert process.returncode == 0
    assert "none" in stderr.decode()


async def test_a_person_sees_a_table(market: ScriptedMarket, environment: dict[str, str]) -> None:
    """The newest of each instrument, under titles in both languages."""
    ours, theirs = pty.openpty()
    process = await run(environment, "market", "rb2701", "IF2612", "--count", "3", output=theirs)
    os.close(theirs)
    reading = asyncio.get_running_loop().run_in_executor(None, everything, ours)
    async with asyncio.timeout(60):
        await market.until(changes=1)
        market.send(depth("rb2701", 41), depth("IF2612", 42), depth("rb2701", 43))
        await process.wait()
        shown = await reading
    os.close(ours)

    assert process.returncode == 0
    assert "最新价 last" in shown
    assert "rb2701" in shown
    assert "43" in shown
    assert '"kind"' not in shown


async def test_nothing_subscribed_is_a_failure(market: ScriptedMarket, environment: dict[str, str]) -> None:
    """It does not wait for ticks that never come."""
    market.refuse = {"none"}
    process = await run(environment, "market", "none", output=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        await process.communicate()

    assert process.returncode == 1


def everything(descriptor: int) -> str:
    """What is written to a terminal until it is hung up."""
    parts: list[bytes] = []
    try:
        while data := os.read(descriptor, 65536):
            parts.append(data)
    except OSError:  # hung up
        pass
    return b"".join(parts).decode()
