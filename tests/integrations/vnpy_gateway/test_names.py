"""Ids of orders and trades: what vn.py relies on."""

from __future__ import annotations

import math

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from vnpy_relay.names import OrderName, finite, name_of, order_name, trade_id


def test_an_orders_id_is_read_from_its_notice() -> None:
    """Whatever blanks a counter writes around the reference; there and back again."""
    notice = ctp.Order(front_id=1_000_000_007, session_id=-3, order_ref="          12")

    assert name_of(notice).orderid == "1000000007_-3_12"
    assert order_name("1000000007_-3_12") == name_of(notice) == OrderName(1_000_000_007, -3, 12)


@pytest.mark.parametrize("text", ["", "12", "1_2", "1_2_3_4", "a_b_c", "1_2_x", "1.2_3_4"])
def test_an_id_of_another_gateway_names_no_order(text: str) -> None:
    """A cancel by it is answered here."""
    assert order_name(text) is None


def test_both_sides_of_a_trade_have_names_of_their_own() -> None:
    """And so has the same number at another exchange, or on another day."""
    buy, sell = enums.DIRECTION_BUY, enums.DIRECTION_SELL
    sides = [("20261126", "SHFE", buy), ("20261126", "SHFE", sell), ("20261126", "DCE", buy), ("20261127", "SHFE", buy)]

    ids = {
        trade_id(ctp.Trade(trading_day=day, exchange_id=exchange, trade_id="        77", direction=side))
        for day, exchange, side in sides
    }

    assert "20261126_SHFE_77_0" in ids
    assert len(ids) == 4


def test_no_id_has_a_point() -> None:
    """vn.py divides ids there, and ends its event thread where it finds two."""
    trade = ctp.Trade(trading_day="20261126", exchange_id="SHFE", trade_id="7.7", direction=enums.DIRECTION_BUY)

    assert "." not in trade_id(trade)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 1.7976931348623157e308])
def test_what_is_no_price_is_zero(number: float) -> None:
    """CTP's largest double stands for none."""
    assert finite(number) == 0.0
    assert finite(3501.0) == 3501.0
