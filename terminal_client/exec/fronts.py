"""The front behind an instance: which relay, and as which terminal software, by what the user set and the program said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Interface, Method
from terminal_client.exec.instance import CarriedFront, ProgramRefused
from terminal_client.trader_front import FrontSettings, SettingsUnusable, TraderFront, is_relay_front

_PUT_BEFORE_IT = "tcp://"
"""what vn.py puts before an address that it does not know"""


class Fronts:
    """Opens the fronts of one program."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings

    def open_front(
        self, interface: Interface, hello: Mapping[str, Any], put: Callable[[RawEvent], None]
    ) -> CarriedFront:
        """See `instance.OpenFront`."""
        if interface is Interface.MARKET_DATA:
            raise ProgramRefused("no market data comes through the relay")
        settings = self._for(hello)
        address = settings.front or relay_in(str(hello.get("front", "")))
        if not address:
            raise ProgramRefused(
                f"{hello.get('front')} is no relay: set `relay` in ctp-terminal's settings, or register relay://HOST:PORT"
            )
        front = CarriedTrader(settings, put)
        try:
            front.connect([address], _topic(hello, "private_topic"), _topic(hello, "public_topic"))
        except SettingsUnusable as error:
            raise ProgramRefused(str(error)) from error
        return front

    def _for(self, hello: Mapping[str, Any]) -> FrontSettings:
        """The program brings the vendor's library, which collects where no other was set."""
        vendor = str(hello.get("vendor_library", ""))
        if self._settings.collector is not None or not vendor:
            return self._settings
        return dataclasses.replace(self._settings, collector=Path(vendor))


class CarriedTrader(TraderFront):
    """A trader's front; it has nothing to subscribe."""

    def subscribe(self, method: Method, names: list[str]) -> int:
        del method, names
        return -1


def relay_in(address: str) -> str:
    """relay://HOST:PORT, where the program registered it; empty where it registered another front."""
    bare = address.removeprefix(_PUT_BEFORE_IT)
    return bare if is_relay_front(bare) else ""


def _topic(hello: Mapping[str, Any], name: str) -> int:
    given = hello.get(name)
    return given if given in {0, 1, 2, 3} else 0
