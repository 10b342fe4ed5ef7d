"""The reader of the relay's output stops reading: a pager, a stuck log driver, a full journal."""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.request
from pathlib import Path

import pytest

from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import INVESTORS, Site, log_in, register, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_trading_goes_on_and_the_relay_can_be_stopped(tls: TlsFiles, tmp_path: Path, free_port: int) -> None:
    """Strangers fill the pipe with refusals, and what gRPC itself says of broken handshakes goes the same way."""
    async with SimulatedCounter(CounterConfig()) as counter:
        settings = {"metrics__address": f"127.0.0.1:{free_port}"}
        relay = RelayProcess(tmp_path / "relay", Mode.MANY_TO_MANY, counter.address, tls, settings)
        register(relay)
        unread = await relay.start_unread()
        site = Site(counter, relay, tls)
        try:
            async with site.terminal() as terminal:
                await log_in(terminal, INVESTORS[0])
                for _ in range(30):
                    async with site.raw() as stranger:
                        await stranger.send(b"\xff\xff\xff")
                        await stranger.rejection()
                    await asyncio.to_thread(_break_a_handshake, relay.port)
                await trade(terminal)
                health = await asyncio.to_thread(_health, free_port)
            status = await relay.stop()
        finally:
            await relay.kill()
            os.close(unread)

    assert (health, status) == ("ok\n", 0)


def _break_a_handshake(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection.recv(100)


def _health(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
        text: str = answer.read().decode()
    return text
