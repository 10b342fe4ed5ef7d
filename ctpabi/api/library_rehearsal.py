"""The process in which a chosen library is tried: loaded, asked for its version, and its slots read by name (CTP fact 88).

A line of JSON on standard input, {"distribution", "chosen": {interface: file}}, and one on standard output: {"fit"}, {"unfit"} or
{"mismatch"}. `ctpabi.api.chosen_library` starts it.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctpabi.api import binding
from ctpabi.api.binding import BindingMismatch
from ctpabi.api.chosen_library import Chosen, LibraryFault, LibraryUnfit, Rehearsed, place, require_taken
from ctpabi.api.loaded_library import address_of, loaded_library, number_of, version_at, version_symbol
from ctpabi.catalog import Catalog, Distribution, Interface, Method, Shape
from ctpabi.catalog.data import load_catalog

_POINTER = ctypes.sizeof(ctypes.c_void_p)


class _FoundSymbol(ctypes.Structure):
    """Dl_info: what dladdr says of an address."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def main() -> None:
    """Answer on what was standard output: the vendor's code prints to it."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    asked = json.loads(sys.stdin.read())
    chosen = {Interface(name): Path(file) for name, file in asked["chosen"].items()}
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as flow:
        said = _said(Distribution(asked["distribution"]), chosen, flow)
    answer.write(json.dumps(said) + "\n")
    answer.flush()
    os._exit(0)  # an instance is left behind: the vendor's destructors are not waited for


def _said(distribution: Distribution, chosen: Chosen, flow: str) -> dict[str, object]:
    try:
        digests = place(distribution, chosen)
        modules = {Interface.TRADER: binding.load(distribution).tdapi}
        if Interface.MARKET_DATA in chosen:
            modules[Interface.MARKET_DATA] = binding.load_market(distribution).mdapi
        require_taken(distribution, chosen, digests)
        found = {
            name: _fits(load_catalog(name, distribution), file, modules[name], flow) for name, file in chosen.items()
        }
    except LibraryUnfit as unfit:
        facts = {name: str(value) for name, value in unfit.facts.items()}
        return {"unfit": {"file": str(unfit.file), "fault": unfit.fault.name, "facts": facts}}
    except (BindingMismatch, RuntimeError) as error:
        return {"mismatch": str(error)}
    return {"fit": {name: dataclasses.asdict(one) for name, one in found.items()}}


def _fits(catalog: Catalog, file: Path, module: Any, flow: str) -> Rehearsed:
    version = loaded_library(catalog.distribution, catalog.interface).version
    own = _own_version(catalog)
    if number_of(version) not in {number_of(own), number_of(catalog.version)}:
        raise LibraryUnfit(file, LibraryFault.OTHER_VERSION, version=version, wanted=own)
    api = getattr(getattr(module, f"CThostFtdc{catalog.interface}Api"), f"CreateFtdc{catalog.interface}Api")(f"{flow}/")
    table = ctypes.c_uint64.from_address(int(api.this)).value
    methods = sorted(catalog.methods.values(), key=lambda method: method.slot)
    names = [_name_at(ctypes.c_uint64.from_address(table + _POINTER * method.slot).value) for method in methods]
    wrong = [(method, name) for method, name in zip(methods, names, strict=True) if name and not _is(method, name)]
    if wrong:
        (method, name), slots = wrong[0], len(methods)
        raise LibraryUnfit(
            file,
            LibraryFault.OTHER_SLOTS,
            slot=method.slot,
            found=name,
            method=method.name,
            wrong=len(wrong),
            slots=slots,
        )
    return Rehearsed(version, sum(map(bool, names)), len(methods))


def _own_version(catalog: Catalog) -> str:
    """What the package's own library says; loaded beside the other one, by its path."""
    own = ctypes.CDLL(
        str(binding.vendor_library(catalog.distribution, catalog.interface)), mode=os.RTLD_LOCAL | os.RTLD_NOW
    )
    address = address_of(own, version_symbol(catalog.interface))
    return version_at(address) if address else catalog.version


def _name_at(address: int) -> str:
    """The symbol of this function; empty where the library does not export one."""
    found = _FoundSymbol()
    ask = ctypes.CDLL(None).dladdr
    ask.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    if not ask(address, ctypes.byref(found)) or found.address != address:
        return ""
    return (found.name or b"").decode("ascii", errors="replace")


def _is(method: Method, symbol: str) -> bool:
    """Whether this C++ name is of that method with those arguments, in whichever class."""
    return f"{len(method.name)}{method.name}E{_arguments(method)}" in symbol


def _arguments(method: Method) -> str:
    """As the compiler writes them, where the catalog says what they are."""
    struct = f"CThostFtdc{method.struct}Field"
    words: dict[Shape, Sequence[str]] = {
        Shape.REQUEST: ("P", f"{len(struct)}{struct}", "i"),
        Shape.REPORT: ("P", f"{len(struct)}{struct}"),
        Shape.SUBSCRIPTION: ("PPci",),
    }
    return "".join(words.get(method.shape, ()))


if __name__ == "__main__":
    main()
