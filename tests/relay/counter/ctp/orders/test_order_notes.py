"""Which requests leave a trace in the orders' stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ctpabi.catalog import Kind
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.requests import Outgoing
from relay.counter.ctp.orders.order_notes import OrderNotes, _is_order, _kind
from relay.counter.port import OrderNote
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, OWNERSHIP, PLACES, investor, method, read, request
from tests.relay.counter.ctp.played_board import answer

ORDERS = sorted(name for name in CATALOG.methods if _is_order(name))
ORDERED = {"ActionFlag", "ActionType", "ExchangeID", "InstrumentID", "IsOffset", "OffsetType", "UnderlyingInstrID"}
KINDS = "Direction", "OffsetFlag", "SelfCloseFlag"
"""how names end that say which way: to buy or to sell, to open or to close"""
CALLED = {"FrontID", "SessionID", "RequestID", "ParkedOrderID", "ParkedOrderActionID"}
NOT_KEPT = {
    "StopPrice", "MinVolume", "VolumeCondition",  # conditions, not what was ordered
}  # fmt: skip


class Noted:
    """The notes of one counter session with one terminal."""

    def __init__(self) -> None:
        self._made: list[Callable[[], OrderNote]] = []
        self.lanes = Lanes(PLACES, OWNERSHIP)
        self.lanes.rebind(3, 77, 40)
        self.lane = self.lanes.open(replace(investor("100001"), app_id="terminal_1.0"))
        self.notes = OrderNotes(cast("Any", SimpleNamespace(put=self._made.append)), CATALOG, self.lanes)
        self.notes.begin_day("20261123")
        self._link = cast("Any", SimpleNamespace(name="s-1", lane=self.lane))
        self.notes.opened(self._link)

    def send(self, name: str, key: str = "", **fields: Any) -> bytearray:
        """An insert, as it was written for the counter."""
        written = request(name, InvestorID="100001", **fields)
        sent = bytearray(written)
        outgoing = self.lanes.outgoing(self.lane, method(name), sent, key)
        assert isinstance(outgoing, Outgoing)
        self.call(name, written, sent, outgoing)
        return sent

    def call(self, name: str, written: bytearray, sent: bytearray, outgoing: Outgoing) -> None:
        call = SimpleNamespace(method=method(name), outgoing=outgoing, link=self._link)
        self.notes.sent(cast("Any", call), written, sent, 0)

    @property
    def last(self) -> OrderNote:
        return self._made[-1]()

    @property
    def kinds(self) -> list[str]:
        return [make().kind for make in self._made]


def test_every_request_that_orders_or_takes_back_is_in_the_stream() -> None:
    """By name, so that a new version of the interface is looked at."""
    assert sorted(name.removeprefix("Req") for name in CATALOG.methods if _is_order(name)) == [
        "BatchOrderAction", "CancelOffsetSetting", "CombActionInsert", "ExecOrderAction", "ExecOrderInsert",
        "ForQuoteInsert", "OffsetSetting", "OptionSelfCloseAction", "OptionSelfCloseInsert", "OrderAction",
        "OrderInsert", "ParkedOrderAction", "ParkedOrderInsert", "QuoteAction", "QuoteInsert", "RemoveParkedOrder",
        "RemoveParkedOrderAction",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "action", "kind"),
    [
        ("ReqOrderInsert", "", "order_insert"),
        ("ReqParkedOrderInsert", "", "order_insert"),
        ("ReqOffsetSetting", "", "order_insert"),
        ("ReqCancelOffsetSetting", "", "order_cancel"),
        ("ReqRemoveParkedOrder", "", "order_cancel"),
        ("ReqOrderAction", "0", "order_cancel"),
        ("ReqOrderAction", "3", "order_change"),
    ],
)
def test_an_entry_says_what_was_done(method: str, action: str, kind: str) -> None:
    """Ordered, changed or taken back."""
    assert _kind(method, action) == kind


@pytest.mark.parametrize("name", ORDERS)
def test_what_was_ordered_and_every_name_of_it_is_in_the_entry(name: str) -> None:
    """By the fields the interface has: a regulator asks for an order by any of them."""
    struct, noted = CATALOG.structs[method(name).struct], Noted()
    full = request(name, **{one.name: "7" if one.kind in {Kind.TEXT, Kind.CHAR} else 7 for one in struct.fields})
    fields = {one.name for one in struct.fields}
    amounts = {name for name in fields if "Price" in name or "Volume" in name}
    ordered = amounts | {name for name in fields if name in ORDERED or name.endswith(KINDS)}
    names = {name for name in fields if name in CALLED or name.endswith(("Ref", "SysID"))}

    noted.call(name, full, full, Outgoing())

    data = cast("dict[str, Any]", noted.last.data)
    assert data["call"] == name
    assert ordered - NOT_KEPT <= set(data["order"])
    assert {str(value) for value in data["order"].values()} <= {"7", "7.0"}
    for side in ("of_terminal", "at_counter"):
        assert names <= set(data[side])


def test_an_order_has_the_terminals_names_and_the_counters() -> None:
    """Whoever has one of them finds the other, and who it was."""
    noted = Noted()
    sent = noted.send("ReqOrderInsert", "K1", OrderRef="5", InstrumentID="rb2701", LimitPrice=3500.0)

    note, lane = noted.last, noted.lane
    assert (note.kind, note.session, note.trading_day) == ("order_insert", "s-1", "20261123")
    data = cast("dict[str, Any]", note.data)
    assert (data["investor_id"], data["terminal_app_id"]) == ("100001", "terminal_1.0")
    assert (data["return_code"], data["client_order"]) == (0, "K1")
    assert (data["order"]["InstrumentID"], data["order"]["LimitPrice"]) == ("rb2701", 3500.0)
    told = data["of_terminal"]
    assert (told["FrontID"], told["SessionID"], told["Ref"].strip()) == (lane.front, lane.session, "5")
    ref = read("InputOrder", sent, "OrderRef")
    assert (data["at_counter"]["FrontID"], data["at_counter"]["SessionID"]) == (3, 77)
    assert data["at_counter"]["OrderRef"].strip() == ref.strip()


def test_a_quotes_two_orders_are_found_from_the_quote() -> None:
    """The exchange has a trade of one of them; the entry of the quote says which two they are."""
    noted = Noted()
    sent = noted.send("ReqQuoteInsert", QuoteRef="3", AskOrderRef="4", BidOrderRef="5", InstrumentID="rb2701")

    data = cast("dict[str, Any]", noted.last.data)
    told, there = data["of_terminal"], data["at_counter"]
    assert [told[name].strip() for name in ("AskOrderRef", "BidOrderRef")] == ["4", "5"]
    assert (there["AskOrderRef"], there["BidOrderRef"]) == read("InputQuote", sent, "AskOrderRef", "BidOrderRef")


def test_a_refusal_is_kept_once_with_the_counters_words() -> None:
    """The counter says it twice: as the answer, and to all sessions of its user."""
    noted = Noted()
    sent = noted.send("ReqOrderInsert", OrderRef="5", InstrumentID="rb2701")
    row: dict[str, Any] = {"BrokerID": BROKER, "InvestorID": "100001", "InstrumentID": "rb2701"}
    row |= {name: read("InputOrder", sent, name) for name in ("OrderRef", "RequestID")}

    for name in ("OnRspOrderInsert", "OnErrRtnOrderInsert"):
        noted.notes.heard(answer(name, 1, 31, **row))
    noted.notes.heard(answer("OnRspOrderInsert", 1, 0, **row))

    assert noted.kinds == ["order_insert", "order_refused"]
    data = cast("dict[str, Any]", noted.last.data)
    assert (data["refused"], data["callback"]) == ("ReqOrderInsert", "OnRspOrderInsert")
    assert (data["error_id"], data["error_msg"]) == (31, "refused")
    assert data["order"]["InstrumentID"] == "rb2701"
    assert data["of_terminal"]["SessionID"] == noted.lane.session
    assert data["at_counter"]["OrderRef"] == row["OrderRef"]


def test_a_refusal_of_another_programs_order_is_none_of_ours() -> None:
    """The counter tells it to all sessions of its user."""
    noted = Noted()

    noted.notes.heard(answer("OnErrRtnOrderInsert", 1, 31, BrokerID=BROKER, InvestorID="100001", OrderRef="999"))

    assert noted.kinds == []
