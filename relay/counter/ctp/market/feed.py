"""The session for market data, driven: the machine's steps, subscriptions that outlive a connection, callbacks as items.

Theory of operation
-------------------
`_wanted` is the truth: what is subscribed whenever the session is live. A change goes to the API at once while it is, and the
changes of the `_REST_SECONDS` after it together: a terminal that changes its mind all the time costs the counter no more. What
the API does not take (-2, -3) stays in `_unsent` and is tried again. After each login everything wanted is unsent.

Callbacks come in bursts from the inbox and wait in `_waiting`, in their order. `next_batch` turns some of them into items: few
enough that the loop has other turns in between, because orders run on the same loop. Where more than `_MOST_WAITING` wait,
the relay does not keep up with the exchange; then the newest of each instrument is kept, unencoded, and `_passed` says how
many went. Where callbacks were lost the instance is made anew, once, and what the old one still says is not heard.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice

import structlog

from ctpabi.api.inbox import Inbox
from ctpabi.api.market import MarketApi
from ctpabi.api.spi import Put, RawEvent
from ctpabi.catalog import Catalog
from ctpabi.codec import layout, text
from ctpabi.codec.messages import message_encoder
from relay.counter.counter_library import CounterLibrary
from relay.counter.ctp.market.machine import NOTHING, FeedMachine, FeedPhase, FeedStep
from relay.counter.ctp.session.patience import Patience
from relay.counter.market_port import FeedItem, FeedKind, MarketItem, MarketState, NotSubscribed
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_AT_A_TIME = 32
"""items of one batch: some hundred microseconds"""
_MOST_WAITING = 20_000
_INBOX_LIMIT = 100_000
_NAMES_AT_A_TIME = 200
_REST_SECONDS = 0.1
_AGAIN_SECONDS = 1.0
_METHODS = {
    (FeedKind.DEPTH, True): "SubscribeMarketData",
    (FeedKind.DEPTH, False): "UnSubscribeMarketData",
    (FeedKind.QUOTE_REQUESTS, True): "SubscribeForQuoteRsp",
    (FeedKind.QUOTE_REQUESTS, False): "UnSubscribeForQuoteRsp",
}
_CONFIRMED = {"OnRspSubMarketData": FeedKind.DEPTH, "OnRspSubForQuoteRsp": FeedKind.QUOTE_REQUESTS}
_ITEMS = {"OnRtnDepthMarketData": FeedKind.DEPTH, "OnRtnForQuoteRsp": FeedKind.QUOTE_REQUESTS}
_NOT_CONNECTED = "行情前置未连接 / the front for market data is not connected"


class CtpMarketFeed:
    """A `MarketSource` of CTP's."""

    def __init__(
        self,
        new_api: Callable[[Put], MarketApi],
        catalog: Catalog,
        fronts: tuple[str, ...],
        broker_id: str,
        patience: Patience,
        library: CounterLibrary | None = None,
    ) -> None:
        self.library = library
        self.fronts = fronts
        self._new_api = new_api
        self._catalog = catalog
        self._broker_id = broker_id
        self._machine = FeedMachine(
            answer_seconds=patience.answer, pause_seconds=patience.pause, longest_seconds=patience.longest
        )
        self._loop = asyncio.get_running_loop()
        self._wanted: dict[FeedKind, dict[str, None]] = {kind: {} for kind in FeedKind}
        self._unsent: dict[tuple[FeedKind, bool], dict[str, None]] = {key: {} for key in _METHODS}
        self._waiting: deque[RawEvent | MarketState] = deque()
        self._most_waiting = _MOST_WAITING
        self._passed: dict[tuple[str, str], int] = {}
        """by callback and instrument: how many were left out of `_waiting` and are not said yet"""
        self._arrived = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        self._trading_day = ""
        self._renewing = False
        self._tasks = Tasks()
        self._encoders = {
            kind: message_encoder(catalog.structs[catalog.callbacks[name].struct]) for name, kind in _ITEMS.items()
        }
        self._named_at = {name: self._slice_of(catalog.callbacks[name].struct) for name in (*_ITEMS, *_CONFIRMED)}
        self._make_instance()

    def _slice_of(self, struct: str) -> slice:
        found = self._catalog.structs[struct].field("InstrumentID")
        return slice(found.offset, found.offset + found.size)

    def _make_instance(self) -> None:
        inbox: Inbox[RawEvent] = Inbox(self._loop, lambda burst: self._burst(inbox, burst), _INBOX_LIMIT)
        self._inbox = inbox
        self._api = self._new_api(inbox.put)

    def start(self) -> None:
        self._waiting.append(MarketState(live=False, reason=_NOT_CONNECTED))
        self._arrived.set()
        self._api.connect(self.fronts)

    async def stop(self) -> None:
        for timer in (self._timer, self._again):
            if timer is not None:
                timer.cancel()
        await self._tasks.cancel()
        await asyncio.to_thread(self._api.release)

    # Down -----------------------------------------------------------------------------------------------------

    def subscribe(self, kind: FeedKind, instrument_ids: Iterable[str]) -> None:
        names = dict.fromkeys(instrument_ids)
        self._wanted[kind].update(names)
        self._to_send(kind, names, subscribe=True)

    def unsubscribe(self, kind: FeedKind, instrument_ids: Iterable[str]) -> None:
        names = dict.fromkeys(instrument_ids)
        for name in names:
            self._wanted[kind].pop(name, None)
        self._to_send(kind, names, subscribe=False)

    def _to_send(self, kind: FeedKind, names: dict[str, None], *, subscribe: bool) -> None:
        if self._machine.phase is not FeedPhase.LIVE:
            return  # the next login sends all that is wanted then
        for name in names:
            self._unsent[kind, not subscribe].pop(name, None)
        self._unsent[kind, subscribe].update(names)
        if self._again is None:
            self._send()
            if self._again is None:
                self._again = self._loop.call_later(_REST_SECONDS, self._send_again)

    def _send(self) -> None:
        """All that is unsent, as far as the API takes it."""
        if self._machine.phase is not FeedPhase.LIVE:
            return
        for (kind, subscribe), names in self._unsent.items():
            while names:
                part = list(islice(names, _NAMES_AT_A_TIME))
                if self._api.subscribe(_METHODS[kind, subscribe], [text.encode(name) for name in part]) != 0:
                    if self._again is None:
                        self._again = self._loop.call_later(_AGAIN_SECONDS, self._send_again)
                    return
                for name in part:
                    del names[name]

    def _send_again(self) -> None:
        self._again = None
        self._send()

    # The machine ----------------------------------------------------------------------------------------------

    def _carry_out(self, step: FeedStep) -> None:
        if step == NOTHING:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if step.timer_seconds:
            self._timer = self._loop.call_later(
                step.timer_seconds, lambda: self._carry_out(self._machine.time_is_over())
            )
        if step.was_lost:
            self._waiting.append(MarketState(live=False, reason=f"{_NOT_CONNECTED}: {step.why}"))
            self._arrived.set()
        if step.became_live:
            for kind, names in self._wanted.items():
                self._unsent[kind, True] = dict(names)
                self._unsent[kind, False] = {}
            self._send()
        if step.log_in:
            self._log_in()

    def _log_in(self) -> None:
        method = self._catalog.methods["ReqUserLogin"]
        body = layout.pack(self._catalog.structs[method.struct], {"BrokerID": self._broker_id})
        code = self._api.call(method, body, 1)
        if code != 0:
            self._carry_out(self._machine.login_failed(f"the login was not sent ({code})"))

    def _logged_in(self, event: RawEvent) -> None:
        error_id, message = event.error
        if error_id:
            why = f"CTP {error_id}: {text.decode(message)}"
            _log.warning("market_data_login_refused", error_id=error_id, text=text.decode(message))
            self._carry_out(self._machine.login_failed(why))
            return
        struct = self._catalog.structs["RspUserLogin"]
        day = str(layout.unpack(struct, event.body)["TradingDay"]) if event.body is not None else ""
        step = self._machine.logged_in()
        if step.became_live:
            changed = bool(self._trading_day) and day != self._trading_day
            self._trading_day = day
            self._waiting.append(MarketState(live=True, trading_day=day, day_changed=changed))
            self._arrived.set()
        self._carry_out(step)

    async def _renew(self) -> None:
        """The relay stood still for so long that callbacks were lost: begin anew, with nothing of the old."""
        await asyncio.to_thread(self._api.release)
        self._make_instance()
        self._renewing = False
        self._api.connect(self.fronts)

    # Up -------------------------------------------------------------------------------------------------------

    def _burst(self, inbox: Inbox[RawEvent], burst: list[RawEvent]) -> None:
        if inbox is not self._inbox or self._renewing:
            return
        if inbox.overflowed:
            self._lost_some()
            return
        self._sort(burst)
        if len(self._waiting) > self._most_waiting:
            self._thin_out()
        if self._waiting:
            self._arrived.set()

    def _lost_some(self) -> None:
        self._renewing = True
        _log.error("market_data_overflowed", most=_INBOX_LIMIT)
        self._carry_out(self._machine.disconnected("callbacks were lost"))
        self._tasks.start(self._renew(), "renew the market data session")

    def _sort(self, burst: list[RawEvent]) -> None:
        for event in burst:
            match event.callback.name:
                case "OnRtnDepthMarketData" | "OnRtnForQuoteRsp" | "OnRspSubMarketData" | "OnRspSubForQuoteRsp":
                    self._waiting.append(event)
                case "OnFrontConnected":
                    self._carry_out(self._machine.connected())
                case "OnFrontDisconnected":
                    self._carry_out(self._machine.disconnected(f"reason {event.reason:#x}"))
                case "OnRspUserLogin":
                    self._logged_in(event)
                case "OnRspUserLogout":
                    self._carry_out(self._machine.logged_out("the counter logged the relay out"))
                case _:
                    pass

    async def next_batch(self) -> list[MarketItem]:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            waiting = self._waiting
            taken = (waiting.popleft() for _ in range(min(_AT_A_TIME, len(waiting))))
            items = [item for one in taken if (item := self._item(one)) is not None]
            if items:
                return items

    def _item(self, one: RawEvent | MarketState) -> MarketItem | None:
        if not isinstance(one, RawEvent):
            return one
        callback = one.callback.name
        if one.body is None:
            return None
        name = self._name(callback, one.body)
        kind = _ITEMS.get(callback)
        if kind is not None:
            passed = self._passed.pop((callback, name), 0) if self._passed else 0
            return FeedItem(kind, name, self._encoders[kind](one.body), passed)
        error_id, message = one.error
        if not error_id:
            return None
        self._wanted[_CONFIRMED[callback]].pop(name, None)
        return NotSubscribed(_CONFIRMED[callback], name, error_id, text.decode(message))

    def _name(self, callback: str, body: bytes) -> str:
        return text.decode(body[self._named_at[callback]].partition(b"\0")[0])

    def _thin_out(self) -> None:
        """The newest of each instrument in the place of its oldest; all else stays. Rarely: it looks at all that waits."""
        kept: dict[object, RawEvent | MarketState] = {}
        for place, one in enumerate(self._waiting):
            if not isinstance(one, RawEvent) or one.body is None or one.callback.name not in _ITEMS:
                kept[place] = one
                continue
            key = one.callback.name, self._name(one.callback.name, one.body)
            if key in kept:
                self._passed[key] = self._passed.get(key, 0) + 1
            kept[key] = one
        self._waiting = deque(kept.values())
        self._most_waiting = max(_MOST_WAITING, 2 * len(kept))
