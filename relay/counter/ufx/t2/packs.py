"""Tables of named texts, and the content of a message: F2 packs of version 2, written and read here.

0x21, the number of tables, 0x03. Each table: its name and a NUL; columns, rows and bytes as 32-bit numbers and a return code,
big-endian; the columns, each a name and a NUL, a type, a 32-bit width and a scale; then the values, each text and a NUL, or for
type R its length and the bytes before the NUL. Text is GB18030.

The library has a packer and an unpacker of its own. Its unpacker ends the process at a pack that lies about itself, so what comes
is never given to it. Its packer is what a subscription wants; and at load it must write what `write_pack` writes, byte for byte.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from relay.counter.ufx.t2.exports import T2Exports
from relay.counter.ufx.t2.vtable import INT, LETTER, POINTER, TEXT, Held

PackRow = Mapping[str, str]
_VERSION_2 = 2
_START, _MARK = 0x21, 0x03
_HEAD = struct.Struct(">IIIi")
_COLUMN = struct.Struct(">cIB")
_TYPES = frozenset(b"ICSFDR")
_BYTES = b"R"
_WIDTH = 4000
_TEXT_COLUMN = _COLUMN.pack(b"S", _WIDTH, 0)
_MAX_COLUMNS = 512

_BEGIN, _NEXT_TABLE, _ADD_FIELD, _ADD_TEXT, _END, _BUFFER, _LENGTH, _FREE = 1, 2, 3, 4, 9, 10, 11, 16
"""slots of the packer"""


class BadPack(Exception):
    """What came is no pack, or says something of itself that is not so."""


# Writing ----------------------------------------------------------------------------------------------------


def write_pack(tables: Sequence[Sequence[PackRow]]) -> bytes:
    """The content of a message; each table has the columns of its first row."""
    return bytes([_START, len(tables), _MARK]) + b"".join(_write_table(rows) for rows in tables)


def _write_table(rows: Sequence[PackRow]) -> bytes:
    names = list(rows[0]) if rows else []
    columns = b"".join(name.encode("ascii") + b"\0" + _TEXT_COLUMN for name in names)
    values = b"".join(_gbk(row.get(name, "")) + b"\0" for row in rows for name in names)
    return b"\0" + _HEAD.pack(len(names), len(rows), len(columns) + len(values), 0) + columns + values


@contextmanager
def packed(exports: T2Exports, tables: Sequence[Sequence[PackRow]]) -> Iterator[Held]:
    """The same in a packer of the library's. Raises NoObject."""
    packer = Held(exports.new_packer(_VERSION_2), "packer")
    try:
        packer.call(_BEGIN, None)
        for number, rows in enumerate(tables):
            if number:
                packer.call(_NEXT_TABLE, INT, (TEXT, b""), (INT, 0))
            _fill_table(packer, rows)
        packer.call(_END, None)
        yield packer
    finally:
        # The buffer first: Release does not free it.
        buffer = packer.call(_BUFFER, POINTER)
        if buffer:
            packer.call(_FREE, None, (POINTER, buffer))
        packer.release()


def library_pack(exports: T2Exports, tables: Sequence[Sequence[PackRow]]) -> bytes:
    """What the library's packer writes. Raises NoObject."""
    with packed(exports, tables) as packer:
        buffer, length = packer.call(_BUFFER, POINTER), packer.call(_LENGTH, INT)
        return ctypes.string_at(buffer, length) if buffer and length > 0 else b""


def _fill_table(packer: Held, rows: Sequence[PackRow]) -> None:
    names = list(rows[0]) if rows else []
    for name in names:
        packer.call(_ADD_FIELD, INT, (TEXT, name.encode("ascii")), (LETTER, b"S"), (INT, _WIDTH), (INT, 0))
    for row in rows:
        for name in names:
            packer.call(_ADD_TEXT, INT, (TEXT, _gbk(row.get(name, ""))))


def _gbk(text: str) -> bytes:
    """A NUL would end the text, and what follows it would be lost without a word: it goes."""
    return text.replace("\0", "").encode("gb18030", "replace")


# Reading ----------------------------------------------------------------------------------------------------


def read_pack(content: bytes) -> list[list[dict[str, str]]]:
    """The tables of a message's content, each row by column name; bytes of type R are left out. Raises BadPack."""
    if not content:
        return []
    if len(content) < 3 or content[0] != _START or content[2] != _MARK:
        raise BadPack("no pack of version 2")
    at = 3
    tables: list[list[dict[str, str]]] = []
    for _ in range(content[1]):
        table, at = _read_table(content, at)
        tables.append(table)
    if at != len(content):
        raise BadPack("something follows the last table")
    return tables


def _read_table(content: bytes, at: int) -> tuple[list[dict[str, str]], int]:
    _, at = _read_text(content, at)
    if at + _HEAD.size > len(content):
        raise BadPack("a table without its counts")
    columns, rows, size, _ = _HEAD.unpack_from(content, at)
    at += _HEAD.size
    end = at + size
    # A value takes a byte at least: more rows than bytes are not even tried.
    if end > len(content) or columns > _MAX_COLUMNS or rows * max(columns, 1) > size:
        raise BadPack("counts that do not fit the bytes")
    names: list[tuple[str, bytes]] = []
    for _ in range(columns):
        name, at = _read_text(content, at)
        if at + _COLUMN.size > end or content[at] not in _TYPES:
            raise BadPack("a column that is cut off, or of no known type")
        names.append((name.decode("gb18030", "replace"), content[at : at + 1]))
        at += _COLUMN.size
    found: list[dict[str, str]] = []
    for _ in range(rows):
        row, at = _read_row(content, at, names)
        found.append(row)
    if at != end:
        raise BadPack("a table that is not as long as it says")
    return found, end


def _read_row(content: bytes, at: int, names: Sequence[tuple[str, bytes]]) -> tuple[dict[str, str], int]:
    row: dict[str, str] = {}
    for name, kind in names:
        if kind == _BYTES:
            at = _pass_bytes(content, at)
        else:
            value, at = _read_text(content, at)
            row[name] = value.decode("gb18030", "replace")
    return row, at


def _read_text(content: bytes, at: int) -> tuple[bytes, int]:
    end = content.find(b"\0", at)
    if end < 0:
        raise BadPack("a text without its NUL")
    return content[at:end], end + 1


def _pass_bytes(content: bytes, at: int) -> int:
    end = at + 4 + int.from_bytes(content[at : at + 4], "big")
    if end >= len(content) or content[end] != 0:
        raise BadPack("a length that is not the bytes'")
    return end + 1
