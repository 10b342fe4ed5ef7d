"""One instance of the vendor's TraderApi, and the rules for handling it without crashing the process.

Sources: the vendor's API pages for Init, Release and CreateFtdcTraderApi; the measurements in
`docs/simulated-counter.md`. Init and Release are not thread-safe across instances, a missing flow directory
kills the process, a garbage-collected Spi is called all the same.

Release was seen to take 2 s, and the others wait for it. So an instance is made on a thread of its own: the event
loop never waits for another instance's end.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctpabi.api.binding import Binding
from ctpabi.api.spi import Put, make_spi
from ctpabi.catalog import Method

RESTART = 0
"""THOST_TERT_RESTART: the private topic replays the whole trading day"""

_lifecycle = threading.Lock()
_open: weakref.WeakSet[TraderApi] = weakref.WeakSet()


class TraderApi:
    """One instance, made by `connect`; `flow_dir` is its own, nobody else's."""

    def __init__(self, binding: Binding, flow_dir: Path, put: Put, *, production: bool = True) -> None:
        """OSError where there is no room for the flow directory."""
        flow_dir.mkdir(parents=True, exist_ok=True)  # the vendor's library crashes where it is missing
        self._structs: dict[str, Any] = {}
        self._binding = binding
        self._flow_dir = flow_dir
        self._production = production
        self._spi = make_spi(binding, put)
        self._api: Any = None
        self._calls: dict[str, Any] = {}
        self._released = False
        self.made = threading.Event()
        """set when the instance is there; until then it answers like one without a connection"""

    def connect(self, fronts: Sequence[str], private_topic: int) -> None:
        """Make the instance, subscribe to the topics, name the fronts and start the API's threads; returns at once."""
        making = threading.Thread(target=self._make, args=(fronts, private_topic), name="make api", daemon=True)
        making.start()

    def _make(self, fronts: Sequence[str], private_topic: int) -> None:
        with _lifecycle:
            if self._released:
                return
            kind = self._binding.tdapi.CThostFtdcTraderApi
            api = kind.CreateFtdcTraderApi(f"{self._flow_dir}/", self._production)
            api.RegisterSpi(self._spi)
            api.SubscribePrivateTopic(private_topic)
            api.SubscribePublicTopic(RESTART)
            for front in fronts:
                api.RegisterFront(front)
            self._api = api  # before Init: its threads may call back at once, and are answered with calls
            _open.add(self)
            api.Init()
            self.made.set()

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        """Call one Req…; `body` is the struct's bytes. Returns 0, -1, -2 or -3 (-1 before it is made and after `release`)."""
        if self._released or self._api is None:
            return -1
        return int(self._bound(method)(self._struct(method.struct, body), request_id))

    def report(self, method: Method, body: bytes) -> int:
        """Call Register… or Submit…; always with a struct of its own, since the call rewrites its memory.

        After `release` it answers -4, as a library does that lost its connection and with it who it is.
        """
        if self._released or self._api is None:
            return -4
        return int(self._bound(method)(self._struct(method.struct, body)))

    def front_info(self) -> tuple[int, int]:
        """(queries per second, packages per second) the front allows; 0 where it does not say."""
        if self._api is None:
            return 0, 0
        field = self._binding.tdapi.CThostFtdcFrontInfoField()
        self._api.GetFrontInfo(field)
        return int(field.QryFreq), int(field.FTDPkgFreq)

    def release(self) -> None:
        """Stop the API's threads and free it; idempotent. Blocks shortly: not for the event loop's thread."""
        if self._released:
            return
        self._released = True
        with _lifecycle:
            if self._api is None:
                return
            self._api.RegisterSpi(None)  # before Release: late callbacks into a freed Spi crash
            self._api.Release()
        _open.discard(self)

    def _bound(self, method: Method) -> Any:
        bound = self._calls.get(method.name)
        if bound is None:
            bound = self._calls[method.name] = getattr(self._api, method.name)
        return bound

    def _struct(self, name: str, body: bytes | bytearray) -> Any:
        kind = self._structs.get(name)
        if kind is None:
            kind = self._structs[name] = getattr(self._binding.tdapi, f"CThostFtdc{name}Field")
        struct = kind()
        size = self._binding.catalog.structs[name].size
        # Never the binding's setters: they encode UTF-8 where CTP wants GB18030 and reject binary.
        ctypes.memmove(int(struct.this), bytes(body), min(size, len(body)))
        return struct


@atexit.register
def _release_all() -> None:
    """A process that exits with running API threads may abort; whatever is still open is released first."""
    for api in list(_open):
        api.release()
