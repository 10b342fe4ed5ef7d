"""A flood of refused streams over a real relay: what it leaves in the ledger and in the log, and who still gets in."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from tests.e2e.broken_network import way_to
from tests.e2e.conftest import StartRelay
from tests.e2e.raw_stream import open_raw
from tests.e2e.site import INVESTORS, TERMINAL, Site, collect_now, login_message, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAMS = 300
"""of each address"""
SOURCES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
BYTES_AN_ENTRY = 2_000
AS_SHIPPED = {"ledger__stranger_refusals_per_minute": 1, "ledger__proved_refusals_per_minute": 60}


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_strangers_leave_a_line_an_address_and_a_count(start_site: StartRelay, mode: Mode) -> None:
    """However many streams; and an honest terminal logs in and trades in the middle of it."""
    site = await start_site(mode, **AS_SHIPPED)
    log, began = len(site.relay.output), time.monotonic()

    flood = [asyncio.ensure_future(_flood(site, source)) for source in SOURCES]
    async with site.logged_in(INVESTORS[0]) as terminal:
        done = await trade(terminal)
        sent = [reason for reasons in await asyncio.gather(*flood) for reason in reasons]
    await site.relay.stop()

    assert done.investor_id == INVESTORS[0]
    entries = site.relay.ledger()
    own = [entry.data for entry in entries if entry.kind == "terminal_refused"]
    counts = [entry.data for entry in entries if entry.kind == "terminals_refused"]
    minutes = max(Counter(data["place"] for data in counts).values())
    assert minutes <= 2 + (time.monotonic() - began) / 60  # each that was begun has a first line of its own
    assert {data["public_ip"] for data in own} == {data["place"] for data in counts} == set(SOURCES)
    assert len(own) <= minutes * len(SOURCES)
    counted = sum(_counts(data).total() for data in counts)
    assert len(own) + counted == len(sent) == STREAMS * len(SOURCES)
    lines = [line for line in site.relay.output[log:].splitlines() if "refused" in line]
    assert sum(map(len, lines)) < BYTES_AN_ENTRY * (len(own) + len(counts))
    assert len(lines) == len(own) + len(counts)
    assert site.relay.command("ledger", "verify").returncode == 0
    exported = site.relay.command("ledger", "export", "--format", "csv")
    assert exported.stdout.count(",terminals_refused,") == len(counts)


async def test_a_wrong_password_is_an_entry_of_its_own(start_site: StartRelay) -> None:
    """Up to the bound; the terminal has proved its auth code, and the ledger says whose password was tried."""
    site = await start_site(
        Mode.MANY_TO_ONE, ledger__stranger_refusals_per_minute=1, ledger__proved_refusals_per_minute=3
    )
    for _ in range(5):
        async with site.raw() as stream:
            login = login_message(await stream.hello(TERMINAL), INVESTORS[0], await collect_now())
            login.password = "wrong"
            await stream.send(pb.TerminalMessage(login=login))
            assert (await stream.rejection()).reason == "investor_not_accepted"
    await site.relay.stop()

    refused = [entry for entry in site.relay.ledger() if entry.kind == "terminal_refused"]
    assert [entry.data["reason"] for entry in refused] == ["wrong_investor_password"] * 3
    (counted,) = [entry.data for entry in site.relay.ledger() if entry.kind == "terminals_refused"]
    assert _counts(counted) == Counter(wrong_investor_password=2)


async def _flood(site: Site, source: str) -> list[str]:
    """Streams one after the other that are refused before any proof; what each gets as the reason."""
    reasons: list[str] = []
    authority = site.tls.authority.read_bytes()
    async with way_to(site.relay.port, source) as way:
        for number in range(STREAMS):
            async with open_raw(way.port, authority) as stream:
                await stream.send(_nonsense(number))
                reasons.append((await stream.rejection()).reason)
    return reasons


def _counts(data: dict[str, Any]) -> Counter[str]:
    return Counter({row["reason"]: row["count"] for row in data["reasons"]})


def _nonsense(number: int) -> pb.TerminalMessage | bytes:
    if number % 2:
        return b"\xff\xfe garbage"
    return pb.TerminalMessage(hello=pb.Hello(protocol=7, app_id=f"app-{number}"))
