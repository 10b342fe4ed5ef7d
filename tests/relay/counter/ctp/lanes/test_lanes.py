"""How terminals share a counter session: references, fronts and sessions down and up."""

from __future__ import annotations

from typing import Any

import pytest

from relay.counter.ctp.lanes.lane import VIRTUAL_FRONT, Lane
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.requests import DayLimits, Outgoing
from relay.refusals.refusal import Refusal
from tests.relay.counter.ctp.ctp_bodies import (
    BROKER,
    CATALOG,
    OWNERSHIP,
    PLACES,
    body,
    callback,
    event,
    incoming,
    investor,
    method,
    read,
    request,
    show,
)

FRONT, SESSION = 3, -77_000_111


def lanes_at_counter(**options: Any) -> Lanes:
    lanes = Lanes(PLACES, OWNERSHIP, **options)
    lanes.rebind(FRONT, SESSION, 40)
    return lanes


def send(lanes: Lanes, lane: Lane, name: str, order_key: str = "", **fields: Any) -> tuple[bytearray, Outgoing]:
    data = request(name, InvestorID=lane.identity.investor_id, **fields)
    sent = lanes.outgoing(lane, method(name), data, order_key)
    assert isinstance(sent, Outgoing), sent
    return data, sent


def refused(lanes: Lanes, lane: Lane, name: str, order_key: str = "", **fields: Any) -> Refusal:
    data = request(name, **fields)
    before = bytes(data)
    refusal = lanes.outgoing(lane, method(name), data, order_key)
    assert isinstance(refusal, Refusal), refusal
    assert data == before
    return refusal


def order_of(sent: bytearray, system_id: str = "", front: int = FRONT, session: int = SESSION) -> bytes:
    """OnRtnOrder as the counter sends it for a sent InputOrder."""
    copied = ("InvestorID", "OrderRef", "RequestID", "InstrumentID")
    values = dict(zip(copied, read("InputOrder", sent, *copied), strict=True))
    return event(
        "OnRtnOrder",
        BrokerID=BROKER,
        FrontID=front,
        SessionID=session,
        ExchangeID="SHFE",
        OrderSysID=system_id,
        **values,
    )


def changed(struct: str, data: bytes, **fields: Any) -> bytes:
    """The same with other values."""
    names = [f.name for f in CATALOG.structs[struct].fields]
    values = dict(zip(names, read(struct, data, *names), strict=True))
    return bytes(body(struct, **{**values, **fields}))


def triple(data: bytes) -> tuple[int, int, str]:
    front, session, ref = read("Order", data, "FrontID", "SessionID", "OrderRef")
    return front, session, ref


# Down -----------------------------------------------------------------------------------------------------------


def test_the_counter_sees_one_increasing_sequence() -> None:
    """Two lanes that both count from 1 become one sequence above the counter's MaxOrderRef."""
    lanes = lanes_at_counter()
    alice, bob = lanes.open(investor("10001")), lanes.open(investor("10002"))

    refs = [
        read("InputOrder", send(lanes, lane, "ReqOrderInsert", OrderRef=ref)[0], "OrderRef")
        for lane, ref in ((alice, "1"), (bob, "1"), (bob, "000000000002"), (alice, "7"))
    ]

    assert refs == ["41", "42", "43", "44"]


def test_an_empty_reference_is_chosen_by_the_relay() -> None:
    """The terminal is told which of its own references the order got."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    send(lanes, lane, "ReqOrderInsert", OrderRef="5")

    _, sent = send(lanes, lane, "ReqOrderInsert")

    assert sent.order_ref == "6"
    assert lane.max_order_ref == 6


@pytest.mark.parametrize("ref", ["5", "4", " 5", "0005"])
def test_a_reference_that_does_not_increase_is_refused_as_ctp_does(ref: str) -> None:
    """22 DUPLICATE_ORDER_REF, before the counter has to say it; however the number is written."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    send(lanes, lane, "ReqOrderInsert", OrderRef="5")

    refusal = refused(lanes, lane, "ReqOrderInsert", OrderRef=ref)

    assert refusal.code == 22
    assert "不允许重复报单" in refusal.message


def test_a_reference_that_is_no_number_is_refused() -> None:
    """References are decimal digits."""
    lanes = lanes_at_counter()

    assert (
        refused(lanes, lanes.open(investor("10001")), "ReqOrderInsert", OrderRef="abc").reason == "reference_malformed"
    )


def test_a_refused_quote_uses_nothing_up() -> None:
    """A quote has three references; where the third is bad the first two are still free."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))

    refused(lanes, lane, "ReqQuoteInsert", QuoteRef="3", AskOrderRef="4", BidOrderRef="4")
    sent, _ = send(lanes, lane, "ReqQuoteInsert", QuoteRef="3", AskOrderRef="4", BidOrderRef="5")

    assert read("InputQuote", sent, "QuoteRef", "AskOrderRef", "BidOrderRef") == ("1", "41", "42")


def test_references_of_twelve_digits_go_on() -> None:
    """Another program of this user numbers its orders by the time of day; the counter wants greater ones after that."""
    lanes = Lanes(PLACES, OWNERSHIP)
    lanes.rebind(FRONT, SESSION, 93_015_123_456)
    lane = lanes.open(investor("10001"))

    sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="93015123456")
    cancel, _ = send(lanes, lane, "ReqOrderAction", OrderRef="93015123456")

    assert read("InputOrder", sent, "OrderRef") == "93015123457"
    assert read("InputOrderAction", cancel, "OrderRef") == "93015123457"
    assert triple(show(lanes, callback("OnRtnOrder"), order_of(sent))) == (lane.front, lane.session, "93015123456")
    assert lane.max_order_ref == 93_015_123_456


@pytest.mark.parametrize("name", ["ReqOrderInsert", "ReqQuoteInsert"])
def test_without_a_greater_reference_orders_are_refused_by_name(name: str) -> None:
    """At the counter or in the lane; what is refused uses nothing up."""
    lanes = Lanes(PLACES, OWNERSHIP)
    lanes.rebind(FRONT, SESSION, 999_999_999_999)
    lane, other = lanes.open(investor("10001")), lanes_at_counter()
    full = other.open(investor("10001"))
    send(other, full, "ReqOrderInsert", OrderRef="999999999999")

    assert refused(lanes, lane, name).reason == "references_used_up"
    assert refused(other, full, name).reason == "references_used_up"
    assert lane.refs.mark() == {}


@pytest.mark.parametrize(
    ("ask", "bid", "shown"),
    [("102", "101", ("102", "101")), ("101", "102", ("101", "102")), ("", "101", ("102", "101"))],
)
def test_a_quote_numbers_its_two_orders_either_way_round(ask: str, bid: str, shown: tuple[str, str]) -> None:
    """Market makers number the bid first as often as the ask; what is left empty comes after what is given."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))

    sent, _ = send(lanes, lane, "ReqQuoteInsert", QuoteRef="1", AskOrderRef=ask, BidOrderRef=bid)

    at_counter = read("InputQuote", sent, "AskOrderRef", "BidOrderRef")
    assert at_counter == ("41", "42")
    for ref, own in zip(at_counter, shown, strict=True):
        order = event("OnRtnOrder", InvestorID="10001", FrontID=FRONT, SessionID=SESSION, OrderRef=ref)
        assert triple(show(lanes, callback("OnRtnOrder"), order))[2] == own
    assert lane.max_order_ref == 102
    assert refused(lanes, lane, "ReqQuoteInsert", AskOrderRef="103", BidOrderRef="103").code == 22
    assert lane.max_order_ref == 102


def test_an_order_that_the_api_did_not_take_gives_its_reference_back() -> None:
    """After -1 nothing was sent: the terminal may use the reference again, the counter's is passed over."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    _, sent = send(lanes, lane, "ReqOrderInsert", OrderRef="9")
    lanes.retract(lane, sent)

    again, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="9")

    assert read("InputOrder", again, "OrderRef") == "42"
    assert lanes.used == 1


def test_without_a_counter_session_no_reference_is_given() -> None:
    """Between two logins an order has no session to count in."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    lanes.unbind()

    assert refused(lanes, lane, "ReqOrderInsert").reason == "counter_unavailable"


def test_an_investor_has_a_share_of_the_day() -> None:
    """In all lanes together, also new ones; others go on, and the investor's cancels do."""
    lanes = lanes_at_counter(limits=DayLimits(total=10, per_investor=2))
    alice, again, bob = (lanes.open(investor(name)) for name in ("10001", "10001", "10002"))
    _, sent = send(lanes, alice, "ReqOrderInsert")
    send(lanes, again, "ReqOrderInsert")
    lanes.close(again)

    assert refused(lanes, alice, "ReqOrderInsert").reason == "investor_day_limit_reached"
    assert refused(lanes, lanes.open(investor("10001")), "ReqOrderInsert").reason == "investor_day_limit_reached"
    send(lanes, bob, "ReqOrderInsert")
    send(lanes, alice, "ReqOrderAction", FrontID=alice.front, SessionID=alice.session, OrderRef=sent.order_ref)
    lanes.retract(alice, sent)
    send(lanes, alice, "ReqOrderInsert")


def test_the_day_is_bounded_by_refusing_new_orders() -> None:
    """A full map refuses for the whole relay; what is live stays."""
    lanes = lanes_at_counter(limits=DayLimits(total=3, per_investor=2))
    alice, bob = lanes.open(investor("10001")), lanes.open(investor("10002"))
    send(lanes, alice, "ReqOrderInsert")
    send(lanes, alice, "ReqOrderInsert")
    send(lanes, bob, "ReqOrderInsert")

    assert refused(lanes, bob, "ReqOrderInsert").reason == "day_limit_reached"
    assert lanes.used == 3


def test_the_shares_are_known_again_after_a_restart_and_new_with_the_day() -> None:
    """A restart gives nobody a second share."""
    limits = DayLimits(total=10, per_investor=1)
    before = lanes_at_counter(limits=limits)
    _, sent = send(before, before.open(investor("10001")), "ReqOrderInsert")
    after = lanes_at_counter(limits=limits)
    after.restore(sent.entries)
    lane = after.open(investor("10001"))

    assert refused(after, lane, "ReqOrderInsert").reason == "investor_day_limit_reached"
    after.start_day()
    send(after, lane, "ReqOrderInsert")


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("ReqQuoteInsert", "QuoteRef"),
        ("ReqExecOrderInsert", "ExecOrderRef"),
        ("ReqForQuoteInsert", "ForQuoteRef"),
        ("ReqOptionSelfCloseInsert", "OptionSelfCloseRef"),
        ("ReqCombActionInsert", "CombActionRef"),
        ("ReqParkedOrderInsert", "OrderRef"),
    ],
)
def test_every_kind_of_reference_is_shared_the_same_way(name: str, field: str) -> None:
    """Each space counts by itself, and each lane starts where it likes."""
    lanes = lanes_at_counter()
    alice, bob = lanes.open(investor("10001")), lanes.open(investor("10002"))
    first, _ = send(lanes, alice, name, **{field: "8"})
    second, _ = send(lanes, bob, name, **{field: "8"})

    a, b = (int(read(method(name).struct, data, field)) for data in (first, second))

    assert b > a
    assert refused(lanes, alice, name, **{field: "8"}).code == 22


# Up -------------------------------------------------------------------------------------------------------------


def test_a_notice_shows_the_lanes_own_triple_to_all_lanes_of_the_investor() -> None:
    """Each recognizes its own order, because lanes' sessions differ; other investors see nothing."""
    lanes = lanes_at_counter()
    desk, phone, bob = (lanes.open(investor(who)) for who in ("10001", "10001", "10002"))
    sent, _ = send(lanes, desk, "ReqOrderInsert", OrderRef="0012", RequestID=5)

    seen = incoming(lanes, callback("OnRtnOrder"), order_of(sent))

    assert [lane for lane, _ in seen] == [desk, phone]
    assert {triple(data) for _, data in seen} == {(desk.front, desk.session, "0012")}
    assert read("Order", seen[0][1], "RequestID") == 5
    assert (desk.front, desk.session) != (phone.front, phone.session)
    assert bob not in dict(seen)


def test_an_order_of_another_program_keeps_its_triple() -> None:
    """It cannot be mistaken for a lane's own: no counter has fronts as high as lanes have."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    send(lanes, lane, "ReqOrderInsert", OrderRef="1")
    foreign = event("OnRtnOrder", BrokerID=BROKER, InvestorID="10001", FrontID=1, SessionID=99, OrderRef="41")

    [(seen_by, data)] = incoming(lanes, callback("OnRtnOrder"), foreign)

    assert (seen_by, data) == (lane, foreign)
    assert lane.front >= VIRTUAL_FRONT


def test_a_trade_finds_its_order_by_the_exchanges_number() -> None:
    """Trades carry no front and session; ExchangeID with OrderSysID, spaces and all, leads to the lane's reference."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="3")
    incoming(lanes, callback("OnRtnOrder"), order_of(sent, "        8001"))
    trade = {"BrokerID": BROKER, "InvestorID": "10001", "OrderRef": "41", "ExchangeID": "SHFE"}

    own = show(lanes, callback("OnRtnTrade"), event("OnRtnTrade", **trade, OrderSysID="        8001"))
    other = show(lanes, callback("OnRtnTrade"), event("OnRtnTrade", **trade, OrderSysID="        8002"))

    assert read("Trade", own, "OrderRef") == "3"
    assert read("Trade", other, "OrderRef") == "41"


@pytest.mark.parametrize(
    ("named", "ref", "shown"),
    [
        ({"ExchangeID": "DCE", "OrderSysID": "        8001"}, "42", "1"),
        ({"OrderSysID": "        8001"}, "41", "3"),
        ({"OrderSysID": "        8001"}, "42", "1"),
        ({"OrderSysID": "        8001"}, "43", ""),
        ({"ExchangeID": "SHFE"}, "41", ""),
        ({"ExchangeID": "SHFE", "TraderID": "t1", "OrderLocalID": "         7"}, "41", "3"),
    ],
    ids=["full", "no exchange", "no exchange, the other", "unknown reference", "no number", "local number"],
)
def test_a_trade_that_names_its_order_in_part_never_shows_another_orders_reference(
    named: dict[str, str], ref: str, shown: str
) -> None:
    """Two exchanges gave the same number, and the lane has an order of the counter's reference: 41 at the counter is 3."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    for own, exchange, local in (("3", "SHFE", "         7"), ("1", "DCE", "         8")):
        if own == "1":
            lane = lanes.open(investor("10001"))
        sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef=own)
        ids = {"ExchangeID": exchange, "OrderSysID": "        8001", "TraderID": "t1", "OrderLocalID": local}
        show(lanes, callback("OnRtnOrder"), changed("Order", order_of(sent), **ids))

    trade = event("OnRtnTrade", InvestorID="10001", OrderRef=ref, **named)

    assert read("Trade", show(lanes, callback("OnRtnTrade"), trade), "OrderRef") == shown


CLEARED: list[tuple[str, str, str, str, dict[str, str]]] = [
    ("ReqOrderInsert", "OnRtnOrder", "ReqOrderAction", "OrderRef", {"OrderSysID": "        8001"}),
    ("ReqOrderInsert", "OnRtnOrder", "ReqOrderAction", "OrderRef", {"TraderID": "t1", "OrderLocalID": "         7"}),
    ("ReqQuoteInsert", "OnRtnQuote", "ReqQuoteAction", "QuoteRef", {"QuoteSysID": "        8001"}),
    ("ReqExecOrderInsert", "OnRtnExecOrder", "ReqExecOrderAction", "ExecOrderRef", {"ExecOrderSysID": "        8001"}),
    (
        "ReqOptionSelfCloseInsert",
        "OnRtnOptionSelfClose",
        "ReqOptionSelfCloseAction",
        "OptionSelfCloseRef",
        {"OptionSelfCloseSysID": "        8001"},
    ),
    ("ReqCombActionInsert", "OnRtnCombAction", "", "CombActionRef", {"TraderID": "t1", "ActionLocalID": "         7"}),
]


@pytest.mark.parametrize(("insert", "notice", "action", "field", "ids"), CLEARED)
def test_an_order_is_the_same_after_the_flow_is_cleared(
    insert: str, notice: str, action: str, field: str, ids: dict[str, str]
) -> None:
    """The counter shows it under another front, session and reference; its numbers at the exchange stay."""
    lanes = lanes_at_counter()
    lane, mate = lanes.open(investor("10001")), lanes.open(investor("10001"))
    sent, _ = send(lanes, lane, insert, **{field: "5"})
    ref = read(method(insert).struct, sent, field)
    own = {"InvestorID": "10001", "ExchangeID": "SHFE", **ids}
    show(lanes, callback(notice), event(notice, FrontID=FRONT, SessionID=SESSION, **{field: ref}, **own))
    lanes.unbind()
    lanes.rebind(FRONT, 555, 0)

    cleared = event(notice, FrontID=9, SessionID=90, **{field: "1"}, **own)
    seen = incoming(lanes, callback(notice), cleared)

    names = ("FrontID", "SessionID", field)
    assert [one for one, _ in seen] == [lane, mate]
    assert {read(callback(notice).struct, data, *names) for _, data in seen} == {(lane.front, lane.session, "5")}
    if action:
        cancel, _ = send(lanes, mate, action, FrontID=lane.front, SessionID=lane.session, **{field: "5"})
        assert read(method(action).struct, cancel, *names) == (9, 90, "1")
        stranger = lanes.open(investor("10002"))
        assert refused(lanes, stranger, action, FrontID=9, SessionID=90, **{field: "1"}).code == 25


def test_a_cleared_flow_makes_no_order_of_another_investor_ones_own() -> None:
    """The numbers are the counter's, and the investor is compared all the same."""
    lanes = lanes_at_counter()
    lane, other = lanes.open(investor("10001")), lanes.open(investor("10002"))
    sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="5")
    show(lanes, callback("OnRtnOrder"), order_of(sent, "        8001"))

    strange = {"FrontID": 9, "SessionID": 90, "OrderRef": "1", "ExchangeID": "SHFE", "OrderSysID": "        8001"}
    notice = event("OnRtnOrder", BrokerID=BROKER, InvestorID="10002", **strange)

    assert incoming(lanes, callback("OnRtnOrder"), notice) == [(other, notice)]


def test_a_triggered_conditional_order_is_found_by_its_new_number() -> None:
    """It had a number of its own kind (TJBD_) before; trades come under the exchange's."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="3")
    for number in ("TJBD_1", "        8001"):
        incoming(lanes, callback("OnRtnOrder"), order_of(sent, number))
    trade = event("OnRtnTrade", InvestorID="10001", OrderRef="41", ExchangeID="SHFE", OrderSysID="        8001")

    assert read("Trade", show(lanes, callback("OnRtnTrade"), trade), "OrderRef") == "3"


def test_an_error_notice_is_for_the_lane_that_sent_the_order() -> None:
    """OnErrRtnOrderInsert has no front and session: another lane would take it for its own order of that reference."""
    lanes = lanes_at_counter()
    desk, phone = lanes.open(investor("10001")), lanes.open(investor("10001"))
    send(lanes, phone, "ReqOrderInsert", OrderRef="1")
    sent, _ = send(lanes, desk, "ReqOrderInsert", OrderRef="1", RequestID=9)
    echoed = bytes(sent)

    seen = incoming(lanes, callback("OnErrRtnOrderInsert"), echoed)

    assert [lane for lane, _ in seen] == [desk]
    assert read("InputOrder", seen[0][1], "OrderRef", "RequestID") == ("1", 9)


def test_an_error_notice_of_another_program_is_not_taken_for_ours() -> None:
    """The same user's other program counts from 1 as well; the RequestID tells the two apart."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="1")
    foreign = event("OnErrRtnOrderInsert", BrokerID=BROKER, InvestorID="10001", OrderRef="41", RequestID=1)

    assert read("InputOrder", sent, "OrderRef") == "41"
    assert show(lanes, callback("OnErrRtnOrderInsert"), foreign) == foreign


def test_the_orders_a_quote_becomes_are_recognized() -> None:
    """A quote's two orders come back as orders of the lane, also where the terminal left their references empty."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    sent, _ = send(lanes, lane, "ReqQuoteInsert", QuoteRef="4", BidOrderRef="")
    ask = read("InputQuote", sent, "AskOrderRef")
    quote = event(
        "OnRtnQuote",
        BrokerID=BROKER,
        InvestorID="10001",
        FrontID=FRONT,
        SessionID=SESSION,
        QuoteRef=read("InputQuote", sent, "QuoteRef"),
        AskOrderRef=ask,
        BidOrderRef=read("InputQuote", sent, "BidOrderRef"),
    )
    order = event("OnRtnOrder", BrokerID=BROKER, InvestorID="10001", FrontID=FRONT, SessionID=SESSION, OrderRef=ask)

    shown = show(lanes, callback("OnRtnQuote"), quote)

    assert read("Quote", shown, "QuoteRef", "AskOrderRef", "BidOrderRef") == ("4", "1", "2")
    assert triple(show(lanes, callback("OnRtnOrder"), order)) == (lane.front, lane.session, "1")


def test_a_bank_transfer_comes_back_to_the_session_that_asked() -> None:
    """Bank structs have a SessionID and a RequestID but no front and no investor."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    data = request("ReqFromBankToFutureByFuture", AccountID="10001", RequestID=6)
    assert isinstance(lanes.outgoing(lane, method("ReqFromBankToFutureByFuture"), data), Outgoing)
    session, number = read("ReqTransfer", data, "SessionID", "RequestID")
    answer = event(
        "OnRtnFromBankToFutureByFuture", BrokerID=BROKER, AccountID="10001", SessionID=session, RequestID=number
    )

    [(seen_by, shown)] = incoming(lanes, callback("OnRtnFromBankToFutureByFuture"), answer)

    assert session == SESSION
    assert seen_by is lane
    assert read("RspTransfer", shown, "SessionID", "RequestID") == (lane.session, 6)


def test_public_notices_reach_every_lane_unchanged() -> None:
    """Instrument status is the same for all."""
    lanes = lanes_at_counter()
    both = [lanes.open(investor(who)) for who in ("10001", "10002")]
    status = event("OnRtnInstrumentStatus", ExchangeID="SHFE")

    assert incoming(lanes, callback("OnRtnInstrumentStatus"), status) == [(lane, status) for lane in both]


def test_a_closed_lane_gets_nothing_and_its_orders_stay_known() -> None:
    """The investor's other terminals still see the order by the closed lane's triple."""
    lanes = lanes_at_counter()
    desk, phone = lanes.open(investor("10001")), lanes.open(investor("10001"))
    sent, _ = send(lanes, desk, "ReqOrderInsert", OrderRef="2")
    lanes.close(desk)
    lanes.close(desk)

    [(seen_by, data)] = incoming(lanes, callback("OnRtnOrder"), order_of(sent))

    assert seen_by is phone
    assert triple(data) == (desk.front, desk.session, "2")


# Cancels --------------------------------------------------------------------------------------------------------


def test_a_cancel_by_the_lanes_triple_reaches_the_order() -> None:
    """The counter gets its own triple; the terminal's action reference and RequestID come back with the error."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    send(lanes, lane, "ReqOrderInsert", OrderRef="3")

    own: dict[str, Any] = {"FrontID": lane.front, "SessionID": lane.session, "OrderRef": "3"}
    cancel, _ = send(lanes, lane, "ReqOrderAction", **own, OrderActionRef=70, RequestID=8)

    fields = ("FrontID", "SessionID", "OrderRef", "OrderActionRef", "RequestID", "InvestorID")
    values = dict(zip(fields, read("InputOrderAction", cancel, *fields), strict=True))
    assert (values["FrontID"], values["SessionID"], values["OrderRef"]) == (FRONT, SESSION, "41")
    [(_, shown)] = incoming(
        lanes, callback("OnErrRtnOrderAction"), event("OnErrRtnOrderAction", BrokerID=BROKER, **values)
    )
    assert read("OrderAction", shown, "FrontID", "SessionID", "OrderRef") == (lane.front, lane.session, "3")
    assert read("OrderAction", shown, "OrderActionRef", "RequestID") == (70, 8)


def test_a_cancel_by_reference_alone_means_the_lanes_own_order() -> None:
    """Front and session 0 are taken as this session's."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    send(lanes, lane, "ReqOrderInsert", OrderRef="3")

    cancel, _ = send(lanes, lane, "ReqOrderAction", OrderRef="3")

    assert read("InputOrderAction", cancel, "FrontID", "SessionID", "OrderRef") == (FRONT, SESSION, "41")


def test_a_cancel_by_the_exchanges_number_passes() -> None:
    """ExchangeID and OrderSysID are the same for everybody."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))

    cancel, _ = send(lanes, lane, "ReqOrderAction", ExchangeID="SHFE", OrderSysID="        8001")

    assert read("InputOrderAction", cancel, "ExchangeID", "OrderSysID", "FrontID") == ("SHFE", "        8001", 0)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("ReqOrderAction", "OrderSysID"),
        ("ReqParkedOrderAction", "OrderSysID"),
        ("ReqQuoteAction", "QuoteSysID"),
        ("ReqExecOrderAction", "ExecOrderSysID"),
        ("ReqOptionSelfCloseAction", "OptionSelfCloseSysID"),
    ],
)
@pytest.mark.parametrize("triple", ["own", "reference", "none"])
def test_nothing_that_only_a_lane_understands_reaches_the_counter(name: str, number: str, triple: str) -> None:
    """A cancel of another program's order by the exchange's number, with the terminal's own triple beside it."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    ref = number.replace("SysID", "Ref")
    key: dict[str, Any] = {"ExchangeID": "SHFE", number: "        8001"}
    beside: dict[str, dict[str, Any]] = {
        "own": {"FrontID": lane.front, "SessionID": lane.session, ref: "3"},
        "reference": {ref: "3"},
        "none": {},
    }

    cancel, _ = send(lanes, lane, name, **key, **beside[triple])

    struct = method(name).struct
    assert read(struct, cancel, "ExchangeID", number) == ("SHFE", "        8001")
    assert read(struct, cancel, "FrontID", "SessionID", ref) == (0, 0, "")


def test_the_exchanges_number_decides_where_a_cancel_names_two_orders() -> None:
    """Both keys that reach the counter then name one order; another program's triple is left as it is."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    first, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="3")
    send(lanes, lane, "ReqOrderInsert", OrderRef="4")
    show(lanes, callback("OnRtnOrder"), order_of(first, "        8001"))
    key: dict[str, Any] = {"ExchangeID": "SHFE", "OrderSysID": "        8001"}

    both, _ = send(lanes, lane, "ReqOrderAction", **key, FrontID=lane.front, SessionID=lane.session, OrderRef="4")
    foreign, _ = send(lanes, lane, "ReqOrderAction", **key, FrontID=1, SessionID=99, OrderRef="7")

    assert read("InputOrderAction", both, "FrontID", "SessionID", "OrderRef") == (FRONT, SESSION, "41")
    assert read("InputOrderAction", foreign, "FrontID", "SessionID", "OrderRef") == (1, 99, "7")


def test_a_number_that_several_exchanges_use_leaves_the_choice_to_the_triple() -> None:
    """Exchanges number their orders independently; the cancel must not take another order of the same number."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    for ref, exchange in (("3", "SHFE"), ("4", "DCE"), ("5", "INE")):
        sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef=ref)
        show(lanes, callback("OnRtnOrder"), changed("Order", order_of(sent, "100"), ExchangeID=exchange))

    def cancelled(ref: str) -> str:
        key: dict[str, Any] = {"FrontID": lane.front, "SessionID": lane.session, "OrderRef": ref, "OrderSysID": "100"}
        return str(read("InputOrderAction", send(lanes, lane, "ReqOrderAction", **key)[0], "OrderRef"))

    assert [cancelled(ref) for ref in ("3", "4", "5")] == ["41", "42", "43"]


def test_a_number_without_its_exchange_cancels_no_other_investors_order() -> None:
    """25, as with the exchange named; one's own order of that number at any exchange may be cancelled."""
    lanes = lanes_at_counter()
    alice, bob = lanes.open(investor("10001")), lanes.open(investor("10002"))
    sent, _ = send(lanes, alice, "ReqOrderInsert", OrderRef="3")
    show(lanes, callback("OnRtnOrder"), order_of(sent, "        8001"))

    assert refused(lanes, bob, "ReqOrderAction", OrderSysID="        8001").code == 25
    send(lanes, alice, "ReqOrderAction", OrderSysID="        8001")


def test_a_batch_cancels_in_the_session_it_names() -> None:
    """One's own becomes the counter's, another program's is left, another lane's is not this lane's to cancel."""
    lanes = lanes_at_counter()
    lane, mate = lanes.open(investor("10001")), lanes.open(investor("10001"))
    fields = ("FrontID", "SessionID")
    sent = [
        read("InputBatchOrderAction", send(lanes, lane, "ReqBatchOrderAction", FrontID=f, SessionID=s)[0], *fields)
        for f, s in ((0, 0), (lane.front, lane.session), (1, 99))
    ]

    assert sent == [(FRONT, SESSION), (FRONT, SESSION), (1, 99)]
    assert refused(lanes, lane, "ReqBatchOrderAction", FrontID=mate.front, SessionID=mate.session).code == 25


def test_an_order_of_an_earlier_counter_session_is_still_cancelled() -> None:
    """After a reconnect the old triple still names the order at the counter, and the exchange's number is added."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="3")
    incoming(lanes, callback("OnRtnOrder"), order_of(sent, "        8001"))
    lanes.unbind()
    lanes.rebind(FRONT, 555, 0)

    cancel, _ = send(lanes, lane, "ReqOrderAction", FrontID=lane.front, SessionID=lane.session, OrderRef="3")
    later, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="4")

    fields = ("FrontID", "SessionID", "OrderRef", "ExchangeID", "OrderSysID")
    assert read("InputOrderAction", cancel, *fields) == (FRONT, SESSION, "41", "SHFE", "        8001")
    assert read("InputOrder", later, "OrderRef") == "42"
    assert triple(show(lanes, callback("OnRtnOrder"), order_of(sent, "        8001")))[2] == "3"


@pytest.mark.parametrize("key", ["virtual", "counter", "exchange"])
def test_another_investors_order_cannot_be_cancelled_by_any_key(key: str) -> None:
    """It is told from an order that does not exist by nobody (25)."""
    lanes = lanes_at_counter()
    alice, bob = lanes.open(investor("10001")), lanes.open(investor("10002"))
    sent, _ = send(lanes, alice, "ReqOrderInsert", OrderRef="3")
    incoming(lanes, callback("OnRtnOrder"), order_of(sent, "        8001"))
    keys: dict[str, dict[str, Any]] = {
        "virtual": {"FrontID": alice.front, "SessionID": alice.session, "OrderRef": "3"},
        "counter": {"FrontID": FRONT, "SessionID": SESSION, "OrderRef": "41"},
        "exchange": {"ExchangeID": "SHFE", "OrderSysID": "        8001"},
    }

    assert refused(lanes, bob, "ReqOrderAction", **keys[key]).code == 25


def test_a_cancel_of_an_order_that_never_was_is_refused() -> None:
    """25, without asking the counter: a virtual front and session mean nothing there."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))

    own: dict[str, Any] = {"FrontID": lane.front, "SessionID": lane.session}
    assert refused(lanes, lane, "ReqOrderAction", **own, OrderRef="9").code == 25


def test_a_cancel_never_teaches_the_map_a_wrong_number() -> None:
    """The OrderSysID in a cancel is the terminal's claim, so the error notice that echoes it is no source."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    send(lanes, lane, "ReqOrderInsert", OrderRef="3")
    echo = {"FrontID": FRONT, "SessionID": SESSION, "OrderRef": "41", "ExchangeID": "SHFE", "OrderSysID": "1"}
    show(lanes, callback("OnErrRtnOrderAction"), event("OnErrRtnOrderAction", InvestorID="10001", **echo))
    trade = event("OnRtnTrade", InvestorID="10001", ExchangeID="SHFE", OrderSysID="1", OrderRef="77")

    assert show(lanes, callback("OnRtnTrade"), trade) == trade


# Restart, day, keys ---------------------------------------------------------------------------------------------


def test_a_restarted_relay_knows_the_days_orders_again() -> None:
    """From the stored entries: notices, cancels, keys, and no counter reference twice."""
    before = lanes_at_counter()
    lane = before.open(investor("10001"))
    sent, kept = send(before, lane, "ReqOrderInsert", OrderRef="12", order_key="k1")
    after = Lanes(PLACES, OWNERSHIP)
    after.restore(kept.entries)
    after.rebind(FRONT, 888, 0)

    new = after.open(investor("10001"))

    assert triple(show(after, callback("OnRtnOrder"), order_of(sent))) == (lane.front, lane.session, "12")
    assert new.max_order_ref == 0
    assert read("InputOrder", send(after, new, "ReqOrderInsert", OrderRef="13")[0], "OrderRef") == "42"
    assert send(after, new, "ReqOrderInsert", order_key="k1")[1].first is not None


def test_an_order_of_another_process_is_known_by_the_name_it_had_there() -> None:
    """After a failover: its notices, its trades, and cancels of it; nobody else's investor reaches it."""
    there, here = lanes_at_counter(relay_number=1), lanes_at_counter(relay_number=2)
    here.rebind(FRONT, 555, 0)
    name = there.open(investor("10001"))
    sent, kept = send(there, name, "ReqOrderInsert", OrderRef="12")
    mine, other = here.open(investor("10001")), here.open(investor("10002"))
    cancel: dict[str, Any] = {"FrontID": name.front, "SessionID": name.session, "OrderRef": "12"}
    asked = here.named_elsewhere(mine, method("ReqOrderAction"), request("ReqOrderAction", **cancel))
    here.recall(kept.entries)

    canceled, _ = send(here, mine, "ReqOrderAction", **cancel)

    assert asked == ("OrderRef", name.front, name.session, 12)
    assert here.named_elsewhere(mine, method("ReqOrderAction"), request("ReqOrderAction", **cancel)) is None
    assert triple(show(here, callback("OnRtnOrder"), order_of(sent))) == (name.front, name.session, "12")
    assert read("InputOrderAction", canceled, "FrontID", "SessionID", "OrderRef") == (FRONT, SESSION, "41")
    assert refused(here, other, "ReqOrderAction", **cancel).code == 25


def test_orders_of_another_process_hide_none_of_ours_and_take_no_room() -> None:
    """Counter sessions count alike: an error notice that brings the reference alone is for our order."""
    there, here = lanes_at_counter(relay_number=1), lanes_at_counter(relay_number=2, limits=DayLimits(total=2))
    here.rebind(FRONT, 555, 40)
    other = there.open(investor("10001"))
    theirs = [send(there, other, "ReqOrderInsert", OrderRef=ref)[1] for ref in ("1", "2", "3")]
    mine = here.open(investor("10001"))
    sent, _ = send(here, mine, "ReqOrderInsert", OrderRef="7")
    here.recall(entry for kept in theirs for entry in kept.entries)
    send(here, mine, "ReqOrderInsert", OrderRef="8")

    error = event("OnErrRtnOrderInsert", **dict(zip(_REFUSED, read("InputOrder", sent, *_REFUSED), strict=True)))

    assert read("InputOrder", show(here, callback("OnErrRtnOrderInsert"), error), "OrderRef") == "7"
    assert refused(here, mine, "ReqOrderInsert", OrderRef="9").reason == "day_limit_reached"


_REFUSED = ("InvestorID", "OrderRef", "RequestID", "InstrumentID")


def test_sessions_that_counted_alike_are_told_apart() -> None:
    """Two of the investor's own counter sessions both had a reference 41; a restarted relay knows both orders."""
    desk, phone = lanes_at_counter(), lanes_at_counter()
    phone.rebind(FRONT, 555, 0)
    sent = [
        send(lanes, lanes.open(investor("10001"), session=number), "ReqOrderInsert", OrderRef=f"{number}")
        for lanes, number in ((desk, 7), (phone, 8))
    ]
    after = Lanes(PLACES, OWNERSHIP)
    after.restore(entry for _, kept in sent for entry in kept.entries)

    orders = order_of(sent[0][0], session=SESSION), order_of(sent[1][0], session=555)

    assert [read("InputOrder", one, "OrderRef") for one, _ in sent] == ["41", "41"]
    assert [triple(show(after, callback("OnRtnOrder"), one))[1:] for one in orders] == [(7, "7"), (8, "8")]


def test_a_new_trading_day_starts_anew() -> None:
    """References on both sides start again and yesterday's orders are strangers."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    sent, _ = send(lanes, lane, "ReqOrderInsert", OrderRef="12", order_key="k1")
    lanes.start_day()
    lanes.rebind(FRONT, SESSION, 0)

    assert triple(show(lanes, callback("OnRtnOrder"), order_of(sent))) == (FRONT, SESSION, "41")
    again, outgoing = send(lanes, lane, "ReqOrderInsert", OrderRef="1", order_key="k1")
    assert read("InputOrder", again, "OrderRef") == "1"
    assert outgoing.first is None


def test_an_order_sent_twice_under_one_key_is_sent_once() -> None:
    """The repetition answers with the first order's reference, whatever reference and address it comes with itself."""
    lanes = lanes_at_counter()
    desk, phone = lanes.open(investor("10001")), lanes.open(investor("10001"))
    send(lanes, desk, "ReqOrderInsert", "k1", OrderRef="3", VolumeTotalOriginal=2)

    _, again = send(lanes, phone, "ReqOrderInsert", "k1", OrderRef="9", VolumeTotalOriginal=2, IPAddress="203.0.113.9")

    assert again == Outgoing(first=FirstOrder(desk.front, desk.session, "3"))
    assert phone.max_order_ref == 0


def test_a_key_names_one_order_only() -> None:
    """The same key for another order is a mistake, and refused; another investor's keys are another matter."""
    lanes = lanes_at_counter()
    alice, bob = lanes.open(investor("10001")), lanes.open(investor("10002"))
    send(lanes, alice, "ReqOrderInsert", "k1", VolumeTotalOriginal=2)

    assert refused(lanes, alice, "ReqOrderInsert", "k1", VolumeTotalOriginal=3).reason == "order_key_reused"
    assert send(lanes, bob, "ReqOrderInsert", "k1", VolumeTotalOriginal=3)[1].first is None


def test_a_key_of_an_order_that_was_not_sent_is_free_again() -> None:
    """After -1 the terminal repeats the order under the same key, and it is sent."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))
    _, sent = send(lanes, lane, "ReqOrderInsert", "k1")
    lanes.retract(lane, sent)

    assert send(lanes, lane, "ReqOrderInsert", "k1")[1].first is None


def test_a_lane_is_open_once() -> None:
    """Two terminals cannot be the same lane."""
    lanes = lanes_at_counter()
    lane = lanes.open(investor("10001"))

    with pytest.raises(ValueError, match="open already"):
        lanes.open(investor("10001"), session=lane.session)


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_a_process_number_beyond_its_bounds_is_refused(number: int) -> None:
    """Its lanes' FrontIDs could be another counter's own."""
    with pytest.raises(ValueError, match="relay number"):
        Lanes(PLACES, OWNERSHIP, relay_number=number)
