"""The vendor's MdApi: connect, log in, subscribe.

Theory of operation
-------------------
It stands on `ctpabi.api.instance` as `ctpabi.api.trader` does, keeps the same four rules, and answers every call without a
connection with -1. Its login reports nothing: CTP asks for the system info of terminals where they trade. Subscriptions are
the connection's: after every login all of them are made anew.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctpabi.api.binding import MarketBinding
from ctpabi.api.instance import ApiInstance
from ctpabi.api.spi import Put, spi_registration
from ctpabi.catalog import Method


class MarketApi(ApiInstance):
    """One MdApi, made by `connect`. `put` gets every callback, on the vendor's thread.

    The rules that keep the process alive are those of `ApiInstance`.
    """

    def __init__(self, binding: MarketBinding, flow_folder: Path, put: Put, *, production: bool = True) -> None:
        """`flow_folder` belongs to this instance alone. `production` False is the evaluation edition (评测).

        Raises OSError where there is no room for the folder.
        """
        super().__init__(spi_registration(binding.mdapi.CThostFtdcMdSpi, binding.catalog, put), flow_folder)
        self._binding = binding
        self._production = production

    def connect(self, fronts: Sequence[str]) -> None:
        """Make the instance and connect to one of `fronts` (tcp://host:port), again whenever the connection is lost.

        Returns at once.
        """

        def prepare(api: Any) -> None:
            for front in fronts:
                api.RegisterFront(front)

        create = self._binding.mdapi.CThostFtdcMdApi.CreateFtdcMdApi
        no_udp = no_multicast = False
        edition = (self._production,) if self._binding.catalog.distribution.has_editions else ()
        self._start(lambda path: create(path, no_udp, no_multicast, *edition), prepare)

    def call(self, method: Method, body: bytes, request_id: int) -> int:
        """Call one Req…; `body` is the struct's bytes. Returns 0, -1, -2 or -3; without an instance -1."""
        if self._released or self._api is None:
            return -1
        struct = getattr(self._binding.mdapi, f"CThostFtdc{method.struct}Field")()
        size = self._binding.catalog.structs[method.struct].size
        ctypes.memmove(int(struct.this), body, min(size, len(body)))
        return int(getattr(self._api, method.name)(struct, request_id))

    def subscribe(self, method: str, instrument_ids: Sequence[bytes]) -> int:
        """Call SubscribeMarketData or one of its three siblings. Returns as `call`."""
        if self._released or self._api is None:
            return -1
        return int(getattr(self._api, method)(list(instrument_ids), len(instrument_ids)))
