"""Direct mode: the unmodified binding in a process of its own, at the simulated counter."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ctpabi.shim.build import CompilerMissing
from ctpabi.shim.substitute import BindingMissing
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.exec import program_environment

PROGRAM = Path(__file__).with_name("direct_program.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment in which the binding finds the simulated counter's library."""
    try:
        environment = program_environment(os.environ)
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))
    paths = os.pathsep.join([str(ROOT), str(ROOT / "proto")])
    return {**environment, "PYTHONPATH": paths, "CTP_SIMCOUNTER_RECONNECT_MS": "20"}


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(CounterConfig(trading_day="20261123")) as running:
        yield running


async def test_a_direct_session_from_login_to_reconnect(
    counter: SimulatedCounter, environment: dict[str, str], tmp_path: Path
) -> None:
    """Refused, logged in, orders told, a query in Chinese, another's data refused, dropped and logged in again."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        counter.address,
        str(tmp_path / "flow"),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, status, errors = await listen(program, counter)
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()

    assert status == 0, errors
    assert said["refused"][:2] == ["counter", 3]
    assert said["session"] == ["direct", "20261123", False]
    assert said["refs"] == [1]
    assert said["told"] == [True]
    assert said["investor"] == ["演示客户100001"]
    assert said["states"] == ["live", "reconnecting", "live"]
    assert said["rejected"] == [9]
    assert "ended" in said


async def listen(
    program: asyncio.subprocess.Process, counter: SimulatedCounter
) -> tuple[dict[str, list[object]], int, str]:
    """What the program says, its exit status and its errors; its connection is dropped when it says so."""
    assert program.stdout is not None
    assert program.stdin is not None
    assert program.stderr is not None
    said: dict[str, list[object]] = {}
    async for line in program.stdout:
        word, *rest = json.loads(line)
        said[word] = rest
        if word == "drop":
            counter.control.drop()
            program.stdin.write(b"go on\n")
    return said, await program.wait(), (await program.stderr.read()).decode()
