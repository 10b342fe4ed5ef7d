"""Every field of a struct with a value of its own, and a message read back as such values."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ctpabi.catalog import Field, Kind, Struct
from ctpabi.codec.layout import DBL_MAX
from tests.contract.watched import CATALOG
from tests.e2e.site import BROKER

BINARY = "00ff80d6414200"
"""with NULs, and bytes that are no text"""


def full(struct: Struct, investor: str, number: int) -> dict[str, Any]:
    """A value for each field, as the counter's control takes them; equal ones for equal arguments."""
    values = {item.name: _value(item, number + index) for index, item in enumerate(struct.fields)}
    for item in struct.fields:
        if item.length_field:
            values[item.length_field] = len(BINARY) // 2
    identity = {"BrokerID": BROKER, "InvestorID": investor, "AccountID": investor}
    return values | {name: value for name, value in identity.items() if name in values}


def _value(item: Field, number: int) -> Any:
    match item.kind:
        case Kind.TEXT if item.name.endswith("Ref"):
            return str(number)
        case Kind.TEXT:
            return _fitting(f"汉字 A{number}", item.size - 1)
        case Kind.BYTES:
            return BINARY if item.length_field else "d6d0ce"
        case Kind.CHAR:
            return CATALOG.enums[item.enum].values[-1].char if item.enum else "1"
        case Kind.INT:
            return number
        case Kind.SHORT:
            return number % 1000
        case Kind.DOUBLE:
            return DBL_MAX if number % 2 else number / 4


def _fitting(text: str, size: int) -> str:
    """As much of the end of `text` as `size` bytes of GB18030 hold."""
    while len(text.encode("gb18030")) > size:
        text = text[1:]
    return text


def read_back(message: Message, struct: Struct) -> dict[str, Any]:
    """The message's fields by CTP's names, as `full` wrote them; an absent number is CTP's "no value"."""
    return {item.name: _read(message, item) for item in struct.fields}


def _read(message: Any, item: Field) -> Any:
    value = getattr(message, item.proto_name)
    match item.kind:
        case Kind.BYTES:
            return value.hex()
        case Kind.CHAR if item.enum:
            return chr(value)
        case Kind.DOUBLE:
            return value if message.HasField(item.proto_name) else DBL_MAX
        case _:
            return value
