"""Whether a binding's Spi has the slots that its catalog says: the native one stands in its place, and has no other names.

Each slot of an Spi that the binding itself made is called, as the vendor's code would call it, and has to arrive at the callback of
that name with these arguments. It takes some milliseconds and needs no compiler, so it is done at every start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ctpabi.catalog import Callback, Catalog, Shape
from ctpabi.native.plan import by_slot

_RECORD, _RSP_INFO, _REQUEST_ID = 0x1000, 0x2000, 77_001
"""the first two are addresses that are only handed through, never read"""

CallSlot = Callable[[int, int, int, int, int, int], None]


def slot_mismatches(spi_class: type, catalog: Catalog, call_slot: CallSlot) -> list[str]:
    """Each slot that is not the catalog's, in words; none where all fit."""
    seen: list[str] = []
    names = {name for name in dir(spi_class) if name.startswith("On")}
    witness = type("Witness", (spi_class,), {name: _witness(name, seen) for name in names})()
    differences = []
    for callback in by_slot(catalog):
        seen.clear()
        call_slot(int(witness.this), callback.slot, *_arguments(callback))
        if seen != [_expected(callback)]:
            differences.append(f"Spi slot {callback.slot} should call {_expected(callback)}, calls {seen or 'nothing'}")
    if unknown := names - catalog.callbacks.keys():
        differences.append(f"not in the catalog: {', '.join(sorted(unknown))}")
    return differences


def _arguments(callback: Callback) -> tuple[int, int, int, int]:
    if callback.shape is Shape.RESPONSE_ERROR:
        return _RSP_INFO, _REQUEST_ID, 1, 0
    return _RECORD, _RSP_INFO, _REQUEST_ID, 1


def _expected(callback: Callback) -> str:
    words: dict[Shape, Sequence[object]] = {
        Shape.RESPONSE: (_RECORD, _RSP_INFO, _REQUEST_ID, True),
        Shape.RESPONSE_ERROR: (_RSP_INFO, _REQUEST_ID, True),
        Shape.ERROR_NOTICE: (_RECORD, _RSP_INFO),
        Shape.NOTICE: (_RECORD,),
        Shape.CONNECTION: () if callback.name == "OnFrontConnected" else (_RECORD,),
    }
    return _said(callback.name, words[callback.shape])


def _witness(name: str, seen: list[str]) -> Any:
    def witness(_self: object, *arguments: object) -> None:
        seen.append(_said(name, [one if isinstance(one, int) else int(getattr(one, "this", 0)) for one in arguments]))

    return witness


def _said(name: str, arguments: Sequence[object]) -> str:
    return f"{name}{tuple(arguments)}"
