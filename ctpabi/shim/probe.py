"""Whether the binding's methods and callbacks really use the vtable slots the catalog says.

A recording library takes the shim's place in a child process; every method is called once and every Spi slot is called
once. The shim is not used before this has found nothing wrong: a slot off by one would call something else, silently.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctpabi.catalog import Callback, Catalog, Interface, Method, Shape
from ctpabi.catalog.data import from_json, to_json
from ctpabi.shim import substitute

_TIMEOUT_SECONDS = 120
_ROOT = Path(__file__).parents[2]
_REQUEST_ID = 77_001
_NAMES = [b"rb2701", b"au2702", b"IF2612"]
_FAKE_RECORD, _FAKE_RSP_INFO = 0x1000, 0x2000
"""addresses that are only handed through, never read"""


class ProbeMismatch(RuntimeError):
    """The catalog does not describe this binding's vtables; the message names each difference."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the child process saw."""

    methods: Mapping[str, str]
    """method name -> slot and arguments as `method_signature` writes them"""
    callbacks: Sequence[str]
    """by Spi slot: the callback that ran and its arguments, as `callback_signature` writes them"""


def verify(library: Path, catalog: Catalog, directory: Path | None = None, python: str = sys.executable) -> None:
    """Raises ProbeMismatch unless the binding in `directory` fits `catalog`. `library` is the built probe."""
    differences = mismatches(catalog, observe(library, catalog, directory, python))
    if differences:
        raise ProbeMismatch(
            f"{catalog.distribution} {catalog.version} does not fit its catalog: {'; '.join(differences)}"
        )


def mismatches(catalog: Catalog, observed: Observed) -> list[str]:
    """Each difference between catalog and observation, in words."""
    differences = []
    for method in catalog.methods.values():
        expected, seen = method_signature(method), observed.methods.get(method.name, "never called")
        if seen != expected:
            differences.append(f"{method.name} should be {expected}, is {seen}")
    for callback in catalog.callbacks.values():
        expected, seen = callback_signature(callback), observed.callbacks[callback.slot]
        if seen != expected:
            differences.append(f"Spi slot {callback.slot} should call {expected}, calls {seen}")
    return differences


def method_signature(method: Method) -> str:
    """How a call of `method` looks at the other side: slot 12(struct, request id)."""
    arguments = {Shape.REQUEST: "struct, request id", Shape.REPORT: "struct", Shape.SUBSCRIPTION: "names, count"}
    return f"slot {method.slot}({arguments.get(method.shape, '')})"


def callback_signature(callback: Callback) -> str:
    """OnRspError(rsp info, request id, is last)"""
    arguments = {
        Shape.RESPONSE: "struct, rsp info, request id, is last",
        Shape.RESPONSE_ERROR: "rsp info, request id, is last",
        Shape.ERROR_NOTICE: "struct, rsp info",
        Shape.NOTICE: "struct",
        Shape.CONNECTION: "",
    }
    return f"{callback.name}({arguments[callback.shape]})"


def observe(library: Path, catalog: Catalog, directory: Path | None = None, python: str = sys.executable) -> Observed:
    """Run the child process, an interpreter of 3.11 or later. Raises ProbeMismatch with its own words when it fails."""
    code = "import sys; sys.path[:0] = sys.argv[2:]; from ctpabi.shim import probe; probe.main(sys.argv[1])"
    command = [python, "-c", code, str(library), *([str(directory)] if directory else []), str(_ROOT)]
    result = subprocess.run(
        command,
        input=to_json(catalog).encode(),
        capture_output=True,
        check=False,
        timeout=_TIMEOUT_SECONDS,
        env=substitute.environment(os.environ, [library]),
    )
    if result.returncode != 0:
        words = result.stderr.decode(errors="replace").strip() or f"exit status {result.returncode}"
        raise ProbeMismatch(f"{catalog.distribution} {catalog.version} could not be probed: {words}")
    return Observed(**json.loads(result.stdout))


def main(library: str) -> None:
    """The child: the catalog's names on standard input, what was observed on standard output."""
    catalog = from_json(sys.stdin.read())
    package = importlib.import_module(catalog.distribution.package)
    binding = package.tdapi if catalog.interface is Interface.TRADER else package.mdapi
    recorder = _Recorder(binding, catalog.interface, ctypes.CDLL(library))
    methods = {method.name: recorder.method(method) for method in catalog.methods.values()}
    callbacks = recorder.callbacks(catalog)
    sys.stdout.write(json.dumps({"methods": methods, "callbacks": callbacks}))


class _Recorder:
    """Calls the binding from both sides and reads what the recording library wrote down."""

    def __init__(self, binding: Any, interface: Interface, library: ctypes.CDLL) -> None:
        self._binding = binding
        self._interface = interface
        self._library = library
        library.probe_first_argument.restype = ctypes.c_void_p
        pointer, number = ctypes.c_void_p, ctypes.c_long
        library.probe_call_back.argtypes = [pointer, number, pointer, pointer, number, number]
        library.probe_call_back.restype = None
        self._api = getattr(self._class("Api"), f"CreateFtdc{interface}Api")("")

    def _class(self, kind: str) -> Any:
        return getattr(self._binding, f"CThostFtdc{self._interface}{kind}")

    def method(self, method: Method) -> str:
        record: Any = getattr(self._binding, f"CThostFtdc{method.struct}Field")() if method.struct else None
        before = self._library.probe_calls()
        self._call(method, record)
        if self._library.probe_calls() != before + 1:
            return "not forwarded"
        words = []
        if method.shape is Shape.SUBSCRIPTION and self._library.probe_second_argument() == len(_NAMES):
            words += ["names", "count"]
        if method.shape in (Shape.REQUEST, Shape.REPORT) and self._library.probe_first_argument() == int(record.this):
            words.append("struct")
        if method.shape is Shape.REQUEST and self._library.probe_second_argument() == _REQUEST_ID:
            words.append("request id")
        return f"slot {self._library.probe_slot()}({', '.join(words)})"

    def _call(self, method: Method, record: Any) -> None:
        function = getattr(self._api, method.name)
        if method.shape is Shape.REQUEST:
            function(record, _REQUEST_ID)
        elif method.shape is Shape.SUBSCRIPTION:
            function(_NAMES, len(_NAMES))
        elif record is not None:
            function(record)
        elif method.name in ("RegisterFront", "RegisterNameServer"):
            function("")
        elif method.name == "RegisterSpi":
            function(None)
        elif method.name.endswith("Topic"):
            function(0)
        else:
            function()

    def callbacks(self, catalog: Catalog) -> list[str]:
        """Slot by slot: which Python callback runs, with what."""
        spi_class = self._class("Spi")
        ran: list[str] = []
        overrides = {name: _witness(name, ran) for name in dir(spi_class) if name.startswith("On")}
        spi = type("Witness", (spi_class,), overrides)()
        self._api.RegisterSpi(spi)
        address = self._library.probe_first_argument()
        for callback in sorted(catalog.callbacks.values(), key=lambda c: c.slot):
            count = len(ran)
            self._library.probe_call_back(address, callback.slot, *_arguments(callback))
            if len(ran) != count + 1:
                ran.append("nothing")
        return ran


def _arguments(callback: Callback) -> tuple[int, int, int, int]:
    if callback.shape is Shape.RESPONSE_ERROR:
        return _FAKE_RSP_INFO, _REQUEST_ID, 1, 0
    return _FAKE_RECORD, _FAKE_RSP_INFO, _REQUEST_ID, 1


def _witness(name: str, ran: list[str]) -> Any:
    def witness(_self: object, *arguments: object) -> None:
        words = [_word(argument) for argument in arguments]
        # A connection's argument is a plain number, here the low half of the fake record's address.
        ran.append(f"{name}({', '.join(word for word in words if word != str(_FAKE_RECORD))})")

    return witness


def _word(argument: object) -> str:
    if argument is True:
        return "is last"
    if isinstance(argument, int):
        return "request id" if argument == _REQUEST_ID else str(argument)
    address = int(getattr(argument, "this", 0))
    return {_FAKE_RECORD: "struct", _FAKE_RSP_INFO: "rsp info"}.get(address, type(argument).__name__)
