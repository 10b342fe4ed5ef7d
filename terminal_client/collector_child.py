"""Runs the vendor's collector once and writes what it gave as JSON; a program of its own.

Started by `terminal_client.collector` with the library's path and edition as arguments. The library prints to
stdout, so the answer goes to a private copy of that descriptor and everything else to stderr.
Imports nothing of ours: it runs isolated.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import sys
from typing import Any

BUFFER_BYTES = 344  # what all of the vendor's samples use; the result is at most 273

# The same C++ functions as each compiler spells them: Itanium ABI, plain C, MSVC 32 and 64 bit.
COLLECT = {
    "production": (
        "_Z17CTP_GetSystemInfoPcRi",
        "CTP_GetSystemInfo",
        "?CTP_GetSystemInfo@@YAHPADAEAH@Z",
        "?CTP_GetSystemInfo@@YAHPADAAH@Z",
        "?CTP_GetSystemInfo@@YAHPEADAEAH@Z",
    ),
    "evaluation": ("_ZN10ctptestapi17CTP_GetSystemInfoEPcRi",),
}
VERSION = {
    "production": (
        "_Z28CTP_GetDataCollectApiVersionv",
        "CTP_GetDataCollectApiVersion",
        "?CTP_GetDataCollectApiVersion@@YAPBDXZ",
        "?CTP_GetDataCollectApiVersion@@YAPEBDXZ",
    ),
    "evaluation": ("_ZN10ctptestapi28CTP_GetDataCollectApiVersionEv",),
}


def first_symbol(library: ctypes.CDLL, names: tuple[str, ...]) -> Any:
    """The first of these functions that the library exports, or None."""
    for name in names:
        try:
            return getattr(library, name)
        except AttributeError:
            continue
    return None


def run(path: str, edition: str) -> dict[str, object]:
    """What the parent reads: the collected bytes, or which step failed."""
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        return {"failed": "library_missing", "why": str(error)}
    collect = first_symbol(library, COLLECT[edition])
    if collect is None:
        return {"failed": "symbol_missing", "why": COLLECT[edition][0]}
    collect.argtypes, collect.restype = (ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)), ctypes.c_int
    buffer, length = ctypes.create_string_buffer(BUFFER_BYTES), ctypes.c_int(0)
    code = collect(buffer, ctypes.byref(length))
    content = buffer.raw[: max(0, min(length.value, BUFFER_BYTES))]
    return {
        "code": code,
        "length": length.value,
        "system_info": base64.b64encode(content).decode("ascii"),
        "version": version_of(library, edition),
    }


def version_of(library: ctypes.CDLL, edition: str) -> str:
    """The collector's own version text, or empty where it has none (before 6.6.7)."""
    version = first_symbol(library, VERSION[edition])
    if version is None:
        return ""
    version.argtypes, version.restype = (), ctypes.c_char_p
    return (version() or b"").decode("ascii", "replace")


if __name__ == "__main__":
    answer = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    json.dump(run(sys.argv[1], sys.argv[2]), answer)
    answer.close()
