"""Struct bytes by name: fields that two structs share move from one to the other."""

from __future__ import annotations

import pytest

from ctpabi.catalog import Field, Kind, Struct
from ctpabi.codec import layout
from simcounter.records import Records, Transplant
from tests.simcounter.kernel_driver import CATALOG


def text_struct(name: str, *fields: tuple[str, int]) -> Struct:
    made, offset = [], 0
    for field_name, size in fields:
        made.append(Field(field_name, field_name.lower(), Kind.TEXT, offset, size, "", "", ""))
        offset += size
    return Struct(name, offset, tuple(made), "")


def test_shared_fields_move_and_others_stay() -> None:
    """By name, wherever they stand; a field of another size is left alone."""
    source = text_struct("Source", ("A", 4), ("B", 4), ("Long", 8), ("C", 4))
    target = text_struct("Target", ("C", 4), ("Long", 4), ("X", 4), ("A", 4), ("B", 4))
    body = bytearray(layout.pack(target, {"X": "x"}))

    transplant = Transplant.between(source, target)
    transplant.into(body, layout.pack(source, {"A": "a", "B": "b", "C": "c", "Long": "longer"}))

    assert layout.unpack(target, bytes(body)) == {"C": "c", "Long": "", "X": "x", "A": "a", "B": "b"}
    assert transplant.slices == ((0, 12, 8), (16, 0, 4))


@pytest.mark.parametrize(
    ("source", "target"), [("InputOrder", "Order"), ("Order", "Trade"), ("InputOrder", "ParkedOrder")]
)
def test_a_transplant_says_what_packing_says(source: str, target: str) -> None:
    """Every shared field filled with something of its own."""
    records = Records(CATALOG)
    values = {
        field.name: {"text": "t", "char": "c", "int": 7, "short": 7, "double": 1.5}[field.kind]
        for field in records.struct(source).fields
        if not field.name.startswith("reserve")
    }
    body = bytearray(records.struct(target).size)

    Transplant.between(records.struct(source), records.struct(target)).into(body, records.pack(source, values))

    same_size = {
        name: value
        for name, value in records.common(target, values).items()
        if records.struct(source).field(name).size == records.struct(target).field(name).size
    }
    assert records.unpack(target, bytes(body)) == records.unpack(target, records.pack(target, same_size))


def test_an_echo_leaves_out_what_does_not_fit_back() -> None:
    """Bytes that are no GB18030 grow when read and written again; the rest of the struct still comes back."""
    records = Records(CATALOG)
    broken = b"\xff" * 10
    body = bytearray(records.struct("UserLogout").size)
    body[: len(broken)] = broken
    layout.put(records.struct("UserLogout"), body, "UserID", "100001")

    echoed = records.unpack("UserLogout", records.echo("UserLogout", records.unpack("UserLogout", bytes(body))))

    assert (echoed["BrokerID"], echoed["UserID"]) == ("", "100001")
