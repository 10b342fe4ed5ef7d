"""Which file this process's calls to the counter go to: the vendor's, or whatever was loaded in its place.

The linker takes a library that is loaded already for every later one of the same SONAME. So the file is asked for by
the name that the binding needs, and not looked for where the vendor's should be.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ctpabi.api.binding import Binding, vendor_library
from ctpabi.api.instance import file_mapped_at

_MADE_BY = "_ZN19CThostFtdcTraderApi13GetApiVersionEv"


@dataclass(frozen=True, slots=True)
class LoadedLibrary:
    """The file, and what it says of itself."""

    file: str
    version: str
    """GetApiVersion: v6.7.11_20250617 16:22:00.10369"""
    sha256: str
    """of the file's content; empty where it cannot be read any more"""


def loaded_library(binding: Binding) -> LoadedLibrary:
    """The trader library behind this imported binding; reads the whole file. Raises OSError where none is loaded."""
    soname = vendor_library(binding.catalog.distribution).name
    library = ctypes.CDLL(soname, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    address = ctypes.cast(library[_MADE_BY], ctypes.c_void_p).value or 0
    file = file_mapped_at(address) or Path(soname)
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        digest = ""
    return LoadedLibrary(str(file), str(binding.tdapi.CThostFtdcTraderApi.GetApiVersion()), digest)
