"""Which file this process's calls to the counter go to: the vendor's, or whatever was loaded in its place.

Asked as the linker looks a name up for the binding: first in what is global, where a preloaded library is, then in the
binding's compiled part and what it was loaded with.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
from pathlib import Path

from ctpabi.api.binding import LoadedLibrary, extension
from ctpabi.api.instance import file_mapped_at
from ctpabi.catalog import Distribution, Interface

_NUMBER = re.compile(r"(\d+)[._](\d+)[._](\d+)")


def loaded_library(distribution: Distribution, interface: Interface = Interface.TRADER) -> LoadedLibrary:
    """The library behind this imported binding; reads the whole file. Raises OSError where none is loaded."""
    address = _resolved(extension(distribution, interface), version_symbol(interface))
    file = file_mapped_at(address)
    try:
        digest = "" if file is None else hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        digest = ""
    return LoadedLibrary(str(file or ""), version_at(address), digest)


def version_symbol(interface: Interface) -> str:
    """What the linker calls GetApiVersion."""
    name = f"CThostFtdc{interface}Api"
    return f"_ZN{len(name)}{name}13GetApiVersionEv"


def version_at(address: int) -> str:
    """What the GetApiVersion at this address says."""
    said = ctypes.CFUNCTYPE(ctypes.c_char_p)(address)()
    return (said or b"").decode("gb18030", errors="replace")


def number_of(version: str) -> tuple[int, ...]:
    """(6, 7, 11) of what a library says, or of a package's version; empty where there is no number in it."""
    found = _NUMBER.search(version)
    return tuple(map(int, found.groups())) if found else ()


def address_of(library: ctypes.CDLL, symbol: str) -> int:
    """Where it is, in the library or what it was loaded with; 0 where nowhere."""
    try:
        return ctypes.cast(library[symbol], ctypes.c_void_p).value or 0
    except AttributeError:
        return 0


def _resolved(caller: Path, symbol: str) -> int:
    own = ctypes.CDLL(str(caller), mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    return address_of(ctypes.CDLL(None), symbol) or address_of(own, symbol)
