"""From an empty directory to a terminal that is logged in, by the commands alone; and the doctor beside the relay that serves."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2 as health
from grpc_health.v1 import health_pb2_grpc

from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.exec import program_environment
from terminal_client import RelayTerminal, Tls
from tests.e2e.relay_process import as_shipped, run_command
from tests.e2e.site import INVESTORS, eventually, log_in

APP_ID = "first_terminal_1.0"


def command(directory: Path, *words: str, exit_code: int = 0) -> str:
    done = run_command(directory, *words)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


def found(directory: Path) -> dict[str, Any]:
    rows = json.loads(run_command(directory, "doctor").stdout)
    return {row["name"]: row for row in rows}


@contextmanager
def serving(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`ctp-relay serve` in this directory, over the simulated counter."""
    with (place / "output.log").open("wb") as output:
        relay = subprocess.Popen(
            [sys.executable, "-c", "from relay.cli.app import app; app()", "serve"],
            cwd=place,
            env=program_environment(as_shipped()) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield relay
        finally:
            relay.terminate()
            relay.wait(60)


def make_relay(tmp_path: Path, front: str, port: int) -> Path:
    """By `init`, with one terminal."""
    app_id = demo_accounts.INVESTOR_RELAY_APP_ID
    code = tmp_path / "code"
    code.touch(mode=0o600)
    code.write_text(demo_accounts.AUTH_CODES[app_id])
    options = ["--front", front, "--broker", demo_accounts.BROKER_ID, "--relay-app-id", app_id]
    more = ["--address", f"127.0.0.1:{port}", "--relay-auth-code-file", str(code)]
    command(tmp_path, "init", "relay", "--yes", *options, *more)
    command(tmp_path / "relay", "terminal", "add", APP_ID, "--write-auth-code", "first.secret")
    return tmp_path / "relay"


async def test_init_then_serve_then_a_terminal_logs_in(tmp_path: Path, free_port: int) -> None:
    """While it serves the doctor finds it at work, a second one is refused, and a health check is answered."""
    async with SimulatedCounter(CounterConfig()) as counter:
        place = await asyncio.to_thread(make_relay, tmp_path, counter.address, free_port)
        with serving(place) as relay:
            await eventually("the relay serves", lambda: b"relay_ready" in (place / "output.log").read_bytes())
            code, authority = (place / "first.secret").read_text().strip(), place / "tls/test-authority.crt"
            tls = Tls(ca_file=authority)
            async with RelayTerminal(f"127.0.0.1:{free_port}", app_id=APP_ID, auth_code=code, tls=tls) as terminal:
                await log_in(terminal, INVESTORS[0])
                beside = await asyncio.to_thread(found, place)
                again = await asyncio.to_thread(run_command, place, "serve")
                assert await is_serving(free_port, authority.read_bytes())

            assert str(relay.pid) in beside["state_running"]["zh"]
            assert {"port_ours", "database_right", "key_fits", "app_type_right", "front_reached"} <= set(beside)
            assert (again.returncode, relay.poll()) == (1, None)
            assert (
                f"another relay process runs on the state directory {place}/state: process {relay.pid}" in again.stderr
            )


async def is_serving(port: int, authority: bytes) -> bool:
    credentials = grpc.ssl_channel_credentials(authority)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health.HealthCheckRequest(), timeout=30)
    return bool(answer.status == health.HealthCheckResponse.SERVING)
