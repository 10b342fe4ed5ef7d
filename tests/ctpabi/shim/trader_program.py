"""What the programs of the shim's tests have in common: the unmodified binding and a Spi that notes every callback.

Run as `python trader_program.py FRONT` with the program itself on standard input; it prints its findings as JSON lines.
"""

from __future__ import annotations

import ctypes
import json
import queue
import sys
from typing import Any

from openctp_ctp import tdapi

DEADLINE_SECONDS = 20.0
FRONT = sys.argv[1] if len(sys.argv) > 1 else ""


def _noted(name: str) -> Any:
    def note(self: Any, *arguments: Any) -> None:
        try:
            self.react(name, *arguments)
        finally:
            self.noted.put((name, *arguments))

    return note


class _Spy(tdapi.CThostFtdcTraderSpi):  # type: ignore[misc]
    """Every callback goes into `noted`, after `react` has run, on CTP's thread."""

    api: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.noted: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def react(self, name: str, *arguments: Any) -> None:
        pass

    def wait(self, name: str) -> tuple[Any, ...]:
        """The arguments of the next callback, which must be this one."""
        came, *arguments = self.noted.get(timeout=DEADLINE_SECONDS)
        assert came == name, f"{came} came, {name} was expected"
        return tuple(arguments)


Spy: Any = type(
    "Spy", (_Spy,), {name: _noted(name) for name in dir(tdapi.CThostFtdcTraderSpi) if name.startswith("On")}
)


def create(front: str = FRONT, spy: Any = None) -> tuple[Any, Any]:
    """An API instance on its way to `front`, and its Spi."""
    spy = spy or Spy()
    api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi("")
    spy.api = api
    api.RegisterSpi(spy)
    if front:
        api.RegisterFront(front)
    api.Init()
    return api, spy


def connect(front: str = FRONT, spy: Any = None) -> tuple[Any, Any]:
    """The same, connected."""
    api, spy = create(front, spy)
    spy.wait("OnFrontConnected")
    return api, spy


def report_of(blob: bytes, length: int | None = None) -> Any:
    """A UserSystemInfo struct holding `blob`, which the binding's setters cannot carry."""
    record = tdapi.CThostFtdcUserSystemInfoField()
    record.BrokerID, record.UserID, record.ClientAppID = "9999", "100001", "terminal_1.0"
    record.ClientSystemInfoLen = len(blob) if length is None else length
    ctypes.memmove(int(record.this) + 32, blob, len(blob))
    return record


def header_of(record: Any) -> bytes:
    """The first 16 bytes of the report's content, as they are now."""
    return ctypes.string_at(int(record.this) + 32, 16)


def say(*findings: Any) -> None:
    """One JSON line for the test."""
    sys.stdout.write(json.dumps(findings) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    exec(compile(sys.stdin.read(), "<program>", "exec"), globals())
