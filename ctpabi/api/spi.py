"""What runs on the vendor's threads: copy the struct's bytes, put them where the owner takes them, return.

Theory of operation
-------------------
The library calls each instance's Spi on one thread of its own, one callback at a time. So the order in which `put`
gets the events is the order in which they came from the counter (CTP fact 1).

* The pointers in a callback are valid until it returns; the library then uses the same buffers again. The bytes are
  copied here, and no pointer leaves this module (CTP fact 2).
* A callback must return quickly. While it runs, this connection's heartbeats wait, and after some seconds the counter
  ends the connection. So nothing here blocks, decodes or decides, and `put` must not either.
* A callback must not raise: the exception would pass through the vendor's C++ code. `put` must not raise.
* Every callback of the catalog is forwarded, so that the reader and not this module decides what is of interest.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ctpabi.catalog import Callback, Catalog, Shape

Put = Callable[["RawEvent"], None]


@runtime_checkable
class HasSpi(Protocol):
    """Takes events from an Spi of its own; `ctpabi.api.native_inbox`."""

    def register_at(self, api: Any, spi_class: type) -> None: ...


class RawEvent(NamedTuple):
    """One callback as it came, copied."""

    callback: Callback
    body: bytes | None
    rsp_info: bytes | None
    """CThostFtdcRspInfoField's bytes"""
    request_id: int = 0
    is_last: bool = True
    reason: int = 0
    """the int of OnFrontDisconnected and OnHeartBeatWarning"""

    @property
    def error(self) -> tuple[int, bytes]:
        """(ErrorID, ErrorMsg in GB18030 up to its NUL); (0, b"") where the API passed NULL."""
        if self.rsp_info is None:
            return 0, b""
        return int.from_bytes(self.rsp_info[:4], "little", signed=True), self.rsp_info[4:].partition(b"\0")[0]


def make_spi(spi_class: type, catalog: Catalog, put: Put) -> Any:
    """An instance of the binding's `spi_class` that forwards every callback of `catalog` to `put`.

    The caller must keep a reference for as long as the API may call: RegisterSpi does not.
    """
    methods = {callback.name: _forwarder(catalog, callback, put) for callback in catalog.callbacks.values()}
    return type("ForwardingSpi", (spi_class,), methods)()


def spi_registration(spi_class: type, catalog: Catalog, put: Put) -> Callable[[Any], None]:
    """What registers an Spi at an API, and references it: one in Python, unless `put` has its own."""
    own: object = put
    if isinstance(own, HasSpi):
        return lambda api: own.register_at(api, spi_class)
    spi = make_spi(spi_class, catalog, put)

    def register(api: Any) -> None:
        api.RegisterSpi(spi)

    return register


def _forwarder(catalog: Catalog, callback: Callback, put: Put) -> Callable[..., None]:
    size = catalog.structs[callback.struct].size if callback.struct else 0
    rsp_size = catalog.structs["RspInfo"].size
    copy = ctypes.string_at

    def body(pointer: Any) -> bytes | None:
        return None if pointer is None else copy(int(pointer.this), size)

    def rsp_info(pointer: Any) -> bytes | None:
        return None if pointer is None else copy(int(pointer.this), rsp_size)

    def response(_self: Any, data: Any, rsp: Any, request_id: int, is_last: bool) -> None:
        put(RawEvent(callback, body(data), rsp_info(rsp), request_id, is_last))

    def response_error(_self: Any, rsp: Any, request_id: int, is_last: bool) -> None:
        put(RawEvent(callback, None, rsp_info(rsp), request_id, is_last))

    def error_notice(_self: Any, data: Any, rsp: Any) -> None:
        put(RawEvent(callback, body(data), rsp_info(rsp)))

    def notice(_self: Any, data: Any) -> None:
        put(RawEvent(callback, body(data), None))

    def connection(_self: Any, reason: int = 0) -> None:
        put(RawEvent(callback, None, None, reason=reason))

    def connected(_self: Any) -> None:
        pin_thread()
        put(RawEvent(callback, None, None))

    if callback.name == "OnFrontConnected":
        return connected
    by_shape: dict[Shape, Callable[..., None]] = {
        Shape.RESPONSE: response,
        Shape.RESPONSE_ERROR: response_error,
        Shape.ERROR_NOTICE: error_notice,
        Shape.NOTICE: notice,
        Shape.CONNECTION: connection,
    }
    return by_shape[callback.shape]


def pin_thread() -> None:
    """Keep this foreign thread's Python state between callbacks; called once, when the front is connected.

    Without it CPython 3.11 and later create and destroy a thread state around every callback. That costs 5-8
    microseconds each. One state for each API thread is kept until the process ends.
    """
    ctypes.pythonapi.PyGILState_Ensure()
