"""The front for market data: logins, subscriptions, and the depth of a market whenever it moved and on a clock.

As CTP's, it checks no password and confirms whatever is subscribed: an instrument that does not exist never ticks.
A trader's connection and one for market data come to the same address; the hello says which it is.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ctpabi.catalog import Shape
from ctpabi.codec import text
from ctpabi.shim.abi_headers import abi_hash
from ctpabi.shim.wire import Frame, FrameType, event_frame, json_frame
from simcounter.config import CounterConfig
from simcounter.connection import Connection
from simcounter.errors_text import ErrorId
from simcounter.events import RspInfo
from simcounter.kernel import Kernel
from simcounter.records import Records
from simcounter.session import Clock, Session, Values
from simcounter.trading.market import Market
from simcounter.trading.reference import depth_row

MAX_CONNECTIONS = 4096
MAX_BEHIND = 1 << 20
"""unsent bytes; a reader further behind misses ticks, because only the latest depth matters"""


@dataclass(slots=True)
class Viewer:
    """One market data connection."""

    connection: Connection
    session: Session
    logged_in: bool = False
    depth: set[str] = field(default_factory=set)
    """InstrumentIDs whose depth it sees"""
    quotes: set[str] = field(default_factory=set)
    """InstrumentIDs whose requests for quotes it sees"""


class MarketDataFront:
    """Owner of the connections of CThostFtdcMdApi."""

    def __init__(self, config: CounterConfig, kernel: Kernel, records: Records, clock: Clock) -> None:
        self._abi_hash = abi_hash(records.catalog)
        self._config = config
        self._kernel = kernel
        self._records = records
        self._clock = clock
        self._methods = {method.slot: method for method in records.catalog.methods.values()}
        self._slots = {callback.name: callback.slot for callback in records.catalog.callbacks.values()}
        self._requests: dict[str, Callable[[Viewer, Values, int], None]] = {
            "ReqUserLogin": self._log_in,
            "ReqUserLogout": self._log_out,
            "ReqQryMulticastInstrument": self._no_multicast,
        }
        self._subscriptions: dict[str, Callable[[Viewer, set[str]], None]] = {
            "SubscribeMarketData": self._show_depth,
            "UnSubscribeMarketData": lambda viewer, names: viewer.depth.difference_update(names),
            "SubscribeForQuoteRsp": lambda viewer, names: viewer.quotes.update(names),
            "UnSubscribeForQuoteRsp": lambda viewer, names: viewer.quotes.difference_update(names),
        }
        self._viewers: dict[int, Viewer] = {}
        self._shown: dict[str, tuple[Market, int]] = {}
        """by InstrumentID: the market and how often its book had changed when it was last shown"""
        self._next_session_id = config.first_session_id
        self._is_looking = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> list[Connection]:
        return [viewer.connection for viewer in self._viewers.values()]

    # Owner ----------------------------------------------------------------------------------------------------

    def greet(self, connection: Connection, hello: dict[str, object]) -> dict[str, object]:
        """The first frame; a shim of another version is refused."""
        if hello.get("abi_hash", self._abi_hash) != self._abi_hash:
            return {
                "ok": False,
                "why": f"the counter plays CTP {self._records.catalog.version}, this program has another",
            }
        if len(self._viewers) >= MAX_CONNECTIONS:
            return {"ok": False, "why": "too many connections"}
        session = Session(self._next_session_id, self._config.front_id, connection.peer_ip, connection.peer_port)
        self._next_session_id += 1
        connection.session = session
        self._viewers[session.session_id] = Viewer(connection, session)
        return {"ok": True, **self._state(is_logged_in=False)}

    def greeted(self, connection: Connection) -> None:
        """A market data front says nothing of itself."""

    def receive(self, connection: Connection, frame: Frame) -> None:
        session, method = connection.session, self._methods.get(frame.slot)
        viewer = self._viewers.get(session.session_id) if session is not None else None
        if viewer is None or method is None or frame.type is not FrameType.CALL:
            return
        if method.shape is Shape.SUBSCRIPTION:
            self._subscribe(viewer, method.name, [text.decode(name) for name in frame.body.split(b"\0") if name])
        elif method.name in self._requests:
            values = self._records.unpack(method.struct, frame.body)
            self._requests[method.name](viewer, values, frame.request_id)

    def lost(self, connection: Connection) -> None:
        if connection.session is not None:
            self._viewers.pop(connection.session.session_id, None)

    def cut_slow_reader(self, connection: Connection) -> None:
        """Happens to the answers of a reader that stands still; ticks it only misses."""

    # Requests -------------------------------------------------------------------------------------------------

    def _log_in(self, viewer: Viewer, values: Values, request_id: int) -> None:
        viewer.logged_in = True
        self._send_state(viewer)
        answer = {
            "TradingDay": self._kernel.access.trading_day,
            "LoginTime": self._clock().strftime("%H:%M:%S"),
            "BrokerID": values["BrokerID"],
            "UserID": values["UserID"],
            "SystemName": "SimulatedCounter",
            "FrontID": viewer.session.front_id,
            "SessionID": viewer.session.session_id,
        }
        self._answer(viewer, "OnRspUserLogin", answer, request_id)

    def _log_out(self, viewer: Viewer, values: Values, request_id: int) -> None:
        """The answer, and then the connection is cut, as a trader's is."""
        viewer.logged_in = False
        self._answer(viewer, "OnRspUserLogout", values, request_id)
        viewer.connection.close()

    def _no_multicast(self, viewer: Viewer, _values: Values, request_id: int) -> None:
        self._answer(viewer, "OnRspQryMulticastInstrument", None, request_id)

    def _subscribe(self, viewer: Viewer, method: str, names: list[str]) -> None:
        """Each name is confirmed by a callback of its own; the last one says so."""
        error_id = ErrorId.NONE if viewer.logged_in else ErrorId.NOT_LOGIN_YET
        callback = "OnRsp" + method.replace("Subscribe", "Sub")
        for number, name in enumerate(names, 1):
            is_last = number == len(names)
            self._answer(viewer, callback, {"InstrumentID": name}, 0, error_id, is_last=is_last)
        if viewer.logged_in:
            # Only what exists is kept: names cannot fill the memory.
            self._subscriptions[method](viewer, set(names) & self._markets.keys())

    def _show_depth(self, viewer: Viewer, names: set[str]) -> None:
        """From now on, beginning with the depth of this moment."""
        viewer.depth |= names
        for name in sorted(names):
            self._send_tick(viewer, self._tick(name))
        self._start_clock()

    # Ticks ----------------------------------------------------------------------------------------------------

    @property
    def _markets(self) -> dict[str, Market]:
        return self._kernel.desk.markets.by_id

    def look(self) -> None:
        """A market may have moved: what did is shown, once for all that happens in this turn of the loop."""
        if self._viewers and not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_soon(self._show_changes)

    def _show_changes(self) -> None:
        self._is_looking = False
        self._show(name for name in self._watched() if self._shown.get(name) != self._moment(name))

    def _watched(self) -> dict[str, list[Viewer]]:
        """Who sees which market; markets of another day may be gone."""
        watched: defaultdict[str, list[Viewer]] = defaultdict(list)
        for viewer in self._viewers.values():
            for name in viewer.depth & self._markets.keys():
                watched[name].append(viewer)
        return dict(sorted(watched.items()))

    def _moment(self, name: str) -> tuple[Market, int]:
        market = self._markets[name]
        return market, market.book.changes

    def _show(self, names: Iterable[str]) -> None:
        watched = self._watched()
        for name in names:
            tick = self._tick(name)
            for viewer in watched[name]:
                self._send_tick(viewer, tick)

    def _tick(self, name: str) -> bytes:
        self._shown[name] = self._moment(name)
        row = depth_row(self._markets[name], self._kernel.access.trading_day, self._clock)
        # CTP leaves the exchange out of what it pushes, although the struct has a field for it.
        body = self._records.echo("DepthMarketData", {**row, "ExchangeID": "", "ExchangeInstID": ""})
        return event_frame(self._slots["OnRtnDepthMarketData"], body, None, 0, is_last=True).encode()

    @staticmethod
    def _send_tick(viewer: Viewer, tick: bytes) -> None:
        if viewer.connection.unsent < MAX_BEHIND:
            viewer.connection.send(tick)

    def _start_clock(self) -> None:
        if self._timer is None and self._config.tick_milliseconds:
            seconds = self._config.tick_milliseconds / 1000
            self._timer = asyncio.get_running_loop().call_later(seconds, self._on_clock)

    def _on_clock(self) -> None:
        """Programs make their bars from the time in the ticks, so it must go on while nothing moves."""
        self._timer = None
        watched = self._watched()
        if watched:
            self._show(watched)
            self._start_clock()

    def announce_quote_request(self, values: Values, number: int) -> None:
        """Somebody asked the market makers for a quote."""
        now = self._clock()
        row = {
            "TradingDay": self._kernel.access.trading_day,
            "InstrumentID": values["InstrumentID"],
            "ForQuoteSysID": f"{number:>20}",
            "ForQuoteTime": now.strftime("%H:%M:%S"),
            "ActionDay": now.strftime("%Y%m%d"),
            "ExchangeID": values["ExchangeID"],
        }
        body = self._records.echo("ForQuoteRsp", row)
        frame = event_frame(self._slots["OnRtnForQuoteRsp"], body, None, 0, is_last=True).encode()
        for viewer in self._viewers.values():
            if values["InstrumentID"] in viewer.quotes:
                viewer.connection.send(frame)

    # Frames ---------------------------------------------------------------------------------------------------

    def _answer(
        self,
        viewer: Viewer,
        callback: str,
        values: Values | None,
        request_id: int,
        error_id: int = 0,
        *,
        is_last: bool = True,
    ) -> None:
        struct = self._records.catalog.callbacks[callback].struct
        body = self._records.echo(struct, values) if values is not None else None
        answer = RspInfo.of(error_id)
        info = self._records.pack("RspInfo", {"ErrorID": answer.error_id, "ErrorMsg": answer.error_msg})
        frame = event_frame(self._slots[callback], body, info, request_id, is_last=is_last)
        viewer.connection.send(frame.encode())

    def _send_state(self, viewer: Viewer) -> None:
        viewer.connection.send(json_frame(FrameType.STATE, self._state(is_logged_in=viewer.logged_in)).encode())

    def _state(self, *, is_logged_in: bool) -> dict[str, object]:
        return {"trading_day": self._kernel.access.trading_day, "logged_in": is_logged_in}
