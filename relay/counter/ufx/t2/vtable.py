"""One object of the library: a pointer to a table of methods, called by their slots with the object first.

The first three slots are QueryInterface, AddRef and Release; the numbers used here are the slots after these. An object from a
New… function is held from the first moment and let go once. The library's own objects that a callback gets are never held: what
is wanted of them is copied before the callback returns.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

POINTER, TEXT, INT, UNSIGNED, LETTER = (
    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char,
)  # fmt: skip
OUT_INT = ctypes.POINTER(ctypes.c_int)
_ADD_REF, _RELEASE, _FIRST = 1, 2, 3
_WORD = ctypes.sizeof(ctypes.c_void_p)


@cache
def _function(address: int, result: Any, *arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(result, POINTER, *arguments)(address)


def call(this: int, slot: int, result: Any, *arguments: tuple[Any, Any]) -> Any:
    """Method `slot` of the object at `this`; each argument with its C type."""
    return _method(this, slot + _FIRST, result, [kind for kind, _ in arguments])(
        this, *[value for _, value in arguments]
    )


def _method(this: int, slot: int, result: Any, kinds: Sequence[Any]) -> Any:
    table = ctypes.c_void_p.from_address(this).value or 0
    address = ctypes.c_void_p.from_address(table + slot * _WORD).value or 0
    return _function(address, result, *kinds)


class Held:
    """An object of the library that this process holds."""

    def __init__(self, pointer: int | None, what: str) -> None:
        if not pointer:
            raise NoObject(what)
        self._pointer: int | None = pointer
        _method(pointer, _ADD_REF, ctypes.c_ulong, ())(pointer)

    @property
    def pointer(self) -> int:
        """Raises NoObject after `release`."""
        if self._pointer is None:
            raise NoObject("released")
        return self._pointer

    def call(self, slot: int, result: Any, *arguments: tuple[Any, Any]) -> Any:
        return call(self.pointer, slot, result, *arguments)

    def release(self) -> None:
        """Once; later calls do nothing."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            _method(pointer, _RELEASE, ctypes.c_ulong, ())(pointer)


class NoObject(Exception):
    """The library gave no object: out of memory, or what it was asked to read is nothing it knows."""
