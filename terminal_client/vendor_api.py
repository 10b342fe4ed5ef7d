"""The vendor's TraderApi inside this process, without what makes it crash or crawl.

Callbacks run on the vendor's threads: they copy bytes and wake the loop once a burst, nothing else. The vendor's
rules kept here: Init and Release one at a time, a flow folder of one's own that exists, the Spi kept alive,
RegisterSpi(None) before Release, and Release before the process ends.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctpabi.api import binding
from ctpabi.catalog import Callback, Method, Shape

PRIVATE_RESTART = 0
"""THOST_TERT_RESTART: the day's notices, again after every login"""
PRIVATE_QUICK = 2
"""THOST_TERT_QUICK: from the login on"""

_one_at_a_time = threading.Lock()
_unreleased: weakref.WeakSet[VendorApi] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Copied:
    """One callback with its own copy of the bytes."""

    callback: Callback
    body: bytes | None = None
    rsp_info: bytes | None = None
    request_id: int = 0
    is_last: bool = True
    reason: int = 0
    """of a disconnect"""


class Crossing:
    """From the vendor's threads into the event loop, in order, one wake-up a burst."""

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[Copied], None]) -> None:
        self._loop = loop
        self._take = take
        self._waiting: deque[Copied] = deque()
        self._announced = False

    def put(self, item: Copied) -> None:
        """On a vendor thread."""
        self._waiting.append(item)
        # Set before the call and cleared before emptying: an item put in between announces itself again.
        if self._announced or self._loop.is_closed():
            return
        self._announced = True
        self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._announced = False
        while self._waiting:
            self._take(self._waiting.popleft())


class VendorApi:
    """One TraderApi; `take` gets every callback on the loop."""

    def __init__(self, flow_folder: Path, loop: asyncio.AbstractEventLoop, take: Callable[[Copied], None]) -> None:
        self._binding = binding.load()
        flow_folder.mkdir(parents=True, exist_ok=True)
        self._spi = spi(self._binding, Crossing(loop, take).put)
        self._api = self._binding.tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi(f"{flow_folder}/")
        self._api.RegisterSpi(self._spi)
        self._released = False
        _unreleased.add(self)

    def connect(self, fronts: Sequence[str], private_topic: int) -> None:
        """Connect in the background, and again whenever the connection is lost."""
        self._api.SubscribePrivateTopic(private_topic)
        self._api.SubscribePublicTopic(private_topic)
        for front in fronts:
            self._api.RegisterFront(front)
        with _one_at_a_time:
            self._api.Init()

    def call(self, method: Method, body: bytes, request_id: int) -> int:
        """The method's return code; -1 once released."""
        if self._released:
            return -1
        struct = getattr(self._binding.tdapi, f"CThostFtdc{method.struct}Field")()
        # Not by the binding's setters: they encode UTF-8 where CTP wants GB18030.
        ctypes.memmove(binding.struct_pointer(struct), body, len(body))
        return int(getattr(self._api, method.name)(struct, request_id))

    def release(self) -> None:
        """No more callbacks, no more threads; may be called again. Blocks: not for the loop's thread."""
        with _one_at_a_time:
            if self._released:
                return
            self._released = True
            self._api.RegisterSpi(None)
            self._api.Release()
        _unreleased.discard(self)


def spi(loaded: binding.Binding, put: Callable[[Copied], None]) -> Any:
    """A Spi that copies every callback of the catalog to `put`."""
    members: dict[str, Any] = {
        callback.name: _copier(loaded, callback, put) for callback in loaded.catalog.callbacks.values()
    }
    return type("CopyingSpi", (loaded.tdapi.CThostFtdcTraderSpi,), members)()


def _copier(loaded: binding.Binding, callback: Callback, put: Callable[[Copied], None]) -> Callable[..., None]:
    structs = loaded.catalog.structs
    size = structs[callback.struct].size if callback.struct else 0
    info_size = structs["RspInfo"].size

    def copied(struct: Any, count: int) -> bytes | None:
        return ctypes.string_at(binding.struct_pointer(struct), count) if struct is not None else None

    def connected(_: Any) -> None:
        _keep_thread_state()
        put(Copied(callback))

    match callback.shape:
        case Shape.RESPONSE:
            return lambda _, row, info, number, last: put(
                Copied(callback, copied(row, size), copied(info, info_size), number, last)
            )
        case Shape.RESPONSE_ERROR:
            return lambda _, info, number, last: put(Copied(callback, None, copied(info, info_size), number, last))
        case Shape.ERROR_NOTICE:
            return lambda _, row, info: put(Copied(callback, copied(row, size), copied(info, info_size)))
        case Shape.NOTICE:
            return lambda _, row: put(Copied(callback, copied(row, size)))
        case _ if callback.name == "OnFrontConnected":
            return connected
        case _:
            return lambda _, reason=0: put(Copied(callback, reason=reason))


def _keep_thread_state() -> None:
    """Hold on to this vendor thread's Python state, or CPython makes and frees one around every callback (5-8 µs)."""
    ctypes.pythonapi.PyGILState_Ensure()


@atexit.register
def _release_all() -> None:
    """A process that ends while API threads call into it can abort."""
    for api in list(_unreleased):
        api.release()
