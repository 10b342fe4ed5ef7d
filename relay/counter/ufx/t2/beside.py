"""Loads a library together with the libraries that lie beside it.

`libt2sdk.so` needs two others of the vendor's that come in the same folder, and the linker looks for them in the system's folders
only; one has no SONAME, so that loading it first does not help. What helps is a loader that names the folder: an ELF file of a few
hundred bytes whose DT_RPATH is the folder and whose one need is the library. The linker also searches the DT_RPATH of whoever
loaded a library. The file is written to memory, never to disk, and the vendor's files stay as they are.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

_HEADER, _PROGRAM, _DYNAMIC, _SYMBOL = 64, 56, 16, 24
_LOAD, _DYNAMIC_SEGMENT, _STACK = 1, 2, 0x6474E551
_READ_WRITE = 6
_NEEDED, _STRINGS, _SYMBOLS, _STRINGS_SIZE, _SYMBOL_SIZE, _RPATH = 1, 5, 6, 10, 11, 15
_MACHINES = {"x86_64": 62, "aarch64": 183}


def load_beside(path: Path) -> ctypes.CDLL:
    """The library at `path`. Raises OSError in the linker's words."""
    if not path.is_file():
        raise OSError(f"{path}: no such file")
    # It stays open: the linker knows a file by its name, and would take a number that comes again for the loader it has met.
    descriptor = os.memfd_create("t2sdk-loader", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, loader_file(str(path.parent.resolve()), path.name, os.uname().machine))
        ctypes.CDLL(f"/proc/self/fd/{descriptor}")
    except OSError:
        os.close(descriptor)
        raise
    return ctypes.CDLL(str(path))


def loader_file(folder: str, needed: str, machine: str) -> bytes:
    """A shared object that needs the library `needed`, to be looked for in `folder`."""
    if machine not in _MACHINES or sys.byteorder != "little":
        raise OSError(f"the T2SDK cannot be loaded on {machine}")
    strings = b"\0" + folder.encode() + b"\0" + needed.encode() + b"\0"
    entries = 7
    dynamic_at = _HEADER + 3 * _PROGRAM
    symbols_at = dynamic_at + entries * _DYNAMIC
    strings_at = symbols_at + _SYMBOL
    size = strings_at + len(strings)
    dynamic = (
        (_NEEDED, 2 + len(folder.encode())), (_RPATH, 1), (_STRINGS, strings_at), (_SYMBOLS, symbols_at),
        (_STRINGS_SIZE, len(strings)), (_SYMBOL_SIZE, _SYMBOL), (0, 0),
    )  # fmt: skip
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = identity + struct.pack(
        "<HHIQQQIHHHHHH", 3, _MACHINES[machine], 1, 0, _HEADER, 0, 0, _HEADER, _PROGRAM, 3, 0, 0, 0
    )
    programs = (
        _segment(_LOAD, 0, size, 4096),
        _segment(_DYNAMIC_SEGMENT, dynamic_at, entries * _DYNAMIC, 8),
        _segment(_STACK, 0, 0, 16),
    )
    entries_bytes = b"".join(struct.pack("<qQ", tag, value) for tag, value in dynamic)
    return header + b"".join(programs) + entries_bytes + bytes(_SYMBOL) + strings


def _segment(kind: int, at: int, size: int, align: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, _READ_WRITE, at, at, at, size, size, align)
