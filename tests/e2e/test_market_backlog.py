"""Two thousand instruments that a terminal does not read, and its orders beside them; real binding, real TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctpabi.shim.wire import event_frame
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import RelayTerminal
from tests.e2e.raw_market import SMALL_WINDOW, RawMarket, open_market
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import AUTH_CODE, INVESTORS, TERMINAL, Site, register, trade
from tests.e2e.test_market_data import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
MINE, OTHER, *_ = INVESTORS
NAMES = [f"i{number:04}" for number in range(2000)]
ROUNDS = 5


def show(site: Site, price: float) -> None:
    """One tick of each instrument, to the relay."""
    front = site.counter.market_data
    for name in NAMES:
        body = front._records.pack("DepthMarketData", {"InstrumentID": name, "LastPrice": price})
        frame = event_frame(front._slots["OnRtnDepthMarketData"], body, None, 0, is_last=True).encode()
        for connection in front.connections:
            connection.send(frame)


async def attach(market: RawMarket, terminal: RelayTerminal) -> None:
    """The market data of this terminal's session, which its own client has not opened."""
    access = terminal._link.market_access
    assert access is not None
    await market.ask_in(bytes.fromhex(access.token.reveal()), TERMINAL, AUTH_CODE)
    await market.first("attached")
    assert (await market.subscribe(*NAMES)).subscribed == len(NAMES)


async def newest_of_all(market: RawMarket, price: float) -> tuple[int, int]:
    """How many depths came and how many were passed over, until every instrument has come with this price."""
    missing, came, passed_over = set(NAMES), 0, 0
    while missing:
        batch = await market.batch()
        assert batch is not None
        depths = [message.depth for message in batch.messages if message.WhichOneof("body") == "depth"]
        came += len(depths)
        passed_over += sum(one.count for one in batch.passed_over)
        missing -= {depth.instrument_id for depth in depths if depth.last_price == price}
    return came, passed_over


async def test_orders_pass_two_thousand_instruments_that_wait(tls: TlsFiles, tmp_path: Path) -> None:
    """The terminal's own market data stands still while its order trades; then it gets the newest of each, and how many it did not get."""
    async with SimulatedCounter(CounterConfig(tick_milliseconds=0)) as counter:
        settings = {"market_data__enabled": True, "market_data__fronts": [counter.address]}
        relay = RelayProcess(tmp_path / "relay", Mode.MANY_TO_ONE, counter.address, tls, settings)
        register(relay)
        await relay.start()
        site = Site(counter, relay, tls)
        try:
            async with site.logged_in(MINE) as terminal, site.logged_in(OTHER) as other:
                ticks = other.market_data().ticks()
                await other.market_data().subscribe([NAMES[-1]])
                async with open_market(relay.port, tls.authority.read_bytes(), SMALL_WINDOW) as market:
                    await attach(market, terminal)
                    for price in map(float, range(1, ROUNDS)):
                        show(site, price)
                        await until(ticks, price)
                    traded = await trade(terminal)
                    show(site, float(ROUNDS))
                    came, passed_over = await newest_of_all(market, float(ROUNDS))
        finally:
            await relay.stop()

    assert traded.volume == 1
    assert came + passed_over == ROUNDS * len(NAMES)
    assert passed_over > len(NAMES)
    assert leaks(relay) == []
