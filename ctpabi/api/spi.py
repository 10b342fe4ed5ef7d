"""What runs on the vendor's threads: copy the struct's bytes, put them in the inbox, return.

Nothing here may block, raise or keep a pointer: the API reuses its buffers after every callback, and a
blocked callback stops the heartbeats of that connection.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ctpabi.api.binding import Binding
from ctpabi.catalog import Callback, Catalog, Shape

Put = Callable[["RawEvent"], None]


@dataclass(frozen=True, slots=True)
class RawEvent:
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


def make_spi(binding: Binding, put: Put) -> Any:
    """An instance of CThostFtdcTraderSpi with every callback of the catalog forwarding to `put`.

    The caller must keep a reference for as long as the API may call: RegisterSpi does not.
    """
    catalog = binding.catalog
    methods = {callback.name: _forwarder(catalog, callback, put) for callback in catalog.callbacks.values()}
    return type("ForwardingSpi", (binding.tdapi.CThostFtdcTraderSpi,), methods)()


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
    """Keep this foreign thread's Python state between callbacks.

    Without it CPython 3.11 and later create and destroy a thread state around every single callback, which
    costs 5-8 microseconds and several times the callback rate. One state per API thread is kept until exit.
    """
    ctypes.pythonapi.PyGILState_Ensure()
