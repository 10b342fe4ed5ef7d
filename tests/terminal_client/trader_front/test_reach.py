"""A relay that is not there: the program hears nothing, as with the vendor's library, and its user reads one line."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ctpabi.api.spi import RawEvent
from terminal_client import Tls
from terminal_client.session import Deadlines
from terminal_client.stream import StreamBroken
from terminal_client.trader_front import FrontSettings, MarketFront, TraderFront, reach
from tests.e2e.site import eventually

IMPATIENT = Deadlines(login_seconds=0.05)
MINUTE = 60.0


class RelayThatComesAndGoes:
    """In place of an entrance: whether it is there is set by the test."""

    def __init__(self) -> None:
        self.is_there = False

    async def reached(self) -> None:
        if not self.is_there:
            raise StreamBroken("not there")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the user reads; asyncio may say as loudly that the machine is slow."""
    said = [record for record in caplog.records if record.name == reach.__name__ and record.levelno >= logging.WARNING]
    return [record.getMessage() for record in said]


async def attempt(relay: RelayThatComesAndGoes, count: int = 1) -> None:
    for _ in range(count):
        try:
            await reach.reach(relay, "relay.example:50051")  # type: ignore[arg-type]
        except StreamBroken:
            assert not relay.is_there


async def test_many_fronts_at_no_relay_say_it_once(free_port: int, caplog: pytest.LogCaptureFixture) -> None:
    """Address and what to do; each front has tried several times, and no program heard a callback."""
    caplog.set_level(logging.INFO)
    heard: list[RawEvent] = []
    settings = FrontSettings(front=f"relay://127.0.0.1:{free_port}", tls=Tls(insecure=True))
    traders = [TraderFront(settings, heard.append, deadlines=IMPATIENT) for _ in range(2)]
    market = MarketFront(settings, heard.append, deadlines=IMPATIENT)
    for trader in traders:
        trader.connect([])
    market.connect([])
    await eventually(
        "nine attempts", lambda: sum("is not reached: " in record.getMessage() for record in caplog.records) >= 9
    )
    for trader in traders:
        await asyncio.to_thread(trader.release)
    await asyncio.to_thread(market.release)

    address = f"127.0.0.1:{free_port}"
    (said,) = lines(caplog)
    assert said == (
        f"连不上中继 {address}，仍在重试；请检查该地址、网络和 ca_file "
        f"the relay at {address} is not reached, and is tried again: check this address, the network and ca_file"
    )
    assert heard == []


async def test_it_is_said_again_when_the_relay_was_there_in_between(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And at most once a minute: a relay that comes and goes fills no screen."""
    now = [1000.0]
    monkeypatch.setattr(reach, "_SAID", reach.SaidOnce(lambda: now[0]))
    relay = RelayThatComesAndGoes()
    for minutes, said in ((0.0, 1), (0.5, 1), (1.0, 2), (1.5, 2)):
        now[0] = 1000.0 + minutes * MINUTE
        relay.is_there = True
        await attempt(relay)
        relay.is_there = False
        await attempt(relay, 3)
        assert len(lines(caplog)) == said
