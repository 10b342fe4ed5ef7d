"""A market data front in the caller's process: what the vendor's market data API takes, and its callbacks, with a relay behind.

Theory of operation
-------------------
At the relay market data belongs to a trader's session, while CTP's market data API has a login of its own that asks for
no password. So a market front follows a trader front: of the same process where there is one, and else one of its own.

* OnFrontConnected comes when the relay is reached, and ReqUserLogin is answered at once; neither waits for the trader.
  So a program that logs in for market data first goes on. Its depths come when the trader is logged in.
* What is subscribed is kept here, under `_lock`. Each session of the trader's subscribes all of it anew. What is
  subscribed while there is none is confirmed at once, as CTP confirms names it does not know.
* The market data of a session lives on the trader front's loop. What comes of it is handed to the thread of the callbacks.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from ctpabi.api.spi import Put, RawEvent
from ctpabi.catalog import Callback, Interface, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.codec.messages import struct_from_event
from terminal_client.conversation import Endpoint, Entrance
from terminal_client.errors import MarketDataNotOffered, Refusal, SessionEnded, TerminalError
from terminal_client.market.market_data import MarketData
from terminal_client.secret import Secret
from terminal_client.session import Deadlines
from terminal_client.stream import StreamBroken
from terminal_client.trader_front import records
from terminal_client.trader_front.callbacks import CallbackThread
from terminal_client.trader_front.error_ids import NO_FUNCTION, error_id_of, error_text_of
from terminal_client.trader_front.front import BEFORE_LOGIN, DEADLINES, NO_CONNECTION, TraderFront
from terminal_client.trader_front.reach import reach
from terminal_client.trader_front.sessions import FrontSession
from terminal_client.trader_front.settings import FrontSettings, address_of

log = logging.getLogger(__name__)
DEPTH, QUOTES = "MarketData", "ForQuoteRsp"
_SUBSCRIPTIONS = {
    "SubscribeMarketData": (DEPTH, False, "OnRspSubMarketData"),
    "UnSubscribeMarketData": (DEPTH, True, "OnRspUnSubMarketData"),
    "SubscribeForQuoteRsp": (QUOTES, False, "OnRspSubForQuoteRsp"),
    "UnSubscribeForQuoteRsp": (QUOTES, True, "OnRspUnSubForQuoteRsp"),
}


class MarketFront:
    """One CTP market data API with a relay behind it. Every method may be called from any thread.

    `put` gets the callbacks of the market data Spi, as `TraderFront`'s gets those of the trader's.
    """

    def __init__(self, settings: FrontSettings, put: Put, *, deadlines: Deadlines = DEADLINES) -> None:
        self._settings = settings
        self._deadlines = deadlines
        self._callbacks = CallbackThread(put, deadlines.callback_capacity)
        self._lock = threading.Lock()
        self._wanted: dict[str, dict[str, None]] = {DEPTH: {}, QUOTES: {}}
        self._trader: TraderFront | None = None
        self._session: FrontSession | None = None
        self._market: MarketData | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connected = False
        self._released = threading.Event()

    @property
    def trading_day(self) -> str:
        """Of the trader's session; `BEFORE_LOGIN` before its login."""
        return BEFORE_LOGIN if self._trader is None else self._trader.trading_day

    def connect(self, fronts: Sequence[str]) -> None:
        """Begin, and return at once. SettingsUnusable where a front is not relay://host:port."""
        address = address_of(self._settings.front or fronts[0])
        reach = threading.Thread(target=self._reach, args=(address,), name="market-front", daemon=True)
        reach.start()

    def _reach(self, address: str) -> None:
        asyncio.run(self._reached(address))
        self._connected = True
        self._callbacks.offer(RawEvent(_callback("OnFrontConnected"), None, None))

    async def _reached(self, address: str) -> None:
        entrance = Entrance(Endpoint(address, "", Secret(""), self._settings.tls, ""), self._deadlines)
        while not self._released.is_set():
            try:
                await reach(entrance, address)
                break
            except StreamBroken as error:
                log.info("the relay at %s is not reached: %s", address, error)
        await entrance.close()

    def follow(self, trader: TraderFront) -> None:
        """From now on market data is that of this trader's sessions."""
        with self._lock:
            if self._trader is trader or self._released.is_set():
                return
            self._trader = trader
        trader.watch_sessions(self._begin)

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        """ReqUserLogin, ReqUserLogout, ReqQryMulticastInstrument. 0, or -1 without a connection."""
        if not self._connected:
            return NO_CONNECTION
        values = layout.unpack(load_catalog(Interface.MARKET_DATA).structs[method.struct], bytes(body))
        who: dict[str, Any] = {name: values[name] for name in ("BrokerID", "UserID") if name in values}
        match method.name:
            case "ReqUserLogin":
                self._callbacks.offer(
                    records.made(
                        "OnRspUserLogin", {**who, "TradingDay": self.trading_day.replace(BEFORE_LOGIN, "")}, request_id
                    )
                )
            case "ReqUserLogout":
                self._callbacks.offer(records.made("OnRspUserLogout", who, request_id))
            case _:
                info = records.rsp_info(NO_FUNCTION, "中继：没有组播行情")
                self._callbacks.offer(RawEvent(_callback("OnRspQryMulticastInstrument"), None, info, request_id))
        return 0

    def subscribe(self, name: str, instruments: Iterable[str]) -> int:
        """One of the four Subscribe… methods, by its name. 0, or -1 without a connection."""
        if not self._connected:
            return NO_CONNECTION
        feed, ends, answer = _SUBSCRIPTIONS[name]
        names = list(instruments)
        with self._lock:
            for one in names:
                if ends:
                    self._wanted[feed].pop(one, None)
                else:
                    self._wanted[feed][one] = None
            session, market = self._session, self._market
        if session is None or market is None:
            self._confirm(answer, names, {})
        else:
            session.call_soon(lambda: self._start(self._change(market, feed, names, ends=ends, answer=answer)))
        return 0

    def release(self) -> None:
        """End the market data and the thread of the callbacks; the trader goes on."""
        self._released.set()
        self._connected = False
        self._callbacks.end()
        with self._lock:
            session, self._session, market, self._market = self._session, None, self._market, None
        if session is not None and market is not None:
            session.call_soon(lambda: self._start(market.close()))
        self._callbacks.join(self._deadlines.close_seconds)

    def join(self) -> None:
        """Wait until it is released."""
        self._released.wait()

    # On the trader front's loop

    def _begin(self, session: FrontSession) -> None:
        if not self._released.is_set():
            self._start(self._run(session))

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, name="market-front")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, session: FrontSession) -> None:
        market = session.market_data()
        ticks, quotes = market.ticks(), market.quote_requests()
        with self._lock:
            self._session, self._market = session, market
            wanted = {feed: list(names) for feed, names in self._wanted.items()}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._quotes(quotes))
                for feed, names in wanted.items():
                    if names:
                        group.create_task(self._change(market, feed, names, ends=False, answer=""))
                async for tick in ticks:
                    self._emit("OnRtnDepthMarketData", struct_from_event(tick.depth))
        except* MarketDataNotOffered:
            log.warning("该中继没有行情 this relay has no market data")
        except* TerminalError as ended:
            log.info("market data ended: %s", ended.exceptions[0])
        finally:
            with self._lock:
                if self._market is market:
                    self._session = self._market = None
            await market.close()

    async def _quotes(self, quotes: Any) -> None:
        try:
            async for one in quotes:
                self._emit("OnRtnForQuoteRsp", struct_from_event(one))
        except SessionEnded:
            return

    async def _change(self, market: MarketData, feed: str, names: list[str], *, ends: bool, answer: str) -> None:
        """Carry out a change, and confirm it by the callback `answer`, where the program asked for it."""
        refused: dict[str, Refusal] = {}
        try:
            if ends:
                await (market.unsubscribe if feed == DEPTH else market.unsubscribe_quote_requests)(names)
            else:
                refused = await (market.subscribe if feed == DEPTH else market.subscribe_quote_requests)(names)
        except MarketDataNotOffered:
            refused = dict.fromkeys(names, Refusal("relay", "", "中继没有行情", NO_FUNCTION))
        except TerminalError as error:
            log.info("a change of subscriptions was not answered: %s", error)
        if answer:
            self._confirm(answer, names, refused)

    # Callbacks

    def _confirm(self, answer: str, names: Sequence[str], refused: dict[str, Refusal]) -> None:
        for number, name in enumerate(names, 1):
            refusal = refused.get(name)
            error = (0, records.CORRECT) if refusal is None else (error_id_of(refusal), error_text_of(refusal))
            body = layout.pack(records.struct_named("SpecificInstrument"), {"InstrumentID": name})
            item = RawEvent(_callback(answer), body, records.rsp_info(*error), 0, number == len(names))
            self._callbacks.offer(item)

    def _emit(self, name: str, body: bytes) -> None:
        # A queue that is full loses ticks and nothing else: the next one of its instrument is as good.
        self._callbacks.offer(RawEvent(_callback(name), body, None))


def _callback(name: str) -> Callback:
    return load_catalog(Interface.MARKET_DATA).callbacks[name]
