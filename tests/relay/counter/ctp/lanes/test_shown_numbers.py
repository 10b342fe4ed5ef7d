"""Which numbers the counter has said are whose, however they are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.counter.ctp.identity.spelling import number_key
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.lanes.shown_numbers import ShownLimits, ShownNumber, ShownNumbers
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, callback, event, keys_of

ALICE, BOB = b"10001", b"10002"
AT = "        8001"


def teach(shown: ShownNumbers, name: str, investor: str = "10001", **fields: Any) -> None:
    if CATALOG.structs[callback(name).struct].has("ExchangeID"):
        fields = {"ExchangeID": "SHFE", **fields}
    body = event(name, BrokerID=BROKER, InvestorID=investor, **fields)
    shown.learn(callback(name), body, keys_of(callback(name), body), investor.encode(), ours=False)


def found(shown: ShownNumbers, written: bytes, investor: bytes = ALICE, exchange: bytes = b"SHFE") -> list[bytes]:
    return [one.number for one in shown.numbered(investor, "OrderSysID", exchange, written)]


@pytest.mark.parametrize(
    "written",
    [
        "8001", "8001        ", "        8001", "\t8001", "8001\t", "8001\r\n", "00008001", " 008001", "８００１",
        "　8001", "8001　", "80 01", "8001\x01", "8\u200b001",
    ],
)  # fmt: skip
def test_every_spelling_of_a_number_is_that_number(written: str) -> None:
    """Blanks of every width, tabs, control characters, leading zeros, digits of every width."""
    shown = ShownNumbers(CATALOG)
    teach(shown, "OnRtnOrder", OrderSysID=AT)

    assert found(shown, written.encode("gb18030")) == [AT.encode()]
    assert found(shown, written.encode("gb18030"), BOB) == []


@pytest.mark.parametrize(("written", "key"), [(b"", b""), (b"   ", b""), (b"\t", b""), (b"0", b"0"), (b"000", b"0")])
def test_what_shows_nothing_is_no_number(written: bytes, key: bytes) -> None:
    """A field of blanks names nothing; zero is a number."""
    assert number_key(written) == key


@given(st.binary(max_size=20), st.integers(0, 12), st.integers(0, 12))
def test_blanks_around_a_number_never_make_another(written: bytes, left: int, right: int) -> None:
    """Whatever bytes it has, and the key of a key is that key."""
    key = number_key(written)

    assert number_key(key) == key
    if written.isalnum():
        assert number_key(b" " * left + written + b" " * right) == key


@pytest.mark.parametrize(
    ("name", "field", "kind"),
    [
        ("OnRtnOrder", "OrderSysID", "OrderSysID"),
        ("OnRspQryOrder", "OrderSysID", "OrderSysID"),
        ("OnRtnTrade", "OrderSysID", "OrderSysID"),
        ("OnRspQryTrade", "OrderSysID", "OrderSysID"),
        ("OnRtnQuote", "QuoteSysID", "QuoteSysID"),
        ("OnRtnQuote", "AskOrderSysID", "OrderSysID"),
        ("OnRspQryQuote", "QuoteSysID", "QuoteSysID"),
        ("OnRtnExecOrder", "ExecOrderSysID", "ExecOrderSysID"),
        ("OnRspQryExecOrder", "ExecOrderSysID", "ExecOrderSysID"),
        ("OnRtnOptionSelfClose", "OptionSelfCloseSysID", "OptionSelfCloseSysID"),
        ("OnRspParkedOrderInsert", "ParkedOrderID", "ParkedOrderID"),
        ("OnRspQryParkedOrder", "ParkedOrderID", "ParkedOrderID"),
        ("OnRspParkedOrderAction", "ParkedOrderActionID", "ParkedOrderActionID"),
        ("OnRspQryParkedOrderAction", "ParkedOrderActionID", "ParkedOrderActionID"),
    ],
)
def test_notices_and_rows_say_whose_a_number_is(name: str, field: str, kind: str) -> None:
    """Live, in the day's replay, or by a query; and only for the investor they name."""
    shown = ShownNumbers(CATALOG)
    teach(shown, name, **{field: "  77"})

    expected = [ShownNumber(b"" if kind.startswith("Parked") else b"SHFE", b"  77")]
    assert shown.numbered(ALICE, kind, b"SHFE", b"77") == expected
    assert shown.numbered(BOB, kind, b"SHFE", b"77") == []


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("OnErrRtnOrderAction", "OrderSysID"),
        ("OnErrRtnQuoteInsert", "ReplaceSysID"),
        ("OnRtnQuote", "ReplaceSysID"),
        ("OnRspQryQuote", "ReplaceSysID"),
        ("OnRspOrderAction", "OrderSysID"),
        ("OnRspParkedOrderAction", "OrderSysID"),
        ("OnRspQryParkedOrderAction", "OrderSysID"),
        ("OnRspRemoveParkedOrder", "ParkedOrderID"),
        ("OnRspQuoteAction", "QuoteSysID"),
    ],
)
def test_what_a_terminal_wrote_teaches_nothing(name: str, field: str) -> None:
    """The counter repeats a request in its refusal, in what it says of an action, and in a quote what it replaced."""
    shown = ShownNumbers(CATALOG)
    teach(shown, name, **{field: "77"})

    assert shown.numbered(ALICE, "OrderSysID", b"", b"77") == []
    assert shown.numbered(ALICE, "ParkedOrderID", b"", b"77") == []
    assert shown.numbered(ALICE, "QuoteSysID", b"", b"77") == []


def test_another_programs_order_is_known_by_its_triple_too() -> None:
    """Its front, session and reference; another session's of the same reference is another order."""
    shown = ShownNumbers(CATALOG)
    teach(shown, "OnRtnOrder", FrontID=2, SessionID=99, OrderRef="  7")

    assert shown.has_triple(ALICE, RefSpace.ORDER, 2, 99, 7)
    assert not shown.has_triple(ALICE, RefSpace.ORDER, 2, 98, 7)
    assert not shown.has_triple(BOB, RefSpace.ORDER, 2, 99, 7)
    assert not shown.has_triple(ALICE, RefSpace.QUOTE, 2, 99, 7)


def test_two_numbers_that_differ_in_spelling_alone_stay_two() -> None:
    """Each is named exactly; what names neither exactly names the first."""
    shown = ShownNumbers(CATALOG)
    for written in ("7", "007"):
        teach(shown, "OnRtnOrder", OrderSysID=written)

    assert [found(shown, written) for written in (b"7", b"007", b" 7")] == [[b"7"], [b"007"], [b"7"]]


def test_what_is_kept_is_bounded_and_a_query_brings_it_back() -> None:
    """The investor with the most loses the oldest, others lose nothing, and a row makes a number known again."""
    shown = ShownNumbers(CATALOG, ShownLimits(total=200, half=100))
    teach(shown, "OnRtnTrade", investor="10002", OrderSysID="1")
    for number in range(10_000):
        teach(shown, "OnRtnTrade", OrderSysID=f"{number:>12}")

    assert len(shown) <= 200
    assert found(shown, b"9999")
    assert not found(shown, b"3")
    assert found(shown, b"1", BOB)
    teach(shown, "OnRspQryOrder", OrderSysID="           3")
    assert found(shown, b"3")


def test_the_total_is_kept_over_all_investors() -> None:
    """Many investors together cannot fill the memory either."""
    shown = ShownNumbers(CATALOG, ShownLimits(total=50, half=40))
    for number in range(1_000):
        teach(shown, "OnRtnTrade", investor=f"{number % 20:05}", OrderSysID=f"{number}")

    assert len(shown) <= 51


def test_a_new_day_knows_no_number() -> None:
    """The exchange numbers anew."""
    shown = ShownNumbers(CATALOG)
    teach(shown, "OnRtnOrder", OrderSysID=AT)
    shown.start_day()

    assert (found(shown, b"8001"), len(shown)) == ([], 0)


@pytest.mark.parametrize("named", ["", "10002"])
def test_what_does_not_name_the_investor_teaches_nothing_of_him(named: str) -> None:
    """A row without an InvestorID may be anyone's, though it is his answer."""
    shown = ShownNumbers(CATALOG)
    row = event("OnRspQryOrder", BrokerID=BROKER, InvestorID=named, ExchangeID="SHFE", OrderSysID=AT)
    shown.learn(callback("OnRspQryOrder"), row, keys_of(callback("OnRspQryOrder"), row), ALICE, ours=False)

    assert len(shown) == 0
