"""CTP's names become protobuf names by a fixed rule."""

from __future__ import annotations

import pytest

from ctpabi.catalog.naming import enum_value_name, snake_case


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BrokerID", "broker_id"),
        ("OrderSysID", "order_sys_id"),
        ("GTDDate", "gtd_date"),
        ("IPAddress", "ip_address"),
        ("ClientIPPort", "client_ip_port"),
        ("BidPrice1", "bid_price1"),
        ("reserve1", "reserve1"),
        ("QryRULEInstrParameter", "qry_rule_instr_parameter"),
        ("RtnFromBankToFutureByFuture", "rtn_from_bank_to_future_by_future"),
    ],
)
def test_words_and_acronyms_are_split(name: str, expected: str) -> None:
    """An acronym stays one word, also in front of another word."""
    assert snake_case(name) == expected


def test_enum_values_carry_the_enum_name() -> None:
    """protobuf puts the values of all enums into one namespace, so CTP's abbreviation is not enough."""
    assert enum_value_name("OrderStatus", "OST_AllTraded") == "ORDER_STATUS_ALL_TRADED"
