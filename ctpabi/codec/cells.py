"""Where the fields lie that routing reads and rewrites: offsets looked up once per struct, bytes touched per event.

`ctpabi.codec.layout` converts whole structs; the order path needs two to ten fields of one, some thousand times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct as Packing
from typing import Final

from ctpabi.catalog import Kind, Struct
from ctpabi.native.events import Made, NativeEvents

_INT: Final = Packing("<i")
_DOUBLE: Final = Packing("<d")
_NUL: Final = b"\0"
INT_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TextCell:
    """One char[n] field of one struct."""

    start: int
    stop: int

    def read(self, body: bytes | bytearray) -> bytes:
        """The text up to its NUL, spaces kept: CTP right-aligns OrderSysID and compares it untrimmed."""
        text = body[self.start : self.stop].partition(_NUL)[0]
        return text if text.__class__ is bytes else bytes(text)

    def write(self, body: bytearray, text: bytes) -> None:
        body[self.start : self.stop] = self.padded(text)

    def padded(self, text: bytes) -> bytes:
        """The field's bytes for `text`; ValueError where the text and its NUL do not fit."""
        size = self.stop - self.start
        if len(text) >= size:
            raise ValueError(f"{len(text)} bytes of text do not fit a field of {size}")
        return text.ljust(size, b"\0")


@dataclass(frozen=True, slots=True)
class IntCell:
    """One int field of one struct."""

    start: int

    def read(self, body: bytes | bytearray) -> int:
        number: int = _INT.unpack_from(body, self.start)[0]
        return number

    def write(self, body: bytearray, number: int) -> None:
        _INT.pack_into(body, self.start, number)


@dataclass(frozen=True, slots=True)
class DoubleCell:
    """One double field of one struct."""

    name: str
    start: int

    def read(self, body: bytes | bytearray) -> float:
        number: float = _DOUBLE.unpack_from(body, self.start)[0]
        return number


def texts_and_numbers(
    into: type[Made],
    texts: Sequence[TextCell | None],
    numbers: Sequence[IntCell | None],
    native: NativeEvents | None = None,
) -> Callable[[bytes], Made]:
    """What reads all of these at once, the texts and then the numbers. What there is no cell for is empty, or 0."""
    if native is not None:
        return native.reader(
            into,
            [None if cell is None else (cell.start, cell.stop - cell.start) for cell in texts],
            [None if cell is None else (cell.start, _INT.size) for cell in numbers],
        )
    nowhere = slice(0, 0)
    # Two more, so that it gives a tuple however few are wanted.
    taken = itemgetter(*(nowhere if cell is None else slice(cell.start, cell.stop) for cell in texts), nowhere, nowhere)
    count, starts, number = len(texts), [None if cell is None else cell.start for cell in numbers], _INT.unpack_from
    make = tuple.__new__

    def read(body: bytes) -> Made:
        found: list[bytes | int] = [text.partition(_NUL)[0] for text in taken(body)[:count]]
        found += [0 if start is None else number(body, start)[0] for start in starts]
        return make(into, found)

    return read


def double_cells(struct: Struct) -> tuple[DoubleCell, ...]:
    """Every double field of `struct`."""
    return tuple(DoubleCell(field.name, field.offset) for field in struct.fields if field.kind is Kind.DOUBLE)


def text_cell(struct: Struct, name: str) -> TextCell | None:
    """The char[n] field `name` of `struct`; None where it has no such field."""
    if not struct.has(name):
        return None
    field = struct.field(name)
    if field.kind not in {Kind.TEXT, Kind.BYTES, Kind.CHAR}:
        return None
    return TextCell(field.offset, field.offset + field.size)


def present_text_cells(struct: Struct, *names: str) -> tuple[TextCell, ...]:
    """Those of the char[n] fields `names` that `struct` has."""
    return tuple(cell for name in names if (cell := text_cell(struct, name)) is not None)


def text_cells(struct: Struct, *names: str) -> tuple[TextCell, ...]:
    """The char[n] fields `names` of `struct`; ValueError where it lacks one of them."""
    cells = present_text_cells(struct, *names)
    if len(cells) != len(names):
        raise ValueError(f"{struct.name} lacks one of {names}")
    return cells


def int_cell(struct: Struct, name: str) -> IntCell | None:
    """The int field `name` of `struct`; None where it has no such field."""
    if not struct.has(name) or struct.field(name).kind is not Kind.INT:
        return None
    return IntCell(struct.field(name).offset)
