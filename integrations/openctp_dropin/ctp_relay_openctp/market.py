"""A relay's market data behind CThostFtdcMdApi: of the program's own trader session, or of one that is made for it."""

from __future__ import annotations

import threading
from typing import Any

from ctp_relay_openctp.api_life import ApiLife, api_of
from ctp_relay_openctp.methods import spi_class
from ctp_relay_openctp.trader import collected_here, edition_of
from ctp_relay_openctp.traders import FRONTS
from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Interface, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from terminal_client.trader_front import MarketFront, ResumeType, TraderFront

MARKET_MODULE = "openctp_ctp.thostmduserapi"
_MOST_ARGUMENTS = 4
"""of CreateFtdcMdApi: the flow path, UDP, multicast, and whether it is the production edition"""
_WAIT_SECONDS = 3.0
"""for a trader API of the program's own, before one is made for its market data"""


class RelayMarket:
    """One MarketFront, started."""

    def __init__(self, life: ApiLife, fronts: list[str]) -> None:
        self._life = life
        self._fronts = fronts
        self._market = MarketFront(life.settings, life.caller.put)
        self._own: TraderFront | None = None
        self._is_over = False
        self._following = False
        self._market.connect(fronts)

    @property
    def trading_day(self) -> str:
        return self._market.trading_day

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        code = self._market.call(method, body, request_id)
        if code == 0 and method.name == "ReqUserLogin" and not self._following:
            self._following = True
            values = layout.unpack(load_catalog().structs[method.struct], bytes(body))
            threading.Thread(target=self._follow, args=(values,), name="market-follow", daemon=True).start()
        return code

    def _follow(self, values: dict[str, Any]) -> None:
        """Follow the program's trader, or a session of the market data's own where the login names a user and password."""
        can_log_in = bool(values["UserID"] and values["Password"] and self._life.settings.app_id)
        trader = FRONTS.newest(_WAIT_SECONDS if can_log_in else None)
        if trader is None:
            trader = self._own = self._own_trader(values)
        if self._is_over:
            self.release()
        else:
            self._market.follow(trader)

    def _own_trader(self, values: dict[str, Any]) -> TraderFront:
        methods, structs = load_catalog().methods, load_catalog().structs
        login = methods["ReqUserLogin"]
        settings = self._life.settings

        def hear(item: RawEvent) -> None:
            if item.callback.name == "OnFrontConnected":
                front.call(login, layout.pack(structs[login.struct], values), 0)

        edition = edition_of(self._life)
        front = TraderFront(settings, hear, collecting=lambda: collected_here(settings, edition))
        front.connect(self._fronts, ResumeType.NONE, ResumeType.NONE)
        return front

    def report(self, method: Method, _body: bytes | bytearray) -> int:
        raise AttributeError(f"CThostFtdcMdApi has no {method.name}")

    def subscribe(self, name: str, instruments: list[bytes]) -> int:
        return self._market.subscribe(name, [one.decode("ascii", "replace") for one in instruments])

    def front_info(self) -> tuple[str, int, int]:
        return self._fronts[0], 0, 0

    def join(self) -> None:
        self._market.join()

    def release(self) -> None:
        self._is_over = True
        self._market.release()
        own, self._own = self._own, None
        if own is not None:
            own.release()


def market_classes() -> dict[str, type[Any]]:
    """CThostFtdcMdApi and CThostFtdcMdSpi."""
    catalog = load_catalog(Interface.MARKET_DATA)
    api = api_of(catalog, MARKET_MODULE, RelayMarket, _MOST_ARGUMENTS, {})
    return {"CThostFtdcMdApi": api, "CThostFtdcMdSpi": spi_class(catalog, MARKET_MODULE)}
