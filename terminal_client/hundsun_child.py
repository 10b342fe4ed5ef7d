"""Runs Hundsun's collector once and writes what it gave as JSON; a program of its own.

Started by `terminal_client.collectors` with the library's path. The programs that the library starts print, so the answer goes
to a private copy of stdout and everything else to stderr. Imports nothing of ours: it runs isolated.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import sys

_BUFFER_BYTES = 2048  # the vendor asks for 492 and 300 at least


def run(path: str) -> dict[str, object]:
    """What the parent reads: the collected text, or which step failed."""
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        return {"failed": "library_missing", "why": str(error)}
    collect = getattr(library, "hundsun_getsysteminfo", None)
    if collect is None:
        return {"failed": "symbol_missing", "why": "hundsun_getsysteminfo"}
    text, number = ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)
    collect.argtypes, collect.restype = (text, number, text, number), ctypes.c_int
    info, length = ctypes.create_string_buffer(_BUFFER_BYTES), ctypes.c_int(0)
    complete, size = ctypes.create_string_buffer(_BUFFER_BYTES), ctypes.c_int(0)
    code = collect(info, ctypes.byref(length), complete, ctypes.byref(size))
    return {
        "code": code,
        "length": length.value,
        "system_info": _text(info.raw[: max(0, min(length.value, _BUFFER_BYTES))]),
        "completeness": _text(complete.raw[: max(0, min(size.value, _BUFFER_BYTES))]),
        "version": version_of(library),
    }


def version_of(library: ctypes.CDLL) -> str:
    """The collector's own version text, or empty where it has none."""
    version = getattr(library, "hundsun_getversion", None)
    if version is None:
        return ""
    version.argtypes, version.restype = (), ctypes.c_char_p
    return (version() or b"").decode("ascii", "replace")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


if __name__ == "__main__":
    answer = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    json.dump(run(sys.argv[1]), answer)
    answer.close()
