"""The native road across: the vendor's threads call an Spi in C++, which copies without the interpreter's lock.

Theory of operation
-------------------
It takes the place of `ctpabi.api.inbox` and `ctpabi.api.spi` together, and gives the same events in the same order.

* The native Spi is part of the queue, which `NativePut` keeps. `ApiInstance` keeps that until the instance is released, so the vendor's
  code never calls what is gone.
* The binding's own RegisterSpi registers it, so no slot of the API need be known: a proxy of the binding's stands for it during that
  call, and has another address then. Where its memory is not as it is known to be, nothing is registered.
* The queue wakes the loop by a descriptor, once for a burst. `close` takes the descriptor from the loop and closes it, because the objects
  of a session that failed live until the garbage collector comes; what comes later is forgotten.
* At most `limit` events wait, and `overflowed` says so, as in `ctpabi.api.inbox`.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any

from ctpabi.api.inbox import Inbox
from ctpabi.api.instance import ApiInstance
from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Shape
from ctpabi.native.events import NativeEvents

EVENTS_WAITING = 200_000
"""of one instance, unless said otherwise"""
_POINTER_AT = 16
"""where a SwigPyObject keeps the address that it stands for: behind the reference count and the type"""


class NativePut:
    """Where a native Spi puts what it hears. Called with an event, it does as the vendor's thread does."""

    def __init__(self, native: NativeEvents, limit: int) -> None:
        self.queue = native.queue(RawEvent, limit)
        self._native = native

    def __call__(self, event: RawEvent) -> None:
        """Through the slot of its callback. Raises ValueError where a struct has another size than the catalog's."""
        callback, structs = event.callback, self._native.catalog.structs
        body = _memory(event.body, structs[callback.struct].size if callback.struct else 0)
        rsp_info = _memory(event.rsp_info, structs["RspInfo"].size)
        first, second = (ctypes.addressof(one) if one is not None else 0 for one in (body, rsp_info))
        number = event.request_id & 0xFFFF_FFFF
        arguments = {
            Shape.RESPONSE: (first, second, number, int(event.is_last)),
            Shape.RESPONSE_ERROR: (second, number, int(event.is_last), 0),
            Shape.ERROR_NOTICE: (first, second, 0, 0),
            Shape.NOTICE: (first, 0, 0, 0),
            Shape.CONNECTION: (event.reason & 0xFFFF_FFFF, 0, 0, 0),
        }
        self._native.call_slot(self.queue.address, callback.slot, *arguments[callback.shape])

    def register_at(self, api: Any, spi_class: type) -> None:
        """Register the native Spi at an API of the binding's. Raises RuntimeError where the binding's proxies are not as they are known."""
        proxy: Any = spi_class()
        kept = ctypes.c_void_p.from_address(id(proxy.this) + _POINTER_AT)
        own = int(proxy.this)
        if kept.value != own:
            raise RuntimeError("the binding's proxies keep their addresses elsewhere: set counter.native to off")
        kept.value = self.queue.address
        try:
            api.RegisterSpi(proxy)
        finally:
            kept.value = own


class NativeInbox:
    """As `Inbox`, for the events of one API instance."""

    def __init__(
        self,
        native: NativeEvents,
        loop: asyncio.AbstractEventLoop,
        on_burst: Callable[[list[RawEvent]], None],
        limit: int,
    ) -> None:
        self.put = NativePut(native, limit)
        self._queue = self.put.queue
        self._loop = loop
        self._on_burst = on_burst
        self._descriptor: int | None = self._queue.descriptor
        loop.add_reader(self._descriptor, self._drain)

    @property
    def overflowed(self) -> bool:
        """See `Inbox.overflowed`."""
        return self._queue.overflowed

    def close(self) -> None:
        """Pass on nothing more; on the loop. May be called again."""
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = None
        self._queue.shut()  # and closes it

    def _drain(self) -> None:
        self._on_burst(self._queue.take())


EventInbox = Inbox[RawEvent] | NativeInbox
NewInbox = Callable[[asyncio.AbstractEventLoop, Callable[[list[RawEvent]], None]], EventInbox]


def event_inbox(
    loop: asyncio.AbstractEventLoop,
    on_burst: Callable[[list[RawEvent]], None],
    limit: int = EVENTS_WAITING,
    *,
    native: NativeEvents | None = None,
) -> EventInbox:
    """The crossing for one API instance; without `native` it is Python's."""
    return Inbox(loop, on_burst, limit) if native is None else NativeInbox(native, loop, on_burst, limit)


async def released(api: ApiInstance, inbox: EventInbox) -> None:
    """Release the instance, and hear nothing of it any more."""
    try:
        await asyncio.to_thread(api.release)
    finally:
        inbox.close()


def _memory(content: bytes | None, size: int) -> ctypes.Array[ctypes.c_char] | None:
    if content is None:
        return None
    if len(content) != size:
        raise ValueError(f"the struct has {size} bytes, not {len(content)}")
    return ctypes.create_string_buffer(content, size)
