"""The firm's libt2sdk.so: loaded, proved, or refused in words that name the setting.

The interface is a C++ one and its header is not public, so the slots of its methods are facts that were found by watching. A
pack that is written at load and reads back as it should proves those of the packer, before anything else is called.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay.counter.ufx.t2.beside import load_beside
from relay.counter.ufx.t2.callbacks import CallbackObject
from relay.counter.ufx.t2.exports import T2Exports
from relay.counter.ufx.t2.packs import BadPack, library_pack, read_pack, write_pack
from relay.counter.ufx.t2.vtable import INT, POINTER, UNSIGNED, NoObject

SETTING = "counter.ufx.library"
_KEPT = 64
_PROOF: list[list[dict[str, str]]] = [
    [{"operator_no": "1000", "name": "恒生"}, {"operator_no": "", "name": "b"}],
    [{"terminal_no": "QUJD" * 64}],
]


class LibraryRefused(Exception):
    """The library cannot be used; the message says why, and which setting names it."""


@dataclass(frozen=True, slots=True)
class T2Library:
    """What connections are made of."""

    exports: T2Exports
    path: Path
    version: str
    sha256: str
    kept: deque[CallbackObject] = field(default_factory=lambda: deque(maxlen=_KEPT), repr=False)
    """of connections that were closed: a thread of the library may be a moment late"""


_EXPORTS: dict[str, tuple[str, list[Any]]] = {
    "new_config": ("NewConfig", []),
    "new_connection": ("NewConnection", [POINTER]),
    "new_packer": ("NewPacker", [INT]),
    "new_message": ("NewBizMessage", []),
    "new_parameter": ("NewSubscribeParam", []),
}


def load_t2(path: Path) -> T2Library:
    """Reads the whole file; blocks for some tens of milliseconds. Raises LibraryRefused."""
    try:
        loaded = load_beside(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise LibraryRefused(f"{SETTING}: {error}") from error
    found = {name: _export(loaded, path, exported, kinds) for name, (exported, kinds) in _EXPORTS.items()}
    exports = T2Exports(**found)
    _prove(exports, path)
    return T2Library(exports, path, _version(loaded), digest)


def _export(loaded: ctypes.CDLL, path: Path, name: str, kinds: list[Any]) -> Any:
    try:
        function = loaded[name]
    except AttributeError as error:
        raise LibraryRefused(f"{SETTING}: {path} has no {name}: it is no T2SDK, or one that is too old") from error
    function.restype, function.argtypes = POINTER, kinds
    return function


def _prove(exports: T2Exports, path: Path) -> None:
    why = f"{SETTING}: {path} does not write packs as its interface says; it may be too old"
    try:
        written = library_pack(exports, _PROOF)
        if written != write_pack(_PROOF) or read_pack(written) != _PROOF:
            raise LibraryRefused(why)
    except (NoObject, BadPack) as error:
        raise LibraryRefused(why) from error


def _version(loaded: ctypes.CDLL) -> str:
    """GetVersionInfo: four parts in 4, 8, 8 and 12 bits; 1.0.0.187."""
    function = loaded["GetVersionInfo"]
    function.restype, function.argtypes = UNSIGNED, []
    number = int(function())
    return f"{number >> 28}.{number >> 20 & 0xFF}.{number >> 12 & 0xFF}.{number & 0xFFF}"
