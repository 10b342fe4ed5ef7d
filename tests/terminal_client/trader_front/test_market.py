"""A market data front over scripted market data: it follows a trader front's sessions."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Interface
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.codec.layout import DBL_MAX
from ctprelay.v1 import terminal_pb2
from terminal_client import Collected, Tls
from terminal_client.trader_front import FrontSettings, MarketFront
from tests.terminal_client.market.scripted_market import TOKEN, depth, snapshot
from tests.terminal_client.scripted_relay import ScriptedRelay, ServedRelay
from tests.terminal_client.trader_front.program import QUICK, SECONDS, SmallProgram, error, fields

CATALOG = load_catalog(Interface.MARKET_DATA)


class MarketProgram:
    """What a market data program was called with."""

    def __init__(self, served: ServedRelay) -> None:
        self.heard: list[RawEvent] = []
        self.changed = threading.Condition()
        self.front = MarketFront(FrontSettings(tls=Tls(ca_file=served.authority)), self.hear, deadlines=QUICK)
        self.front.connect([f"relay://{served.address}"])
        self.wait_for("OnFrontConnected")

    def hear(self, item: RawEvent) -> None:
        with self.changed:
            self.heard.append(item)
            self.changed.notify_all()

    def wait_for(self, name: str, count: int = 1) -> list[RawEvent]:
        def found() -> list[RawEvent]:
            return [item for item in self.heard if item.callback.name == name]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, SECONDS), f"no {name}: {self.heard}"
            return found()

    def call(self, name: str, request_id: int, **values: Any) -> int:
        method = CATALOG.methods[name]
        return self.front.call(method, layout.pack(CATALOG.structs[method.struct], values), request_id)


async def test_ticks_follow_the_traders_login(served: ServedRelay, relay: ScriptedRelay, collected: Collected) -> None:
    """The market data login waits for nothing; what was subscribed before the trader's login ticks after it."""
    relay.market_access = terminal_pb2.MarketDataAccess(token=TOKEN)

    def begin() -> tuple[MarketProgram, SmallProgram]:
        trader, program = SmallProgram(served, collected), MarketProgram(served)
        program.front.follow(trader.front)
        assert program.call("ReqUserLogin", 8) == 0
        assert program.wait_for("OnRspUserLogin")[0].request_id == 8
        assert program.front.subscribe("SubscribeMarketData", ["rb2701", "IF2612"]) == 0
        confirmed = program.wait_for("OnRspSubMarketData", 2)
        assert [(fields(one)["InstrumentID"], one.is_last) for one in confirmed] == [
            ("rb2701", False),
            ("IF2612", True),
        ]
        trader.connect()
        trader.log_in()
        return program, trader

    program, trader = await asyncio.to_thread(begin)
    await relay.market.until(streams=1, changes=1)
    relay.market.refuse = {"x"}
    relay.market.send(snapshot("rb2701", 1), depth("rb2701", 5))
    ticks = await asyncio.to_thread(program.wait_for, "OnRtnDepthMarketData", 2)
    assert [(fields(one)["Volume"], fields(one)["LastPrice"]) for one in ticks] == [(1, DBL_MAX), (5, DBL_MAX)]
    assert list(relay.market.changes[0].instrument_ids) == ["rb2701", "IF2612"]

    def refused() -> tuple[int, str]:
        assert program.front.subscribe("SubscribeMarketData", ["x"]) == 0
        return error(program.wait_for("OnRspSubMarketData", 3)[2])

    assert (await asyncio.to_thread(refused))[0] != 0
    await asyncio.to_thread(program.front.release)
    await asyncio.to_thread(trader.front.release)
