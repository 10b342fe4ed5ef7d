"""The file that the settings name as the vendor's library, read before anything of it is run."""

from __future__ import annotations

import struct

from ctpabi.elf import NotALibrary, machine_of, names_in
from fuzz.mutations import any_bytes
from fuzz.targets import Play, promise

_HEADER, _SEGMENT, _ENTRY = 64, 56, 16
_X86_64 = 62


def _library(soname: bytes, *needed: bytes) -> bytes:
    """A shared object of nothing but its names."""
    texts = b"\0".join([b"", soname, *needed, b""])
    entries, at = [(14, 1)], 2 + len(soname)
    for name in needed:
        entries.append((1, at))
        at += len(name) + 1
    dynamic = _HEADER + 2 * _SEGMENT
    strings = dynamic + _ENTRY * (len(entries) + 2)
    size = strings + len(texts)
    parts = [
        struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, _X86_64, 1, 0, _HEADER, 0, 0, 64, 56, 2, 0, 0, 0),
        struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 4096),
        struct.pack("<IIQQQQQQ", 2, 4, dynamic, dynamic, 0, strings - dynamic, strings - dynamic, 8),
        *(struct.pack("<qQ", *entry) for entry in (*entries, (5, strings), (0, 0))),
        texts,
    ]
    return b"".join(parts)


def elf_files(data: bytes) -> None:
    """Names or NotALibrary, whatever the bytes are; each name stands in them."""
    try:
        names, machine = names_in(data), machine_of(data)
    except NotALibrary:
        return
    promise(0 <= machine < 1 << 16, "a machine is a number of two bytes")
    for name in (names.soname, *names.needed):
        promise(name.encode() in data, "a name stands in the file")


PLAYS = {
    "elf_files": Play(
        elf_files,
        [_library(b"libthosttraderapi_se-1.so", b"libc.so.6", b"libstdc++.so.6"), _library(b""), b"\x7fELF\x02\x01"],
        any_bytes,
    )
}
