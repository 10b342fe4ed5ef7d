"""Reading and writing single fields agrees with the layout of the whole struct."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.codec.cells import int_cell, text_cell
from tests.relay.counter.ctp.ctp_bodies import CATALOG, body, read

ORDER = CATALOG.structs["Order"]


@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=20), st.integers(-(2**31), 2**31 - 1))
def test_a_cell_writes_what_the_layout_reads(text: str, number: int) -> None:
    """And touches nothing else."""
    data = body("Order", InstrumentID="rb2510", OrderSysID="x" * 20, SessionID=1)
    system_id, session = text_cell(ORDER, "OrderSysID"), int_cell(ORDER, "SessionID")
    assert system_id is not None
    assert session is not None

    system_id.write(data, text.encode())
    session.write(data, number)

    assert data == body("Order", InstrumentID="rb2510", OrderSysID=text, SessionID=number)
    assert (system_id.read(data), session.read(data)) == (text.encode(), number)
    assert read("Order", data, "OrderSysID") == text


def test_text_that_does_not_fit_is_refused() -> None:
    """CTP would cut it; with its NUL it has to fit."""
    cell = text_cell(ORDER, "BrokerID")
    assert cell is not None

    with pytest.raises(ValueError, match="do not fit"):
        cell.write(body("Order"), b"12345678901")


def test_a_field_without_a_nul_is_read_to_its_end() -> None:
    """Never into the next field."""
    cell = text_cell(ORDER, "BrokerID")
    assert cell is not None
    data = bytes(body("Order")).replace(b"\0", b"x")

    assert cell.read(data) == b"x" * 11


def test_fields_of_another_kind_are_no_cells() -> None:
    """A double is neither."""
    assert text_cell(ORDER, "LimitPrice") is None
    assert int_cell(ORDER, "LimitPrice") is None
    assert text_cell(ORDER, "NoSuchField") is None
