"""The front behind an instance: which relay, and as which terminal software, by what the user set and the program said.

Market data belongs to a trader's session at the relay. So an instance for it follows the newest trader of the program,
also one that comes later; a program that has none gets a session of the market data's own, where its login has a password.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Interface, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from terminal_client.exec.instance import CarriedFront, ProgramRefused
from terminal_client.trader_front import FrontSettings, MarketFront, ResumeType, SettingsUnusable, TraderFront
from terminal_client.trader_front.settings import address_of, is_relay_front

_PUT_BEFORE_IT = "tcp://"
"""what vn.py puts before an address that it does not know"""
_WAIT_SECONDS = 3.0
"""for a trader of the program, before market data gets a session of its own"""


class Fronts:
    """Opens the fronts of one program."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._traders: list[CarriedTrader] = []
        self._waiting: list[CarriedMarket] = []

    def open_front(
        self, interface: Interface, hello: Mapping[str, Any], put: Callable[[RawEvent], None]
    ) -> CarriedFront:
        """See `instance.OpenFront`."""
        settings = self._for(hello)
        try:
            address_of(settings.front)
        except SettingsUnusable as error:
            raise ProgramRefused(str(error)) from error
        if interface is Interface.MARKET_DATA:
            return CarriedMarket(self, settings, put)
        trader = CarriedTrader(self, settings, put)
        trader.connect([], _topic(hello, "private_topic"), _topic(hello, "public_topic"))
        self._begin(trader)
        return trader

    def _for(self, hello: Mapping[str, Any]) -> FrontSettings:
        """Where no collector was set, the vendor's library that the program brings collects."""
        registered, vendor = str(hello.get("front", "")), str(hello.get("vendor_library", ""))
        front = self._settings.front or relay_in(registered)
        if not front:
            raise ProgramRefused(
                f"{registered} is no relay: set `relay` in ctp-terminal's settings, or register relay://HOST:PORT"
            )
        collector = self._settings.collector or (Path(vendor) if vendor else None)
        return dataclasses.replace(self._settings, front=front, collector=collector)

    def _begin(self, trader: CarriedTrader) -> None:
        with self._lock:
            self._traders.append(trader)
            waiting, self._waiting = self._waiting, []
        for market in waiting:
            market.follow(trader)

    def end_trader(self, trader: CarriedTrader) -> None:
        """It is released."""
        with self._lock:
            if trader in self._traders:
                self._traders.remove(trader)

    def follow_newest(self, market: CarriedMarket) -> bool:
        """Let `market` follow the newest trader, or the next one that comes; whether there is one."""
        with self._lock:
            newest = self._traders[-1] if self._traders else None
            if newest is None:
                self._waiting.append(market)
        if newest is not None:
            market.follow(newest)
        return newest is not None

    def is_waiting(self, market: CarriedMarket) -> bool:
        """Whether no trader came for it; it waits no more."""
        with self._lock:
            found = market in self._waiting
            if found:
                self._waiting.remove(market)
            return found


class CarriedTrader(TraderFront):
    """A trader's front; it has nothing to subscribe."""

    def __init__(self, fronts: Fronts, settings: FrontSettings, put: Callable[[RawEvent], None]) -> None:
        super().__init__(settings, put)
        self._fronts = fronts

    def subscribe(self, method: Method, names: list[str]) -> int:
        del method, names
        return -1

    def release(self) -> None:
        self._fronts.end_trader(self)
        super().release()


class CarriedMarket:
    """The front of an instance for market data."""

    def __init__(self, fronts: Fronts, settings: FrontSettings, put: Callable[[RawEvent], None]) -> None:
        self._fronts = fronts
        self._settings = settings
        self._market = MarketFront(settings, put)
        self._own: TraderFront | None = None
        self._patience: threading.Timer | None = None
        self._market.connect([])

    @property
    def trading_day(self) -> str:
        return self._market.trading_day

    def front_info(self) -> tuple[str, int, int]:
        return self._settings.front, 0, 0

    def call(self, method: Method, body: bytes, request_id: int) -> int:
        if method.name == "ReqUserLogin" and self._own is None and not self._fronts.follow_newest(self):
            self._patience = threading.Timer(_WAIT_SECONDS, self._log_in_by_itself, [body])
            self._patience.start()
        return self._market.call(method, body, request_id)

    def subscribe(self, method: Method, names: list[str]) -> int:
        return self._market.subscribe(method.name, names)

    def follow(self, trader: TraderFront) -> None:
        """Its depths are those of this trader's sessions."""
        self._market.follow(trader)

    def _log_in_by_itself(self, body: bytes) -> None:
        """No trader came. Without an app id of the user's, or a password, depths come with a trader that comes later."""
        login = load_catalog().methods["ReqUserLogin"]
        values = layout.unpack(load_catalog(Interface.MARKET_DATA).structs[login.struct], body)
        settings = self._settings
        if not (values["UserID"] and values["Password"] and settings.app_id and settings.auth_code):
            return
        if not self._fronts.is_waiting(self):
            return

        def hear(item: RawEvent) -> None:
            if item.callback.name == "OnFrontConnected":
                own.call(login, body, 0)

        own = self._own = TraderFront(settings, hear)
        own.connect([], ResumeType.NONE, ResumeType.NONE)
        self._market.follow(own)

    def release(self) -> None:
        self._fronts.is_waiting(self)
        if self._patience is not None:
            self._patience.cancel()
            self._patience.join()
        self._market.release()
        if self._own is not None:
            self._own.release()


def relay_in(address: str) -> str:
    """relay://HOST:PORT, where the program registered it; empty where it registered another front."""
    bare = address.removeprefix(_PUT_BEFORE_IT)
    return bare if is_relay_front(bare) else ""


def _topic(hello: Mapping[str, Any], name: str) -> int:
    given = hello.get(name)
    return given if given in {0, 1, 2, 3} else 0
