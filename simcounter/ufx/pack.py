"""F2 packs, version 2: tables of named columns, as the content of a T2 message.

0x21, the number of tables, 0x03. Each table: its name and a NUL; columns, rows and bytes as 32-bit numbers and a return code,
all big-endian; the columns, each a name and a NUL, a type, a 32-bit width and a scale; then the values row by row, each as
text and a NUL, or for type R its length and the bytes before the NUL. `bytes` counts columns and values. Text is GB18030.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

START = 0x21
VERSION = 0x03
TYPES = "ICSFDR"
_HEAD = struct.Struct(">IIIi")
_COLUMN = struct.Struct(">cIB")
MAX_COLUMNS = 512

Cell = str | bytes


class PackError(ValueError):
    """What came is no pack of this version."""


@dataclass(frozen=True, slots=True)
class PackColumn:
    name: str
    type: str = "S"
    width: int = 255
    scale: int = 4


@dataclass(slots=True)
class PackTable:
    """One table; read it by name."""

    columns: tuple[PackColumn, ...]
    rows: list[list[Cell]] = field(default_factory=list)
    name: str = ""
    return_code: int = 0

    def texts(self) -> list[dict[str, str]]:
        """Each row by column name; bytes of type R are left out."""
        names = [column.name for column in self.columns]
        return [{n: v for n, v in zip(names, row, strict=True) if isinstance(v, str)} for row in self.rows]


def table_of(rows: Iterable[Mapping[str, object]], name: str = "", columns: Sequence[str] = ()) -> PackTable:
    """A table of texts; its columns are those of the first row unless they are named."""
    listed = list(rows)
    names = tuple(columns) or tuple(listed[0] if listed else ())
    cells: list[list[Cell]] = [[_text(row.get(n, "")) for n in names] for row in listed]
    return PackTable(tuple(PackColumn(n) for n in names), cells, name)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


def encode_pack(tables: Sequence[PackTable]) -> bytes:
    """The content of a message."""
    return bytes([START, len(tables), VERSION]) + b"".join(_encode_table(table) for table in tables)


def _encode_table(table: PackTable) -> bytes:
    columns = b"".join(
        column.name.encode("gb18030") + b"\0" + _COLUMN.pack(column.type.encode(), column.width, column.scale)
        for column in table.columns
    )
    values = b"".join(_encode_cell(cell) for row in table.rows for cell in row)
    head = _HEAD.pack(len(table.columns), len(table.rows), len(columns) + len(values), table.return_code)
    return table.name.encode("gb18030") + b"\0" + head + columns + values


def _encode_cell(cell: Cell) -> bytes:
    if isinstance(cell, bytes):
        return struct.pack(">I", len(cell)) + cell + b"\0"
    return cell.replace("\0", "").encode("gb18030", "replace") + b"\0"


def decode_pack(content: bytes) -> list[PackTable]:
    """Raises PackError."""
    if len(content) < 3 or content[0] != START or content[2] != VERSION:
        raise PackError("no pack of version 2")
    at = 3
    tables: list[PackTable] = []
    for _ in range(content[1]):
        table, at = _decode_table(content, at)
        tables.append(table)
    if at != len(content):
        raise PackError("something follows the last table")
    return tables


def _decode_table(content: bytes, at: int) -> tuple[PackTable, int]:
    name, at = _read_text(content, at)
    if at + _HEAD.size > len(content):
        raise PackError("a table without its counts")
    columns, rows, size, return_code = _HEAD.unpack_from(content, at)
    at += _HEAD.size
    end = at + size
    # A row of n columns is at least n bytes: what is read is bounded by what came.
    if end > len(content) or columns > MAX_COLUMNS or rows * max(columns, 1) > size:
        raise PackError("counts that do not fit the bytes")
    found: list[PackColumn] = []
    for _ in range(columns):
        column, at = _decode_column(content, at)
        found.append(column)
    table = PackTable(tuple(found), name=name, return_code=return_code)
    for _ in range(rows):
        row: list[Cell] = []
        for column in found:
            cell, at = _read_bytes(content, at) if column.type == "R" else _read_text(content, at)
            row.append(cell)
        table.rows.append(row)
    if at != end:
        raise PackError("a table that is not as long as it says")
    return table, end


def _decode_column(content: bytes, at: int) -> tuple[PackColumn, int]:
    name, at = _read_text(content, at)
    if at + _COLUMN.size > len(content):
        raise PackError("a column that is cut off")
    kind, width, scale = _COLUMN.unpack_from(content, at)
    if kind not in {letter.encode() for letter in TYPES}:
        raise PackError("a column of no known type")
    return PackColumn(name, kind.decode(), width, scale), at + _COLUMN.size


def _read_text(content: bytes, at: int) -> tuple[str, int]:
    end = content.find(b"\0", at)
    if end < 0:
        raise PackError("a text without its NUL")
    return content[at:end].decode("gb18030", "replace"), end + 1


def _read_bytes(content: bytes, at: int) -> tuple[bytes, int]:
    if at + 4 > len(content):
        raise PackError("bytes without their length")
    end = at + 4 + int.from_bytes(content[at : at + 4], "big")
    if end >= len(content) or content[end] != 0:
        raise PackError("a length that is not the bytes'")
    return content[at + 4 : end], end + 1
