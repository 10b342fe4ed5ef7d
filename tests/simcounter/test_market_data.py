"""Market data: login, subscriptions, and a depth whenever the simulated market moved or the clock ticked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from ctpabi.catalog import Interface
from ctpabi.catalog.data import load_catalog
from ctpabi.shim.wire import Frame, FrameType
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.session import CHINA
from tests.simcounter.raw_shim import Event, RawShim, limit_order

CATALOG = load_catalog(Interface.MARKET_DATA)
AT = datetime(2027, 1, 4, 10, 30, 0, 700_000, CHINA)


class Viewer(RawShim):
    """A program with CThostFtdcMdApi."""

    def __init__(self, counter: SimulatedCounter, **hello: Any) -> None:
        super().__init__(counter, catalog=CATALOG, **hello)

    async def enter(self) -> Event:
        self.call("ReqUserLogin", BrokerID="9999", UserID="anybody", Password="whatever")
        return await self.event()

    def subscribe(self, *names: str, method: str = "SubscribeMarketData") -> None:
        body = b"".join(name.encode() + b"\0" for name in names)
        self.send(Frame(FrameType.CALL, CATALOG.methods[method].slot, body=body))

    async def tick(self) -> dict[str, Any]:
        event = await self.event()
        assert event.callback == "OnRtnDepthMarketData"
        assert event.values is not None
        return event.values

    async def viewing(self, *names: str) -> list[dict[str, Any]]:
        """Logged in and subscribed; the first depth of each."""
        await self.enter()
        self.subscribe(*names)
        for _ in names:
            assert (await self.event()).callback == "OnRspSubMarketData"
        return [await self.tick() for _ in names]


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    """Its markets tick only when they move."""
    config = CounterConfig(tick_milliseconds=0, settlement_confirm_required=False)
    async with SimulatedCounter(config, clock=lambda: AT) as counter:
        yield counter


async def test_a_login_needs_no_password(counter: SimulatedCounter) -> None:
    """The trading day is known from then on, to the answer and to GetTradingDay."""
    async with Viewer(counter) as viewer:
        assert viewer.state["logged_in"] is False
        login = await viewer.enter()

        assert (login.callback, login.error_id, login.request_id) == ("OnRspUserLogin", 0, 1)
        assert login.values is not None
        assert (login.values["TradingDay"], login.values["UserID"]) == ("20270104", "anybody")
        assert viewer.state == {"trading_day": "20270104", "logged_in": True}


async def test_each_subscription_is_confirmed_and_begins_with_a_depth(counter: SimulatedCounter) -> None:
    """An instrument that does not exist is confirmed too, and never ticks."""
    async with Viewer(counter) as viewer:
        await viewer.enter()
        viewer.subscribe("rb2701", "nothing", "au2702")
        confirmed = [await viewer.event() for _ in range(3)]
        ticks = [await viewer.tick() for _ in range(2)]

    assert [(e.callback, e.error_id, e.is_last, e.values and e.values["InstrumentID"]) for e in confirmed] == [
        ("OnRspSubMarketData", 0, False, "rb2701"),
        ("OnRspSubMarketData", 0, False, "nothing"),
        ("OnRspSubMarketData", 0, True, "au2702"),
    ]
    assert [tick["InstrumentID"] for tick in ticks] == ["au2702", "rb2701"]
    steel = ticks[1]
    assert (steel["BidPrice1"], steel["LastPrice"], steel["AskPrice1"], steel["Volume"]) == (3499.0, 3500.0, 3501.0, 0)
    assert (steel["ActionDay"], steel["UpdateTime"], steel["UpdateMillisec"]) == ("20270104", "10:30:00", 500)
    assert steel["ExchangeID"] == "", "CTP leaves it out of what it pushes"


async def test_nobody_sees_anything_before_the_login(counter: SimulatedCounter) -> None:
    """The subscription is refused, and the market moves without a tick."""
    async with Viewer(counter) as viewer:
        viewer.subscribe("rb2701")
        assert (await viewer.event()).error_id == 6
        counter.control.move_market("rb2701", 3510.0)
        await viewer.enter()

        viewer.subscribe("rb2701", method="UnSubscribeMarketData")
        assert (await viewer.event()).callback == "OnRspUnSubMarketData", "no tick came before"


async def test_a_fill_ticks_at_once_and_only_what_moved(counter: SimulatedCounter) -> None:
    """Last price, volume and the thinner side of the book; the other instrument stays silent."""
    async with Viewer(counter) as viewer, RawShim(counter) as trader:
        _, before = await viewer.viewing("m2701", "rb2701")
        await trader.log_in()
        trader.call("ReqOrderInsert", **limit_order(LimitPrice=3501.0, VolumeTotalOriginal=3))
        await trader.events_until("OnRtnTrade")

        tick = await viewer.tick()
        assert (tick["InstrumentID"], tick["LastPrice"], tick["Volume"]) == ("rb2701", 3501.0, 3)
        assert tick["AskVolume1"] == before["AskVolume1"] - 3
        trader.call("ReqOrderInsert", **limit_order(OrderRef="2", LimitPrice=3400.0, VolumeTotalOriginal=7))
        await trader.event()
        assert [await viewer.tick()][0]["InstrumentID"] == "rb2701", "a resting order changes the book too"

        counter.control.move_market("m2701", 3010.0)
        assert (await viewer.tick())["LastPrice"] == 3010.0


async def test_what_is_no_longer_subscribed_no_longer_ticks(counter: SimulatedCounter) -> None:
    """The others go on."""
    async with Viewer(counter) as viewer:
        await viewer.viewing("rb2701", "m2701")
        viewer.subscribe("rb2701", method="UnSubscribeMarketData")
        await viewer.event()
        counter.control.move_market("rb2701", 3510.0)
        counter.control.move_market("m2701", 3010.0)

        assert (await viewer.tick())["InstrumentID"] == "m2701"


async def test_the_clock_ticks_while_nothing_moves() -> None:
    """Programs make their bars from it."""
    async with SimulatedCounter(CounterConfig(tick_milliseconds=1)) as counter, Viewer(counter) as viewer:
        await viewer.viewing("rb2701")

        assert [(await viewer.tick())["InstrumentID"] for _ in range(3)] == ["rb2701"] * 3


async def test_a_request_for_quotes_reaches_who_asked_to_see_them(counter: SimulatedCounter) -> None:
    """OnRtnForQuoteRsp for the instrument, nothing for another one."""
    async with Viewer(counter) as viewer, RawShim(counter) as trader:
        await viewer.enter()
        viewer.subscribe("m2701", method="SubscribeForQuoteRsp")
        assert (await viewer.event()).callback == "OnRspSubForQuoteRsp"
        await trader.log_in()
        for exchange, name in (("SHFE", "rb2701"), ("DCE", "m2701")):
            trader.call(
                "ReqForQuoteInsert", BrokerID="9999", InvestorID="100001", InstrumentID=name, ExchangeID=exchange
            )

        asked = await viewer.event()
        assert asked.callback == "OnRtnForQuoteRsp"
        assert asked.values is not None
        assert (asked.values["InstrumentID"], asked.values["ExchangeID"]) == ("m2701", "DCE")


async def test_subscriptions_are_not_paced(counter: SimulatedCounter) -> None:
    """The limit of packets a second is the trading front's."""
    counter.control.frequencies(packets=1)
    async with Viewer(counter) as viewer:
        await viewer.enter()
        for _ in range(20):
            viewer.subscribe("rb2701", method="SubscribeForQuoteRsp")
        before = asyncio.get_running_loop().time()
        for _ in range(20):
            await viewer.event()

        assert asyncio.get_running_loop().time() - before < 5, "twenty seconds, were they paced"


async def test_every_instrument_has_a_depth(counter: SimulatedCounter) -> None:
    """Options and combinations too."""
    names = sorted(counter.kernel.desk.markets.by_id)
    async with Viewer(counter) as viewer:
        ticks = await viewer.viewing(*names)

    assert [tick["InstrumentID"] for tick in ticks] == names


async def test_multicast_and_logout_are_answered(counter: SimulatedCounter) -> None:
    """There is no multicast; after the logout the connection is cut."""
    async with Viewer(counter) as viewer:
        await viewer.enter()
        number = viewer.call("ReqQryMulticastInstrument", TopicID=1)
        answer = await viewer.event()
        assert (answer.callback, answer.values, answer.request_id) == ("OnRspQryMulticastInstrument", None, number)

        viewer.call("ReqUserLogout", BrokerID="9999", UserID="anybody")
        assert (await viewer.event()).callback == "OnRspUserLogout"
        assert await viewer.is_closed()


async def test_a_restarted_front_cuts_market_data_too(counter: SimulatedCounter) -> None:
    """drop, and the day change that follows: the books of the new day are what is shown."""
    async with Viewer(counter) as viewer:
        await viewer.viewing("rb2701")
        assert counter.control.drop() == 1
        assert await viewer.is_closed()
    counter.control.move_market("rb2701", 3600.0)
    counter.start_day("20270105")
    async with Viewer(counter) as viewer:
        (tick,) = await viewer.viewing("rb2701")

    assert (tick["TradingDay"], tick["LastPrice"], tick["PreSettlementPrice"]) == ("20270105", 3600.0, 3600.0)


async def test_a_library_of_another_version_is_refused(counter: SimulatedCounter) -> None:
    """As the trader's is."""
    async with Viewer(counter, abi_hash="0" * 64) as viewer:
        assert viewer.greeting["ok"] is False
        assert "6.7.11.0" in viewer.greeting["why"]


async def test_a_reader_that_falls_behind_misses_ticks_and_keeps_its_connection(
    counter: SimulatedCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the latest depth matters, so nothing is piled up for it."""
    async with Viewer(counter) as viewer:
        await viewer.viewing("rb2701")
        monkeypatch.setattr("simcounter.market_data.MAX_BEHIND", 0)
        counter.control.move_market("rb2701", 3510.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        monkeypatch.undo()
        counter.control.move_market("rb2701", 3520.0)

        assert (await viewer.tick())["LastPrice"] == 3520.0
