"""Struct bytes and Python values are two forms of the same thing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.catalog import Catalog, Kind
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from tests.ctpabi.strategies import struct_bytes, structs, values


@given(st.data())
def test_what_is_packed_is_unpacked(data: st.DataObject) -> None:
    """Every struct gives back the values it was packed with, zero values for the rest, and the same by field."""
    struct = data.draw(structs(load_catalog()))
    written = data.draw(values(struct))

    packed = layout.pack(struct, written)
    read = layout.unpack(struct, packed)

    assert len(packed) == struct.size
    assert {name: read[name] for name in written} == written
    # A zero length says nothing about a binary field: all of its bytes are given, and they are zeros.
    assert not any(
        any(value) if isinstance(value, bytes) else value for name, value in read.items() if name not in written
    )
    assert {name: layout.get(struct, packed, name) for name in read} == read


@given(st.data())
def test_any_memory_can_be_read(data: st.DataObject) -> None:
    """Whatever the counter leaves in a struct, reading does not fail, whole or by field."""
    struct = data.draw(structs(load_catalog()))
    memory = data.draw(struct_bytes(struct))
    read = layout.unpack(struct, memory)

    assert repr({field.name: layout.get(struct, memory, field.name) for field in struct.fields}) == repr(read)


@given(st.data())
def test_putting_fields_is_packing_them(data: st.DataObject) -> None:
    """Writing fields one by one into a zeroed struct gives the same bytes as packing them at once."""
    struct = data.draw(structs(load_catalog()))
    written = data.draw(values(struct))
    memory = bytearray(struct.size)

    for name, value in written.items():
        layout.put(struct, memory, name, value)

    assert bytes(memory) == layout.pack(struct, written)


def test_put_leaves_nothing_of_the_old_value(catalog: Catalog) -> None:
    """A shorter value does not leave the old one's tail, and the neighbors stay as they are."""
    order = catalog.structs["InputOrder"]
    memory = bytearray(layout.pack(order, {"BrokerID": "9999", "InvestorID": "somebodyelse", "OrderRef": "12"}))

    layout.put(order, memory, "InvestorID", "me")

    assert bytes(memory) == layout.pack(order, {"BrokerID": "9999", "InvestorID": "me", "OrderRef": "12"})


def test_padding_is_zero(catalog: Catalog) -> None:
    """No byte of a packed struct is left to chance: what is not a field is zero."""
    struct = catalog.structs["UserSystemInfo"]
    full: dict[str, Any] = {"UserID": "x" * 15, "ClientSystemInfo": b"\xff" * 273, "ClientSystemInfoLen": -1}

    assert layout.pack(struct, full)[27:28] == b"\0"


def test_a_blob_keeps_its_nuls(catalog: Catalog) -> None:
    """The collector's bytes come back as long as the length field says, NULs at the end included."""
    struct = catalog.structs["UserSystemInfo"]
    blob = b"\x01\0\xff" + bytes(261)
    packed = layout.pack(struct, {"ClientSystemInfo": blob, "ClientSystemInfoLen": len(blob)})

    assert layout.get(struct, packed, "ClientSystemInfo") == blob
    assert layout.unpack(struct, packed)["ClientSystemInfo"] == blob


@pytest.mark.parametrize("length", [0, -1, 274])
def test_an_impossible_length_shows_the_whole_field(catalog: Catalog, length: int) -> None:
    """Whoever judges a report with a wrong length sees all bytes there are."""
    struct = catalog.structs["UserSystemInfo"]
    packed = layout.pack(struct, {"ClientSystemInfo": b"\x01\0\x02", "ClientSystemInfoLen": length})

    assert layout.get(struct, packed, "ClientSystemInfo") == b"\x01\0\x02" + bytes(270)


def test_a_settlement_chunk_is_not_decoded(catalog: Catalog) -> None:
    """A chunk may end inside a character: it stays bytes, up to its NUL."""
    struct = catalog.structs["SettlementInfo"]
    chunk = ("结" * 250).encode("gb18030")[:-1]

    assert layout.unpack(struct, layout.pack(struct, {"Content": chunk}))["Content"] == chunk


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"Broker": "9999"}, layout.UnknownField, "InputOrder has no field Broker"),
        ({"BrokerID": "12345678901"}, layout.FieldTooLong, "InputOrder.BrokerID: takes 10 bytes of GB18030, not 11"),
        ({"BrokerID": "报单报单报单"}, layout.FieldTooLong, "takes 10 bytes of GB18030, not 12"),
        ({"BrokerID": b"9999"}, layout.BadValue, "InputOrder.BrokerID: takes text, not bytes"),
        ({"BrokerID": "a\0b"}, layout.BadValue, "InputOrder.BrokerID: text contains NUL"),
        ({"BrokerID": "\ud800"}, layout.BadValue, "InputOrder.BrokerID: character 0 is a lone surrogate"),
        ({"Direction": "01"}, layout.BadValue, "InputOrder.Direction: takes text of one character or none"),
        ({"Direction": "买"}, layout.BadValue, "InputOrder.Direction: takes a character of one byte"),
        ({"RequestID": 2**31}, layout.BadValue, "InputOrder.RequestID: takes a whole number of 32 bits"),
        ({"RequestID": 1.0}, layout.BadValue, "InputOrder.RequestID: takes a whole number, not float"),
        ({"LimitPrice": "1"}, layout.BadValue, "InputOrder.LimitPrice: takes a number, not str"),
    ],
)
def test_what_does_not_fit_is_refused(
    catalog: Catalog, values: dict[str, Any], error: type[layout.LayoutError], says: str
) -> None:
    """Nothing is cut or wrapped silently; the error names struct and field."""
    with pytest.raises(error) as refused:
        layout.pack(catalog.structs["InputOrder"], values)

    assert says in str(refused.value)


def test_blobs_have_a_limit_too(catalog: Catalog) -> None:
    """A blob longer than the field is refused, and so is text where a blob belongs."""
    struct = catalog.structs["UserSystemInfo"]

    with pytest.raises(layout.FieldTooLong, match=r"UserSystemInfo\.ClientSystemInfo: takes 273 bytes, not 274"):
        layout.pack(struct, {"ClientSystemInfo": bytes(274)})
    with pytest.raises(layout.BadValue, match="takes bytes, not str"):
        layout.pack(struct, {"ClientSystemInfo": "text"})


def test_errors_do_not_repeat_the_value(catalog: Catalog) -> None:
    """The value may be a password."""
    login = catalog.structs["ReqUserLogin"]

    for secret in ("hunter2" * 9, "hunter2\0", "hunter2\ud800"):
        with pytest.raises(layout.LayoutError) as refused:
            layout.pack(login, {"Password": secret})
        assert "hunter2" not in str(refused.value)


def test_bytes_of_another_struct_are_refused(catalog: Catalog) -> None:
    """The size is checked before anything is read from the wrong place."""
    order = catalog.structs["Order"]

    with pytest.raises(layout.WrongSize, match=r"^Order has 872 bytes, not 871$"):
        layout.unpack(order, bytes(871))


def test_short_fields_have_their_own_range(catalog: Catalog) -> None:
    """A 16-bit field refuses what only 32 bits hold."""
    struct, field = next((s, f) for s in catalog.structs.values() for f in s.fields if f.kind is Kind.SHORT)

    assert layout.get(struct, layout.pack(struct, {field.name: -32768}), field.name) == -32768
    with pytest.raises(layout.BadValue, match="takes a whole number of 16 bits"):
        layout.pack(struct, {field.name: 32768})
