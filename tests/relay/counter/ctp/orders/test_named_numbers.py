"""In a session that investors share nobody acts on what is not known to be his, however he writes it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctpabi.api.spi import RawEvent
from ctpabi.codec.cells import TextCell
from relay.counter.ctp.identity.scope_table import SCOPES, Scope
from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace, ref_places
from relay.counter.ctp.orders.calls import RouterLink
from relay.refusals.refusal import Refusal
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, callback, event, method, read
from tests.relay.counter.ctp.orders.fed_router import Fed
from tests.relay.counter.ctp.played_board import answer

MINE, OTHERS = "100001", "100002"
ACTIONS = {
    "ReqOrderAction": ("OnRtnOrder", "OrderSysID", "OrderRef"),
    "ReqParkedOrderAction": ("OnRtnOrder", "OrderSysID", "OrderRef"),
    "ReqQuoteAction": ("OnRtnQuote", "QuoteSysID", "QuoteRef"),
    "ReqExecOrderAction": ("OnRtnExecOrder", "ExecOrderSysID", "ExecOrderRef"),
    "ReqOptionSelfCloseAction": ("OnRtnOptionSelfClose", "OptionSelfCloseSysID", "OptionSelfCloseRef"),
}
NAMED = [
    ("ReqRemoveParkedOrder", "ParkedOrderID", "OnRspQryParkedOrder", "ParkedOrderID"),
    ("ReqRemoveParkedOrderAction", "ParkedOrderActionID", "OnRspQryParkedOrderAction", "ParkedOrderActionID"),
    ("ReqParkedOrderInsert", "ParkedOrderID", "OnRspQryParkedOrder", "ParkedOrderID"),
    ("ReqParkedOrderAction", "ParkedOrderActionID", "OnRspQryParkedOrderAction", "ParkedOrderActionID"),
    ("ReqQuoteInsert", "ReplaceSysID", "OnRtnQuote", "QuoteSysID"),
]
"""request, the field that names something, and where the counter says whose that is"""
SPELLINGS = st.sampled_from(
    ["8001", " 8001", "8001 ", "        8001", "0008001", "\t8001", "8001\t", "８００１", "　8001", "80\x0101"]
)


class Market(Fed):
    """Two investors; the other one has an order, a quote and the like of another program, number 8001."""

    def __init__(self) -> None:
        super().__init__()
        self.mine, self.others = self.link(MINE), self.link(OTHERS)
        self.number = 0

    def say(self, name: str, investor: str, **fields: Any) -> None:
        body = event(name, BrokerID=BROKER, InvestorID=investor, **fields)
        self.router.event(RawEvent(callback(name), body, None), self.now)
        self.pump()

    def is_shown(self, link: RouterLink, name: str, row: str, **fields: Any) -> None:
        """A query of this terminal, answered by one row, which the terminal takes."""
        self.number += 1
        self.submit(link, name, 90_000 + self.number)
        self.router.event(answer(row, self.sent[-1].request_id, **fields), self.now)
        link.items.take()
        link.items.make(lambda: 0.0, 1.0)
        self.pump()

    def tried(self, link: RouterLink, name: str, **fields: Any) -> tuple[str | int, Any]:
        """What became of a request, and its bytes at the counter where it was sent."""
        self.number += 1
        made = self.submit(link, name, self.number, **fields)
        if isinstance(made, Refusal):
            return made.reason, None
        result = self.result(made)
        return result, dict(zip(self.sent, self.written, strict=True)).get(made)


def test_every_number_in_a_trading_request_is_tried_here() -> None:
    """By the catalog: whatever field numbers something at the counter or an exchange. ForQuoteSysID everybody hears of."""
    tried = {(name, number) for name, (_, number, _) in ACTIONS.items()} | {(name, field) for name, field, *_ in NAMED}
    fields = {
        (m.name, f.name)
        for m in CATALOG.requests
        if SCOPES[m.name] in {Scope.TRADING, Scope.TRANSFER}
        for f in CATALOG.structs[m.struct].fields
        if f.name.endswith(("SysID", "LocalID", "ParkedOrderID", "ParkedOrderActionID", "TradeID", "TraderID"))
    }

    assert fields - tried == {("ReqQuoteInsert", "ForQuoteSysID")}
    assert tried <= fields


def test_every_action_by_a_triple_is_tried_here() -> None:
    """By the catalog: whatever names an order, a quote and the like by front, session and reference."""
    acting = set()
    for m in CATALOG.requests:
        places = ref_places(CATALOG.structs[m.struct])
        if places is not None and places.action_space is not None and isinstance(places.ref, TextCell):
            acting.add(m.name)

    assert acting == set(ACTIONS)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(ACTIONS)), written=SPELLINGS, exchange=st.sampled_from(["SHFE", "SHFE ", ""]))
def test_anothers_number_is_refused_in_every_spelling_and_ones_own_is_sent_as_the_counter_writes_it(
    name: str, written: str, exchange: str
) -> None:
    """Orders, quotes, executions, self closes, and actions that are parked."""
    notice, number, _ = ACTIONS[name]
    market = Market()
    market.say(notice, OTHERS, ExchangeID="SHFE", **{number: "        8001"})
    asked = {"ExchangeID": exchange, number: written}

    stranger = market.tried(market.mine, name, **asked)
    owner, sent = market.tried(market.others, name, **asked)

    assert stranger == ("number_not_shown", None)
    assert owner == 0
    assert read(method(name).struct, sent, "ExchangeID", number) == ("SHFE", "        8001")


@pytest.mark.parametrize("name", sorted(ACTIONS))
@pytest.mark.parametrize("ref", ["7", " 7", "0007"])
def test_anothers_front_session_and_reference_are_refused(name: str, ref: str) -> None:
    """And with one's own number beside them; whoever owns them may use them."""
    notice, number, field = ACTIONS[name]
    market = Market()
    market.say(notice, OTHERS, FrontID=2, SessionID=99, ExchangeID="SHFE", **{field: "7", number: "8001"})
    market.say(notice, MINE, FrontID=2, SessionID=98, ExchangeID="SHFE", **{field: "7", number: "8002"})
    triple = {"FrontID": 2, "SessionID": 99, field: ref}

    assert market.tried(market.mine, name, **triple) == ("order_not_found", None)
    assert market.tried(market.mine, name, **triple, ExchangeID="SHFE", **{number: "8002"})[0] == "order_not_found"
    assert market.tried(market.others, name, **triple)[0] == 0


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_anothers_number_beside_ones_own_order_is_refused(name: str) -> None:
    """The exchange's number would decide at the counter."""
    notice, number, field = ACTIONS[name]
    insert = {"ReqParkedOrderAction": "ReqOrderInsert"}.get(name, name.removesuffix("Action") + "Insert")
    market = Market()
    market.say(notice, OTHERS, ExchangeID="SHFE", **{number: "8001"})
    _, sent = market.tried(market.mine, insert, **{field: "3"})
    own = {"InvestorID": MINE, "ExchangeID": "SHFE", number: "8002"}
    names = ("FrontID", "SessionID") if method(insert).struct == "InputCombAction" else ()
    ref = read(method(insert).struct, sent, field, *names)
    market.say(
        notice,
        FrontID=1,
        SessionID=77,
        investor=MINE,
        **{field: ref, **{k: v for k, v in own.items() if k != "InvestorID"}},
    )

    assert market.tried(market.mine, name, ExchangeID="SHFE", **{field: "3", number: "8001"})[0] == "number_not_shown"
    assert market.tried(market.mine, name, ExchangeID="SHFE", **{field: "3", number: " 8002"})[0] == 0


def test_a_quote_replaces_no_quote_of_another_exchange() -> None:
    """Exchanges number each for itself: the investor's own number of one is somebody else's at another."""
    market = Market()
    market.say("OnRtnQuote", MINE, ExchangeID="SHFE", QuoteSysID="  8001")
    market.say("OnRtnQuote", OTHERS, ExchangeID="DCE", QuoteSysID="8001")

    there = market.tried(market.mine, "ReqQuoteInsert", ExchangeID="DCE", ReplaceSysID="8001")
    result, sent = market.tried(market.mine, "ReqQuoteInsert", ExchangeID="SHFE", ReplaceSysID="8001")

    assert there == ("number_not_shown", None)
    assert (result, read("InputQuote", sent, "ReplaceSysID")) == (0, "  8001")


@settings(max_examples=40, deadline=None)
@given(named=st.sampled_from(NAMED), written=SPELLINGS)
def test_anothers_parked_order_or_quote_is_refused_in_every_spelling(
    named: tuple[str, str, str, str], written: str
) -> None:
    """Also where it is a quote to be replaced, or the number of a new parked order, which is the counter's to give."""
    name, field, source, taught = named
    market = Market()
    told = {"ExchangeID": "SHFE", taught: "        8001"}
    if source.startswith("OnRspQry"):
        market.is_shown(market.others, source.replace("OnRspQry", "ReqQry"), source, InvestorID=OTHERS, **told)
    else:
        market.say(source, OTHERS, **told)
    beside = {"OrderRef": "3"} if name == "ReqParkedOrderAction" else {}
    for link in (market.mine, market.others):
        market.tried(link, "ReqOrderInsert", OrderRef="3")

    assert market.tried(market.mine, name, **{field: written}, **beside) == ("number_not_shown", None)
    owner, sent = market.tried(market.others, name, **{field: written}, **beside)
    assert owner == 0
    assert read(method(name).struct, sent, field) == "        8001"


def test_an_action_that_names_nothing_is_not_sent() -> None:
    """What the counter would do with it, in the session of all, is anybody's guess."""
    market = Market()

    for name in ACTIONS:
        assert market.tried(market.mine, name)[0] == "order_not_found"
        assert market.tried(market.mine, name, **{ACTIONS[name][1]: "   "})[0] == "order_not_found"


# The honest -----------------------------------------------------------------------------------------------------


def test_an_order_that_only_a_query_showed_can_be_cancelled() -> None:
    """It was forgotten, or came before the directory knew its investor."""
    market = Market()
    assert market.tried(market.mine, "ReqOrderAction", ExchangeID="SHFE", OrderSysID="8001")[0] == "number_not_shown"

    market.is_shown(
        market.mine, "ReqQryOrder", "OnRspQryOrder", InvestorID=MINE, ExchangeID="SHFE", OrderSysID="  8001"
    )

    assert market.tried(market.mine, "ReqOrderAction", ExchangeID="SHFE", OrderSysID="8001")[0] == 0


def test_a_row_of_another_investor_shows_nothing() -> None:
    """It is withheld, and the number stays unknown."""
    market = Market()

    market.is_shown(
        market.mine, "ReqQryOrder", "OnRspQryOrder", InvestorID=OTHERS, ExchangeID="SHFE", OrderSysID="  8001"
    )

    assert market.tried(market.mine, "ReqOrderAction", ExchangeID="SHFE", OrderSysID="8001")[0] == "number_not_shown"


def test_every_terminal_of_an_investor_may_cancel_what_any_of_his_programs_sent() -> None:
    """By another terminal of the relay, by a program of his own, and after all his terminals had left."""
    market = Market()
    mate = market.link(MINE)
    market.say("OnRtnOrder", MINE, FrontID=2, SessionID=99, OrderRef="7", ExchangeID="SHFE", OrderSysID="  8001")
    market.router.close_link(market.mine, market.now)
    market.router.close_link(mate, market.now)
    late = market.link(MINE)

    assert market.tried(late, "ReqOrderAction", ExchangeID="SHFE", OrderSysID="8001")[0] == 0
    assert market.tried(late, "ReqOrderAction", FrontID=2, SessionID=99, OrderRef="7")[0] == 0


def test_after_a_restart_an_order_is_cancelled_by_its_own_name_before_the_day_was_replayed() -> None:
    """The order map knows it; a number that is not known yet is left out, so that nobody else's can stand there."""
    market = Market()
    front = virtual_front(9)
    entry = MapEntry(RefSpace.ORDER, 1, 55, 12, 7, front, 4, "3", 0, MINE)
    market.router.lanes.restore([entry])
    name = {"FrontID": front, "SessionID": 4, "OrderRef": "3"}

    outcome, sent = market.tried(market.mine, "ReqOrderAction", **name, ExchangeID="SHFE", OrderSysID="8001")

    assert outcome == 0
    assert read("InputOrderAction", sent, "FrontID", "SessionID", "OrderRef", "OrderSysID") == (1, 55, "12", "")
    assert market.tried(market.others, "ReqOrderAction", **name)[0] == "order_not_found"


def test_a_new_day_forgets_the_numbers_of_the_old_one() -> None:
    """The exchange gives them to other orders."""
    market = Market()
    market.say("OnRtnOrder", MINE, ExchangeID="SHFE", OrderSysID="  8001")
    market.router.start_day()

    assert market.tried(market.mine, "ReqOrderAction", ExchangeID="SHFE", OrderSysID="8001")[0] == "number_not_shown"
