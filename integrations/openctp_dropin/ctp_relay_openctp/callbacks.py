"""A callback's bytes as the objects that a Spi is called with, and what becomes of what the program raises in it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from ctp_relay_openctp.structs import field_classes, with_memory
from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Shape

_FAILED = 1


class SpiCaller:
    """Calls one Spi with what comes; without a Spi, nothing is called."""

    def __init__(self) -> None:
        self.spi: Any = None

    def put(self, item: RawEvent) -> None:
        """One callback, on the thread that brings it. What the program raises is shown, and the next callback comes."""
        spi = self.spi
        if spi is None:
            return
        try:
            getattr(spi, item.callback.name)(*_arguments(item))
        except SystemExit as leaving:
            leave(leaving)
        except BaseException:  # noqa: BLE001 — the program's own; the binding prints it and goes on
            traceback.print_exc()


def _arguments(item: RawEvent) -> tuple[Any, ...]:
    shape, classes = item.callback.shape, field_classes()
    if shape is Shape.CONNECTION:
        return () if item.callback.name == "OnFrontConnected" else (item.reason,)
    body = None if item.body is None else with_memory(classes[item.callback.struct], item.body)
    if shape is Shape.NOTICE:
        return (body,)
    info = None if item.rsp_info is None else with_memory(classes["RspInfo"], item.rsp_info)
    if shape is Shape.ERROR_NOTICE:
        return body, info
    if shape is Shape.RESPONSE_ERROR:
        return info, item.request_id, item.is_last
    return body, info, item.request_id, item.is_last


def leave(leaving: SystemExit, end: Callable[[int], NoReturn] = os._exit) -> None:
    """End the process as `exit()` in a callback is meant: on this thread the interpreter's own way does not end it.

    The binding aborts the process there; here it ends with the program's own exit status.
    """
    code = leaving.code
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = _FAILED
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    end((code or 0) & 0xFF)
