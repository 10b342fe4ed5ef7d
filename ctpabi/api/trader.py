"""The vendor's TraderApi: connect, call, report.

Theory of operation
-------------------
One `TraderApi` is one connection of one user. Three kinds of thread meet here:

* the owner's thread (an event loop's, or a plain program's) calls `call` and `report`. Both return at once with the
  library's return code. The answer comes later, as a callback with the same request id (CTP facts 3 and 52);
* the vendor's thread calls the Spi (`ctpabi.api.spi`), which copies and puts. It never enters this module;
* the making thread and the releasing thread (`ctpabi.api.instance`) change whether there is an instance at all.

Before Init, and after `release` has begun, no call enters the library: it is answered with the code that the library
gives without a connection (CTP facts 14 and 37). So an owner needs one way to handle "not now", and none to ask for
the state.

A struct is filled by one memmove of its bytes, never by the binding's setters: they encode UTF-8 where CTP wants
GB18030, and they reject binary content (CTP fact 82). What a method needs for this is looked up at its first call and kept.

The library connects again by itself for as long as the instance lives, also after a logout (CTP facts 12 and 13).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ctpabi.api.binding import Binding
from ctpabi.api.instance import ApiInstance
from ctpabi.api.spi import Put, spi_registration
from ctpabi.catalog import Method

RESTART = 0
"""THOST_TERT_RESTART: a topic's whole trading day, again after every login"""
QUICK = 2
"""THOST_TERT_QUICK: a topic's notices from the login on"""


class TraderApi(ApiInstance):
    """One TraderApi, made by `connect`. `put` gets every callback, on the vendor's thread.

    The rules that keep the process alive are those of `ApiInstance`.
    """

    def __init__(self, binding: Binding, flow_folder: Path, put: Put, *, production: bool = True) -> None:
        """`flow_folder` belongs to this instance alone. `production` False is the evaluation edition (评测).

        Raises OSError where there is no room for the folder.
        """
        super().__init__(spi_registration(binding.tdapi.CThostFtdcTraderSpi, binding.catalog, put), flow_folder)
        self._binding = binding
        self._production = production
        self._prepared: dict[str, tuple[Callable[..., Any], Callable[[], Any], int]] = {}
        """method name -> the instance's function, its struct's class, the struct's size"""

    def connect(self, fronts: Sequence[str], private_topic: int, public_topic: int = RESTART) -> None:
        """Make the instance and connect to one of `fronts` (tcp://host:port), again whenever the connection is lost.

        Returns at once. Without a front the instance is made and connects to nothing.
        """

        def prepare(api: Any) -> None:
            api.SubscribePrivateTopic(private_topic)
            api.SubscribePublicTopic(public_topic)
            for front in fronts:
                api.RegisterFront(front)

        create = self._binding.tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi
        edition = (self._production,) if self._binding.catalog.distribution.has_editions else ()
        self._start(lambda path: create(path, *edition), prepare)

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        """Call one Req…; `body` is the struct's bytes. Returns 0, -1, -2 or -3; without an instance -1."""
        if self._released or self._api is None:
            return -1
        function, new_struct, size = self._prepared.get(method.name) or self._prepare(method)
        return int(function(_filled(new_struct, size, body), request_id))

    def report(self, method: Method, body: bytes) -> int:
        """Call Register… or Submit…. Returns 0 or a negative code; without an instance -4, as without a login."""
        return self.unwrap_report(method, body)[0]

    def unwrap_report(self, method: Method, body: bytes) -> tuple[int, bytes]:
        """Like `report`, with the struct's bytes as the call left them: it rewrites its argument.

        The struct is a fresh one for every call. The library refuses what it has already rewritten with -6.
        """
        if self._released or self._api is None:
            return -4, body
        function, new_struct, size = self._prepared.get(method.name) or self._prepare(method)
        struct = _filled(new_struct, size, body)
        return int(function(struct)), ctypes.string_at(int(struct.this), size)

    def front_info(self) -> tuple[int, int]:
        """(queries per second, packages per second) the front allows; 0 where it does not say, or the interface does not ask."""
        if self._released or self._api is None or "GetFrontInfo" not in self._binding.catalog.methods:
            return 0, 0
        field = self._binding.tdapi.CThostFtdcFrontInfoField()
        self._api.GetFrontInfo(field)
        return int(field.QryFreq), int(field.FTDPkgFreq)

    def _prepare(self, method: Method) -> tuple[Callable[..., Any], Callable[[], Any], int]:
        new_struct = getattr(self._binding.tdapi, f"CThostFtdc{method.struct}Field")
        size = self._binding.catalog.structs[method.struct].size
        found = self._prepared[method.name] = getattr(self._api, method.name), new_struct, size
        return found


def _filled(new_struct: Callable[[], Any], size: int, body: bytes | bytearray) -> Any:
    struct = new_struct()
    ctypes.memmove(int(struct.this), bytes(body), min(size, len(body)))
    return struct
