"""The field classes, made from the catalog: values are set and read as the binding sets and reads them.

An object's memory is the bytes of the C struct, so a request takes them as they are and a callback's are copied once.
Text is written as UTF-8 and read as GB18030, as the binding does; so Chinese that a program sets reads back as other
characters there and here, and what the counter sends reads right. A value of a wrong type or length is a TypeError.
"""

from __future__ import annotations

import ctypes
import struct as machine
from collections.abc import Callable
from functools import cache
from typing import Any

from ctpabi.catalog import Field, Kind, Struct
from ctpabi.catalog.data import load_catalog

TRADER_MODULE = "openctp_ctp.thosttraderapi"
_NUMBERS = {Kind.DOUBLE: machine.Struct("<d"), Kind.INT: machine.Struct("<i"), Kind.SHORT: machine.Struct("<h")}
_BYTES_FIELD = "CThostFtdcSettlementInfoField", "Content"
"""the one text that the binding reads as bytes: the statement comes in pieces that are cut inside characters"""
_BYTE_VALUES = range(-128, 128)


class SwigPyObject:
    """What `this` is: the memory of one object, under the name that the binding gives it."""

    __slots__ = ("_type_name", "memory")

    def __init__(self, type_name: str, memory: bytearray) -> None:
        self._type_name = type_name
        self.memory = memory

    def own(self, *_owned: object) -> bool:
        """Whether Python frees it: always."""
        return True

    def disown(self) -> None:
        """Nothing: the memory stays Python's."""

    def acquire(self) -> None:
        """Nothing: the memory is Python's."""

    def __int__(self) -> int:
        return ctypes.addressof((ctypes.c_char * len(self.memory)).from_buffer(self.memory))

    def __repr__(self) -> str:
        return f"<Swig Object of type '{self._type_name} *' at {id(self.memory):#x}>"


def proxy_repr(self: Any) -> str:
    """As the binding's classes show themselves."""
    this = vars(self).get("this")
    shown = "" if this is None else f"proxy of {this!r}"
    return f"<{type(self).__module__}.{type(self).__name__}; {shown} >"


def own_flag() -> property:
    """`thisown` of every class."""
    return property(lambda self: self.this.own(), lambda self, value: self.this.own(value), doc="The membership flag")


def class_name(struct: str) -> str:
    return f"CThostFtdc{struct}Field"


@cache
def field_classes() -> dict[str, type[Any]]:
    """The class of every struct, by the struct's name; those of the trader's and the market data module are the same."""
    return {struct.name: _field_class(struct) for struct in load_catalog().structs.values()}


def with_memory(made: type[Any], memory: bytes) -> Any:
    """An object of a field class with these bytes."""
    made_object = object.__new__(made)
    made_object.__dict__["this"] = SwigPyObject(made.__name__, bytearray(memory))
    return made_object


def memory_of(value: object, struct: str, method: str) -> bytearray:
    """The bytes of a field object that a method was called with. TypeError where it is none of this struct."""
    if not isinstance(value, field_classes()[struct]) or "this" not in vars(value):
        raise TypeError(f"in method '{method}', argument 2 of type '{class_name(struct)} *'")
    memory: bytearray = value.this.memory
    return memory


def _field_class(struct: Struct) -> type[Any]:
    name, size = class_name(struct.name), struct.size

    def __init__(self: Any) -> None:  # noqa: N807 — becomes the class's
        self.__dict__["this"] = SwigPyObject(name, bytearray(size))

    members: dict[str, Any] = {
        "__module__": TRADER_MODULE,
        "__doc__": struct.doc,
        "__annotations__": {field.name: f"TThostFtdc{field.type_name}Type" for field in struct.fields},
        "__init__": __init__,
        "__repr__": proxy_repr,
        "thisown": own_flag(),
    }
    __init__.__qualname__ = f"{name}.__init__"
    for field in struct.fields:
        members[field.name] = _property(name, field)
    return type(name, (), members)


def _property(owner: str, field: Field) -> property:
    complaint = f"in method '{owner}_{field.name}_set', argument 2 of type '{_c_type(field)}'"
    if (owner, field.name) == _BYTES_FIELD:
        _, setter = _text(field, complaint)
        return property(lambda self: _raw_text(self.this.memory, field), setter, doc=field.doc)
    makers = {Kind.TEXT: _text, Kind.BYTES: _text, Kind.CHAR: _char}
    getter, setter = makers.get(field.kind, _number)(field, complaint)
    return property(getter, setter, doc=field.doc)


def _c_type(field: Field) -> str:
    is_text = field.kind in {Kind.TEXT, Kind.BYTES}
    return f"char [{field.size}]" if is_text else f"TThostFtdc{field.type_name}Type"


Accessors = tuple[Callable[[Any], Any], Callable[[Any, Any], None]]


def _text(field: Field, complaint: str) -> Accessors:
    start, stop, size = field.offset, field.offset + field.size, field.size

    def get(self: Any) -> str:
        memory = self.this.memory
        end = memory.find(0, start, stop)
        raw = memory[start : stop if end < 0 else end]
        if raw.isascii():
            return str(raw, "ascii")
        try:
            return str(raw, "gb18030")
        except UnicodeDecodeError:  # the binding shows nothing of what is cut inside a character
            return ""

    def put(self: Any, value: Any) -> None:
        if value is None:
            value = ""
        if not isinstance(value, str):
            raise TypeError(complaint)
        raw = value.encode("utf-8", "surrogateescape")
        if len(raw) >= size:
            raise TypeError(complaint)
        self.this.memory[start:stop] = raw.ljust(size, b"\0")

    return get, put


def _raw_text(memory: bytearray, field: Field) -> bytes:
    return bytes(memory[field.offset : field.offset + field.size]).partition(b"\0")[0]


def _char(field: Field, complaint: str) -> Accessors:
    at = field.offset

    def get(self: Any) -> str:
        code = self.this.memory[at]
        return chr(code) if code else ""

    def put(self: Any, value: Any) -> None:
        if value is None or value == "":
            code = 0
        elif isinstance(value, str) and len(value) == 1 and value.isascii():
            code = ord(value)
        elif isinstance(value, int) and value in _BYTE_VALUES:
            code = value & 0xFF
        else:
            raise (OverflowError if isinstance(value, int) else TypeError)(complaint)
        self.this.memory[at] = code

    return get, put


def _number(field: Field, complaint: str) -> Accessors:
    packing, at, is_double = _NUMBERS[field.kind], field.offset, field.kind is Kind.DOUBLE

    def get(self: Any) -> Any:
        return packing.unpack_from(self.this.memory, at)[0]

    def put(self: Any, value: Any) -> None:
        if not isinstance(value, (int, float) if is_double else int):
            raise TypeError(complaint)
        try:
            packing.pack_into(self.this.memory, at, value)
        except (machine.error, OverflowError):
            raise (TypeError if is_double else OverflowError)(complaint) from None

    return get, put
