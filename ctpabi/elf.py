"""What an ELF file says of itself: its machine, its SONAME, and what it wants loaded with it.

Read as the linker reads it, by program headers: a stripped library may have no sections.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct("<IIQQQQQQ")
_DYNAMIC = struct.Struct("<qQ")
_LOAD, _DYNAMIC_SEGMENT = 1, 2
_NULL, _NEEDED, _STRINGS, _SONAME = 0, 1, 5, 14
_LONGEST_NAME = 4096
_THIS_PROGRAM = Path("/proc/self/exe")


class NotALibrary(ValueError):
    """The bytes are no shared object of the kind that is read here; the message says what they are instead."""


@dataclass(frozen=True, slots=True)
class DynamicNames:
    """SONAME and NEEDED."""

    soname: str
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int
    """in the file"""


def dynamic_names(library: Path) -> DynamicNames:
    """Of a 64-bit little-endian ELF file. Raises NotALibrary, which names the file, and OSError."""
    try:
        return names_in(library.read_bytes())
    except NotALibrary as error:
        raise NotALibrary(f"{library.name} {error}") from None


def names_in(image: bytes) -> DynamicNames:
    """The same of a file's content. Raises NotALibrary."""
    _require_kind(image)
    try:
        soname, needed = "", []
        for tag, name in _dynamic_strings(image):
            if tag == _SONAME:
                soname = name
            else:
                needed.append(name)
    except (struct.error, ValueError, OverflowError):
        raise NotALibrary("is a damaged ELF file") from None
    return DynamicNames(soname, tuple(needed))


def machine_of(image: bytes) -> int:
    """ELF's number of the machine it is for. Raises NotALibrary."""
    _require_kind(image)
    return int(_HEADER.unpack_from(image)[2])


def own_machine() -> int:
    """That of the running program."""
    with _THIS_PROGRAM.open("rb") as program:
        return machine_of(program.read(_HEADER.size))


def _require_kind(image: bytes) -> None:
    if image[:6] != b"\x7fELF\x02\x01" or len(image) < _HEADER.size:
        raise NotALibrary("is not a 64-bit little-endian ELF file")


def _segments(image: bytes) -> list[_Segment]:
    header = _HEADER.unpack_from(image)
    table, entry_size, count = header[5], header[9], header[10]
    found = []
    for index in range(count):
        kind, _, offset, address, _, size, _, _ = _PROGRAM.unpack_from(image, table + index * entry_size)
        if offset + size > len(image):
            raise ValueError("a segment goes beyond the file's end")
        found.append(_Segment(kind, offset, address, size))
    return found


def _dynamic_strings(image: bytes) -> Iterator[tuple[int, str]]:
    segments = _segments(image)
    dynamic = next((segment for segment in segments if segment.kind == _DYNAMIC_SEGMENT), None)
    if dynamic is None:
        return
    entries = list(_entries(image[dynamic.offset : dynamic.offset + dynamic.size]))
    strings = next((_offset(segments, value) for tag, value in entries if tag == _STRINGS), None)
    for tag, value in entries:
        if tag in (_NEEDED, _SONAME) and strings is not None:
            start = strings + value
            yield tag, image[start : image.index(b"\0", start, start + _LONGEST_NAME)].decode()


def _entries(part: bytes) -> Iterator[tuple[int, int]]:
    for position in range(0, len(part) - _DYNAMIC.size + 1, _DYNAMIC.size):
        tag, value = _DYNAMIC.unpack_from(part, position)
        if tag == _NULL:
            return
        yield tag, value


def _offset(segments: list[_Segment], address: int) -> int:
    """Where in the file this address of the loaded library comes from. Raises ValueError where from nowhere."""
    for segment in segments:
        if segment.kind == _LOAD and segment.address <= address < segment.address + segment.size:
            return segment.offset + address - segment.address
    raise ValueError("no segment has the names")
