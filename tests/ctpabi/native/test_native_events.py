"""Both roads make the same bytes of every struct, whatever is in its memory."""

from __future__ import annotations

import random
import struct as machine
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.catalog import Callback, Catalog, Distribution, Interface, Kind, Struct
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.codec.cells import int_cell, text_cell, texts_and_numbers
from ctpabi.codec.messages import Messages, message_encoder
from ctpabi.native.events import NativeEvents
from ctpabi.native.plan import has_message
from tests.ctpabi.native_library import native_events, native_module
from tests.ctpabi.strategies import INT32, struct_bytes, structs, values

CATALOG = load_catalog()
CALLBACKS = [callback for callback in CATALOG.callbacks.values() if callback.proto_name]
EVERY_CATALOG = [(interface, distribution) for interface in Interface for distribution in Distribution]
NAN = machine.pack("<d", float("nan"))
_EMPTY_PLAN = 40
"""bytes of a plan without a struct, a callback and a request"""
STATUS = "全部成交报单已提交€\U00020000".encode("gb18030")


@cache
def own_native() -> NativeEvents:
    return native_events(CATALOG)


@pytest.fixture
def native() -> NativeEvents:
    return own_native()


@pytest.mark.parametrize(("interface", "distribution"), EVERY_CATALOG)
def test_every_struct_of_every_catalog_is_the_same_message(interface: Interface, distribution: Distribution) -> None:
    """Empty, full, noise, sparse noise, Chinese text cut anywhere, NaN and CTP's "no value"."""
    catalog = load_catalog(interface, distribution)
    native = native_events(catalog)
    for struct in filter(has_message, catalog.structs.values()):
        encode = message_encoder(struct)
        for body in _samples(struct):
            assert native.message(struct.name, body) == encode(body), struct.name


def _samples(struct: Struct) -> Iterator[bytes]:
    noise = random.Random(struct.name)
    yield bytes(struct.size)
    yield b"\xff" * struct.size
    yield (STATUS * (struct.size // len(STATUS) + 1))[: struct.size]
    for share in (0.05, 0.3, 1.0):
        yield bytes(noise.randrange(256) if noise.random() < share else 0 for _ in range(struct.size))
    for number in (NAN, machine.pack("<d", layout.DBL_MAX), machine.pack("<d", -0.0)):
        body = bytearray(struct.size)
        for field in struct.fields:
            if field.kind is Kind.DOUBLE:
                body[field.offset : field.offset + field.size] = number
        yield bytes(body)


@given(st.data())
def test_any_memory_of_any_struct_is_the_same_message(data: st.DataObject) -> None:
    """Also what no counter sends: missing NULs, half characters, padding that is not zero."""
    struct = data.draw(structs(CATALOG))
    fitting = values(struct).map(lambda chosen: layout.pack(struct, chosen))
    body = data.draw(struct_bytes(struct) | fitting)

    assert own_native().message(struct.name, body) == message_encoder(struct)(body)


@given(
    callback=st.sampled_from(CALLBACKS),
    data=st.data(),
    request_id=INT32,
    is_last=st.booleans(),
    error=st.tuples(INT32 | st.just(0), st.binary(max_size=81)),
)
def test_any_event_is_the_same(
    callback: Callback, data: st.DataObject, request_id: int, is_last: bool, error: tuple[int, bytes]
) -> None:
    """With its request id, whether it is the last, its error, and without a struct where CTP passes NULL."""
    size = CATALOG.structs[callback.struct].size if callback.struct else 0
    body = data.draw(st.none() | st.binary(min_size=size, max_size=size)) if size else None
    in_python, native = Messages(CATALOG), Messages(CATALOG, own_native())

    made = [
        one.event_bytes(callback, body, error_id=error[0], error_msg=error[1], request_id=request_id, is_last=is_last)
        for one in (in_python, native)
    ]

    assert made[0] == made[1]


def test_what_is_no_event_is_refused_as_in_python(native: NativeEvents, catalog: Catalog) -> None:
    """The connection's own callbacks, and bytes of another size."""
    messages = Messages(catalog, native)

    with pytest.raises(ValueError, match="OnFrontConnected"):
        messages.event_bytes(catalog.callbacks["OnFrontConnected"], None)
    with pytest.raises(layout.WrongSize, match="Order has 872 bytes, not 871"):
        messages.event_bytes(catalog.callbacks["OnRtnOrder"], bytes(871))
    with pytest.raises(ValueError, match="size"):
        native.message("Order", bytes(873))


def test_a_plan_that_does_not_fit_itself_is_refused() -> None:
    """A field beyond its struct would read what is not the counter's."""
    module = native_module()
    tags = b"\x08", b"\x10", b"\x18"
    nothing = b"\0" * _EMPTY_PLAN
    beyond = machine.pack("<IIII", 4, 1, 8, 1) + machine.pack("<BBHIIIB7s", 0, 0, 0, 4, 5, 0, 1, b"\x0a")
    no_struct = nothing[:-4] + machine.pack("<III", 1, 7, 0)

    for wrong in (b"", b"\0\0\0", beyond + nothing[8:], nothing + b"\0", no_struct):
        with pytest.raises(ValueError, match="no plan"):
            module.Plan(wrong, *tags)
    with pytest.raises(ValueError, match="tag"):
        module.Plan(nothing, b"", b"\x10", b"\x18")


class Found(NamedTuple):
    exchange: bytes
    nothing: bytes
    number: bytes
    front: int
    none: int
    session: int


@given(st.data())
def test_fields_read_at_once_are_those_read_one_by_one(data: st.DataObject) -> None:
    """Whatever is in memory: text without a NUL, and something behind one."""
    order = CATALOG.structs["Order"]
    texts = [text_cell(order, "ExchangeID"), None, text_cell(order, "OrderSysID")]
    numbers = [int_cell(order, "FrontID"), None, int_cell(order, "SessionID")]
    body = data.draw(struct_bytes(order))

    exchange, nothing, number = [b"" if cell is None else cell.read(body) for cell in texts]
    one_by_one = Found(exchange, nothing, number, *[0 if cell is None else cell.read(body) for cell in numbers])

    for native in (None, own_native()):
        found = texts_and_numbers(Found, texts, numbers, native)(body)
        assert (found, type(found)) == (one_by_one, Found)


def test_a_reader_looks_at_nothing_beyond_the_bytes(native: NativeEvents) -> None:
    """A shorter struct would make it read what is not the counter's."""
    read = native.reader(Found, [(4, 9), None, (20, 3)], [(0, 4), None, (13, 4)])

    assert read(bytes(23)) == Found(b"", b"", b"", 0, 0, 0)
    with pytest.raises(ValueError, match="size"):
        read(bytes(22))
    with pytest.raises(TypeError):
        read("text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="four bytes"):
        native.reader(Found, [], [(0, 8)])
    with pytest.raises(TypeError, match="few"):
        native.reader(Found, [(0, 1)] * 33, [])
