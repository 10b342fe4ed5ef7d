"""Misbehavior on command, seen from the shim's side of the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ctpabi.shim.wire import Frame, FrameType
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import DIRECT_APP_ID
from simcounter.scenario import Scenario
from tests.simcounter.raw_shim import CATALOG, RawShim, limit_order


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(CounterConfig(trading_day="20261123")) as running:
        yield running


async def test_a_request_is_refused_as_told_and_as_often(counter: SimulatedCounter) -> None:
    """Any ErrorID, with CTP's text or another one; then the counter behaves again."""
    counter.control.refuse("ReqAuthenticate", 4060, times=1)
    counter.control.refuse("ReqUserLogin", 7, text="CTP:自定义", times=1)
    async with RawShim(counter) as shim:
        first = await shim.authenticate(DIRECT_APP_ID)
        login = await shim.log_in()
        again = await shim.log_in()

    assert (first.error_id, first.error_msg) == (4060, "CTP:认证失败次数过多,该地址被禁止认证")
    assert (login.error_id, login.error_msg, again.error_id) == (7, "CTP:自定义", 0)


async def test_a_muted_counter_keeps_the_line_and_says_nothing(counter: SimulatedCounter) -> None:
    """What was asked meanwhile is lost, as with a hung kernel."""
    async with RawShim(counter) as shim:
        counter.control.mute()
        shim.call("ReqQryExchange")
        assert await shim.is_silent(calls=1)
        counter.control.mute(on=False)

        assert (await shim.log_in()).error_id == 0


async def test_an_ignored_request_has_no_answer(counter: SimulatedCounter) -> None:
    """Others have."""
    counter.control.ignore("ReqQryExchange", times=1)
    async with RawShim(counter) as shim:
        await shim.log_in()
        shim.call("ReqQryExchange")
        answered = shim.call("ReqQryExchange", ExchangeID="SHFE")

        assert (await shim.event()).request_id == answered


async def test_a_delayed_answer_is_overtaken(counter: SimulatedCounter) -> None:
    """Late, while what follows is not held up."""
    counter.control.delay("OnRspQryExchange", 0.05, times=1)
    async with RawShim(counter) as shim:
        await shim.log_in()
        shim.call("ReqQryExchange", ExchangeID="SHFE")
        shim.call("ReqQryInvestor")

        assert [(await shim.event()).callback, (await shim.event()).callback] == [
            "OnRspQryInvestor",
            "OnRspQryExchange",
        ]


async def test_returns_are_doubled_and_reordered(counter: SimulatedCounter) -> None:
    """OnRtnTrade twice, and before its OnRtnOrder."""
    counter.control.duplicate("OnRtnTrade")
    counter.control.trades_first()
    async with RawShim(counter) as shim:
        await shim.log_in()
        await shim.confirm()
        shim.call("ReqOrderInsert", **limit_order(LimitPrice=3501.0))

        seen = [(await shim.event()).callback for _ in range(4)]

    assert seen == ["OnRtnOrder", "OnRtnTrade", "OnRtnTrade", "OnRtnOrder"]


async def test_the_shim_is_told_what_to_return(counter: SimulatedCounter) -> None:
    """−2, −3 and report codes: sent at hello, and to connected shims at once; clearing takes them back."""
    counter.control.return_code("ReqQryNotice", -3)
    async with RawShim(counter) as shim:
        assert shim.greeting["return_codes"] == {"ReqQryNotice": -3}
        counter.control.return_code("SubmitUserSystemInfo", -5)
        counter.control.frequencies(queries=2, packets=6, limit_queries=True)
        await shim.log_in()
        assert shim.state["return_codes"] == {"ReqQryNotice": -3, "SubmitUserSystemInfo": -5}
        assert (shim.state["front_info"]["QryFreq"], shim.state["limit_queries"]) == (2, True)
        counter.control.clear()
        shim.call("ReqQryInvestor")
        await shim.event()
        assert shim.state["return_codes"] == {}


async def test_connections_are_dropped_by_user_or_all(counter: SimulatedCounter) -> None:
    """A broken line, not a logout."""
    async with RawShim(counter) as first, RawShim(counter) as second:
        await first.log_in("100001")
        await second.log_in("100002")

        assert counter.control.drop("100001") == 1
        assert await first.is_closed()
        assert counter.control.status()["logged_in"] == ["100002"]
        assert counter.control.drop() == 1
        assert await second.is_closed()


@pytest.mark.parametrize("silently", [False, True])
async def test_a_user_is_forced_out(counter: SimulatedCounter, silently: bool) -> None:
    """OnRspUserLogout that was not asked for, and the cut; or only the cut."""
    async with RawShim(counter) as shim:
        await shim.log_in()
        counter.control.force_out("100001", silently=silently)
        if not silently:
            logout = await shim.event()
            assert (logout.callback, logout.request_id) == ("OnRspUserLogout", 0)

        assert await shim.is_closed()


async def test_the_trading_day_changes_with_a_front_restart(counter: SimulatedCounter) -> None:
    """Everybody is cut; the next login has the new day, must confirm again, and sees no old returns."""
    async with RawShim(counter) as shim:
        await shim.log_in()
        await shim.confirm()
        shim.call("ReqOrderInsert", **limit_order(LimitPrice=3501.0))
        await shim.events_until("OnRtnTrade")
        counter.control.trading_day("20261124")
        assert await shim.is_closed()

    async with RawShim(counter) as shim:
        login = await shim.log_in()
        assert login.values is not None
        assert login.values["TradingDay"] == "20261124"
        shim.call("ReqOrderInsert", **limit_order())
        assert (await shim.event()).error_id == 42


async def test_a_stopped_front_refuses_and_comes_back_on_its_port(counter: SimulatedCounter) -> None:
    """The counter keeps its day while the front is away."""
    port = counter.port
    await counter.control.pause()
    with pytest.raises(OSError, match=r".*"):
        await asyncio.open_connection("127.0.0.1", port)

    await counter.control.resume()
    async with RawShim(counter) as shim:
        assert counter.port == port
        assert (await shim.log_in()).error_id == 0


async def test_a_flapping_front_takes_and_drops(counter: SimulatedCounter) -> None:
    """Accepted, refused at hello, closed."""
    async with RawShim(counter) as before:
        counter.control.flap()
        assert await before.is_closed()
    async with RawShim(counter) as shim:
        assert shim.greeting["ok"] is False
    counter.control.flap(on=False)
    async with RawShim(counter) as shim:
        assert shim.greeting["ok"] is True


async def test_a_body_of_the_wrong_size_ends_the_connection(counter: SimulatedCounter) -> None:
    """Not the counter."""
    async with RawShim(counter) as shim:
        slot = CATALOG.methods["ReqUserLogin"].slot
        shim.send(Frame(FrameType.CALL, slot, body=b"short"))
        assert await shim.is_closed()
    async with RawShim(counter) as shim:
        assert (await shim.log_in()).error_id == 0


async def test_a_flood_reaches_everybody_who_may_see_it(counter: SimulatedCounter) -> None:
    """One investor's, or public; a later login does not get it again."""
    async with RawShim(counter) as shim, RawShim(counter) as other:
        await shim.log_in("100001")
        await other.log_in("100002")
        await counter.control.flood(500, "OnRtnTrade", "100001")
        await counter.control.flood(1)

        seen = await shim.events_until("OnRtnInstrumentStatus")
        assert len(seen) == 501
        assert (await other.event()).callback == "OnRtnInstrumentStatus"


async def test_packets_above_the_limit_wait_for_the_next_second() -> None:
    """No error: only late, and in order."""
    async with SimulatedCounter(CounterConfig(packets_per_second=3)) as counter, RawShim(counter) as shim:
        await shim.log_in()
        for exchange_id in ("SHFE", "DCE", "CZCE"):
            shim.call("ReqQryExchange", ExchangeID=exchange_id)
        rows = [(await shim.event()).values for _ in range(3)]

    assert [row["ExchangeID"] for row in rows if row] == ["SHFE", "DCE", "CZCE"]


async def test_a_patient_flood_waits_for_its_reader(counter: SimulatedCounter) -> None:
    """More than a connection may owe, and still every event arrives."""
    async with RawShim(counter) as shim:
        await shim.log_in("100001")
        flood = asyncio.ensure_future(counter.control.flood(80_000, "OnRtnOrder", "100001", patient=True))
        received = await shim.count_events(80_000)

        assert (await flood, received) == (80_000, 80_000)
    assert counter.control.status()["cut_slow_readers"] == 0


async def test_a_reader_that_never_reads_is_cut(counter: SimulatedCounter) -> None:
    """Its backlog is bounded; the others do not notice."""
    async with RawShim(counter) as deaf, RawShim(counter) as other:
        await deaf.log_in("100001")
        await other.log_in("100002")
        await counter.control.flood(90_000, "OnRtnOrder", "100001")

        assert counter.control.status()["cut_slow_readers"] == 1
        other.call("ReqQryInvestor")
        assert (await other.event()).callback == "OnRspQryInvestor"


async def test_a_shim_of_another_version_is_refused(counter: SimulatedCounter) -> None:
    """The hello carries the hash of its interface."""
    async with RawShim(counter, abi_hash="0" * 64) as shim:
        assert shim.greeting["ok"] is False
        assert "this program has another" in shim.greeting["why"]
        assert await shim.is_closed()


async def test_garbage_instead_of_a_hello_ends_the_connection(counter: SimulatedCounter) -> None:
    """A port scanner, a browser."""
    reader, writer = await asyncio.open_connection("127.0.0.1", counter.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


def test_only_loopback_is_served() -> None:
    """There is no protection, so there is no other address."""
    with pytest.raises(ValueError, match="not a loopback address"):
        SimulatedCounter(CounterConfig(host="0.0.0.0"))


def test_rules_wear_out() -> None:
    """`times` counts uses; 0 never ends."""
    scenario = Scenario()
    scenario.refuse("ReqUserLogin", 3, times=2)
    scenario.ignore("ReqQryOrder")

    assert [scenario.refusal("ReqUserLogin") is not None for _ in range(3)] == [True, True, False]
    assert all(scenario.ignores("ReqQryOrder") for _ in range(5))
    assert not scenario.ignores("ReqUserLogin")
