"""Market data through a relay: real binding, real TLS, the simulated counter's own front for it; both modes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ctpabi.shim.wire import event_frame
from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import market_pb2 as pb
from ctprelay.v1 import terminal_pb2
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import MarketDataNotOffered, RelayTerminal, SessionEnded
from terminal_client.market.ticks import Tick, TickReader
from terminal_client.session import MarketAccess
from tests.e2e.broken_network import Way, way_to
from tests.e2e.raw_market import SMALL_WINDOW, RawMarket, open_market
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import (
    AUTH_CODE,
    DEADLINE_SECONDS,
    INVESTORS,
    OTHER_MODE_TERMINAL,
    TERMINAL,
    Site,
    collect_now,
    eventually,
    first,
    log_in,
    login_message,
    many_to_one_only,
    register,
    trade,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
MINE, OTHER, *_ = INVESTORS
RB = "rb2701"
MANY = [f"i{number:04}" for number in range(2000)]
"""as many as a terminal may have"""
ROUNDS = 5
in_one_mode = pytest.mark.parametrize(
    "shared_market", [Mode.MANY_TO_ONE], indirect=True, scope="session", ids=["many_to_one"]
)
"""for what no mode has a part in"""


@pytest_asyncio.fixture(loop_scope="session", scope="session", params=list(Mode), ids=lambda mode: mode.value)
async def shared_market(
    request: pytest.FixtureRequest, tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Site, Way]]:
    """A site with market data at a port of its own, and the way to its front, which can be cut. Nothing ticks by the clock."""
    mode: Mode = request.param
    async with SimulatedCounter(CounterConfig(tick_milliseconds=0)) as counter:
        port = int(counter.address.rpartition(":")[2])
        async with way_to(port) as way:
            settings = {
                "market_data__enabled": True,
                "market_data__fronts": [f"tcp://{way.address}"],
                "market_data__address": "127.0.0.1:0",
                "market_data__ticks_waiting": 5,
                "market_data__max_instruments_per_terminal": len(MANY),
            }
            directory = tmp_path_factory.mktemp("market") / mode.value
            relay = RelayProcess(directory, mode, counter.address, tls, settings)
            register(relay)
            await relay.start()
            try:
                yield Site(counter, relay, tls), way
            finally:
                await relay.stop()


@pytest.fixture
def site(shared_market: tuple[Site, Way]) -> Site:
    return shared_market[0]


def subscribed(counter: SimulatedCounter) -> list[set[str]]:
    """What each connection for market data has subscribed at the counter."""
    return [viewer.depth for viewer in counter.market_data._viewers.values()]


async def until(ticks: TickReader, price: float) -> Tick:
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for tick in ticks:
            if tick.depth.last_price == price:
                return tick
    raise AssertionError("the ticks ended")


def move(site: Site, price: float) -> None:
    site.counter.control.move_market(RB, price)


async def test_ticks_arrive_as_the_counter_shows_them(site: Site) -> None:
    """At a port of their own; without a value where the counter has none; in the terminal's words."""
    async with site.logged_in(MINE) as terminal:
        data = terminal.market_data()
        ticks, statuses = data.ticks(), data.statuses()

        assert await data.subscribe([RB]) == {}
        move(site, 3520.0)
        tick = await until(ticks, 3520.0)
        live = await first(statuses, lambda status: status.of == "counter")

    assert tick.instrument_id == RB
    assert not tick.is_snapshot
    assert not tick.depth.HasField("settlement_price")
    assert tick.depth.ask_price1 > tick.depth.bid_price1 > 0
    assert (live.state, live.trading_day) == ("live", site.counter.kernel.access.trading_day)


@in_one_mode
async def test_two_terminals_share_one_subscription_and_the_later_one_begins_with_a_snapshot(site: Site) -> None:
    """The counter hears of the instrument once, and that it is let go when the last has left."""
    async with site.logged_in(MINE) as one, site.logged_in(OTHER) as two:
        ticks = one.market_data().ticks()
        await one.market_data().subscribe([RB])
        move(site, 3530.0)
        await until(ticks, 3530.0)
        later = two.market_data().ticks()
        await two.market_data().subscribe([RB])
        snapshot = await until(later, 3530.0)

        assert snapshot.is_snapshot
        assert subscribed(site.counter) == [{RB}]
        await one.market_data().unsubscribe([RB])
        move(site, 3531.0)
        assert not (await until(later, 3531.0)).is_snapshot
        assert subscribed(site.counter) == [{RB}]
    await eventually("the last reader has left", lambda: subscribed(site.counter) == [set()])


@in_one_mode
async def test_requests_for_quotes_are_passed_on(site: Site) -> None:
    """To those that subscribed them, whoever asks."""
    async with site.logged_in(MINE) as terminal:
        data = terminal.market_data()
        asked = data.quote_requests()
        await data.subscribe_quote_requests([RB])
        await eventually("it is subscribed", lambda: any(v.quotes for v in site.counter.market_data._viewers.values()))
        site.counter.market_data.announce_quote_request({"InstrumentID": RB, "ExchangeID": "SHFE"}, 7)

        request = await first(asked, lambda _: True)

    assert (request.instrument_id, request.exchange_id, request.for_quote_sys_id.strip()) == (RB, "SHFE", "7")


@in_one_mode
async def test_a_terminal_has_its_bound(site: Site) -> None:
    """Each name beyond is refused by itself; a name that is none, too."""
    async with site.logged_in(MINE) as terminal:
        refused = await terminal.market_data().subscribe(["合约", *MANY, "ONE"])

    assert {name: why.reason for name, why in refused.items()} == {
        "合约": "instrument_malformed",
        "ONE": "too_many_instruments",
    }


@in_one_mode
async def test_orders_pass_two_thousand_instruments_that_wait(site: Site) -> None:
    """The terminal's own market data stands still while its order trades: it is not cut, gets the newest of each, and how many it did not get."""
    async with site.logged_in(MINE) as terminal, site.logged_in(OTHER) as other:
        ticks = other.market_data().ticks()
        await other.market_data().subscribe([MANY[-1]])
        async with open_market(access_of(terminal).port, site.tls.authority.read_bytes(), SMALL_WINDOW) as market:
            await market.ask_in(bytes.fromhex(access_of(terminal).token.reveal()), TERMINAL, AUTH_CODE)
            await market.first("attached")
            assert (await market.subscribe(*MANY)).subscribed == len(MANY)
            for price in map(float, range(1, ROUNDS)):
                show_many(site, price)
                await until(ticks, price)
            move(site, 3490.0)  # where an order at WILL_FILL trades
            traded = await trade(terminal)
            show_many(site, ROUNDS)
            came, passed_over = await newest_of_many(market, ROUNDS)

    assert traded.volume == 1
    assert came + passed_over == ROUNDS * len(MANY)
    assert passed_over > len(MANY)


def show_many(site: Site, price: float) -> None:
    """One tick of each of many instruments, to the relay."""
    front = site.counter.market_data
    for name in MANY:
        body = front._records.pack("DepthMarketData", {"InstrumentID": name, "LastPrice": price})
        frame = event_frame(front._slots["OnRtnDepthMarketData"], body, None, 0, is_last=True).encode()
        for connection in front.connections:
            connection.send(frame)


async def newest_of_many(market: RawMarket, price: float) -> tuple[int, int]:
    """How many depths came and how many were passed over, until every instrument has come with this price."""
    missing, came, passed_over = set(MANY), 0, 0
    while missing:
        batch = await market.batch()
        assert batch is not None
        depths = [message.depth for message in batch.messages if message.WhichOneof("body") == "depth"]
        came += len(depths)
        passed_over += sum(one.count for one in batch.passed_over)
        missing -= {depth.instrument_id for depth in depths if depth.last_price == price}
    return came, passed_over


async def test_a_front_that_drops_comes_back_with_everything_subscribed(shared_market: tuple[Site, Way]) -> None:
    """The terminal hears both edges and subscribes nothing again; orders are not touched; the fault has both edges."""
    site, way = shared_market
    async with site.logged_in(MINE) as terminal:
        data = terminal.market_data()
        ticks, statuses = data.ticks(), data.statuses()
        await data.subscribe([RB])
        move(site, 3540.0)
        await until(ticks, 3540.0)

        way.close()
        await first(statuses, lambda status: (status.of, status.state) == ("counter", "recovering"))
        move(site, 3490.0)
        await trade(terminal)
        await eventually("it is a fault", lambda: '"market_data_down"' in site.relay.output)
        way.open()
        await first(statuses, lambda status: (status.of, status.state) == ("counter", "live"))
        await eventually("it is subscribed again", lambda: {RB} in subscribed(site.counter))
        move(site, 3541.0)

        assert not (await until(ticks, 3541.0)).is_snapshot
    await eventually("the fault is over", lambda: site.relay.output.count('"market_data_down"') == 2)


@in_one_mode
async def test_a_logout_ends_the_stream(site: Site) -> None:
    """With the same word."""
    collected = await collect_now()
    async with site.raw() as stream:
        challenge = await stream.hello(TERMINAL)
        welcome = await stream.log_in(login_message(challenge, MINE, collected))
        async with open_market(welcome.market_data.port, site.tls.authority.read_bytes()) as market:
            await market.ask_in(welcome.market_data.token, TERMINAL, AUTH_CODE)
            await market.first("attached")
            await stream.send(terminal_pb2.TerminalMessage(logout=terminal_pb2.Logout()))

            goodbye = await market.first("goodbye")

            assert goodbye.kind == terminal_pb2.Goodbye.KIND_LOGGED_OUT
            assert await market.batch() is None


@in_one_mode
async def test_a_kick_ends_the_stream(site: Site) -> None:
    """Readers hear why."""
    async with site.logged_in(MINE) as terminal:
        data = terminal.market_data()
        ticks = data.ticks()
        await data.subscribe([RB])

        await asyncio.to_thread(site.relay.command, "sessions", "kick", "--investor", MINE, "--reason", "drill")

        with pytest.raises(SessionEnded):
            async for _ in ticks:
                pass


@in_one_mode
async def test_strangers_and_other_sessions_tokens_get_one_answer(site: Site) -> None:
    """A wrong token, a wrong proof, another app id's terminal, an unknown app id, and a session that is over."""
    collected = await collect_now()
    authority = site.tls.authority.read_bytes()
    async with site.raw() as stream:
        welcome = await stream.log_in(login_message(await stream.hello(TERMINAL), MINE, collected))
        token, port = welcome.market_data.token, welcome.market_data.port
        answers = []
        for shown, app_id, code in (
            (b"x" * 32, TERMINAL, AUTH_CODE),
            (b"", TERMINAL, AUTH_CODE),
            (welcome.resume_token, TERMINAL, AUTH_CODE),
            (token, TERMINAL, "WRONG00000000001"),
            (token, OTHER_MODE_TERMINAL, AUTH_CODE),
            (token, "unknown_1.0", AUTH_CODE),
        ):
            async with open_market(port, authority) as market:
                await market.ask_in(shown, app_id, code)
                rejected = await market.first("rejected")
                answers.append(rejected.SerializeToString())
                assert await market.batch() is None
        await stream.send(terminal_pb2.TerminalMessage(logout=terminal_pb2.Logout()))
        await stream.receive_until("goodbye")
    async with open_market(port, authority) as market:
        await market.ask_in(token, TERMINAL, AUTH_CODE)
        answers.append((await market.first("rejected")).SerializeToString())

    assert {terminal_pb2.Rejected.FromString(answer).reason for answer in answers} == {"session_gone"}
    assert len(set(answers)) == 1


@in_one_mode
@pytest.mark.parametrize(
    "message",
    [
        b"\xff",
        pb.MarketDataRequest(),
        pb.MarketDataRequest(change=pb.ChangeSubscriptions(change_id=1, feed=pb.FEED_DEPTH)),
        pb.MarketDataRequest(attach=pb.AttachMarketData()),
    ],
    ids=["bytes", "nothing", "change", "attach"],
)
async def test_nothing_is_heard_out_of_turn(site: Site, message: pb.MarketDataRequest | bytes) -> None:
    port = await market_port(site)
    async with open_market(port, site.tls.authority.read_bytes()) as market:
        await market.send(message)

        rejected = await market.first("rejected")
        assert rejected.reason in {"request_malformed", "unexpected_message"}
        assert await market.batch() is None


async def market_port(site: Site) -> int:
    async with site.logged_in(MINE) as terminal:
        return access_of(terminal).port


def access_of(terminal: RelayTerminal) -> MarketAccess:
    """Where its session's market data is had, and with what; its own client has not opened it."""
    access = terminal._link.market_access
    assert access is not None
    return access


@in_one_mode
async def test_the_ports_are_kept_apart(site: Site) -> None:
    """Where market data has a port, no session is had there, and no market data elsewhere."""
    authority = site.tls.authority.read_bytes()
    async with open_market(site.relay.port, authority) as market:
        assert await market.batch_status() == "UNIMPLEMENTED"


@many_to_one_only
async def test_without_the_setting_nothing_is_different(tls: TlsFiles, shared_site: Site) -> None:
    """The login says nothing of it, the method does not exist, and the terminal's program hears why."""
    async with shared_site.terminal() as terminal:
        await log_in(terminal, MINE)
        with pytest.raises(MarketDataNotOffered):
            await terminal.market_data().subscribe([RB])
        trades = await terminal.requests.qry_trade(ctp.QryTrade())
    async with open_market(shared_site.relay.port, tls.authority.read_bytes()) as market:
        assert await market.batch_status() == "UNIMPLEMENTED"

    assert isinstance(terminal, RelayTerminal)
    assert trades.name == "qry_trade"


@in_one_mode
async def test_status_shows_it(site: Site) -> None:
    """And the metrics do."""
    async with site.logged_in(MINE) as terminal:
        await terminal.market_data().subscribe([RB])
        said = (await asyncio.to_thread(site.relay.command, "status", "--json")).stdout

    assert '"market_data"' in said
    assert json.loads(said)["figures"]["market_data_readers"] == 1
