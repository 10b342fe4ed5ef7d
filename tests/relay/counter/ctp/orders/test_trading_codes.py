"""In a session that investors share a request names no trading code, unit, account or name of somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from relay.counter.ctp.identity.scope_table import SCOPES, Priority, Scope, priority_of
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.port import LinkState, LinkStatus
from relay.refusals.refusal import Refusal
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, authorized, investor, method, read, request
from tests.relay.counter.ctp.orders.fed_router import Fed
from tests.relay.counter.ctp.played_board import answer, order_fields

MINE, OTHERS = "100001", "100002"
CODES = {
    "ClientID": ("ReqQryTradingCode", "OnRspQryTradingCode"),
    "InvestUnitID": ("ReqQryInvestUnit", "OnRspQryInvestUnit"),
}
SAY_NOT_WHOSE = {Scope.SESSION, Scope.PUBLIC, Scope.MARKET}
CLOSED = {"ReqQryUserSession", "ReqQrySecAgentTradeInfo", "ReqBatchOrderAction", "ReqUserPasswordUpdate"}
WITH_CODES = [
    (m.name, name)
    for m in CATALOG.requests
    for name in CODES
    if CATALOG.structs[m.struct].has(name) and m.name not in CLOSED
]
"""every request that names a trading code or unit, by the catalog"""


def named(fed: Fed, link: RouterLink, name: str, field: str, value: str, number: int = 5) -> OpenCall:
    asked: dict[str, Any] = {field: value}
    made = fed.submit(link, name, number, **asked)
    assert isinstance(made, OpenCall), made
    return made


def answered(fed: Fed, field: str, *values: str, investor_id: str = MINE, error_id: int = 0) -> None:
    """The counter answers the relay's own question."""
    asked = [call for call in fed.sent if call.is_own][-1]
    assert asked.method.name == CODES[field][0]
    rows: list[dict[str, Any]] = [{"InvestorID": investor_id, "BrokerID": BROKER, field: value} for value in values]
    for row in rows[:-1]:
        fed.router.event(answer(CODES[field][1], asked.request_id, is_last=False, **row), fed.now)
    fed.router.event(answer(CODES[field][1], asked.request_id, error_id, **(rows[-1] if rows else {})), fed.now)
    fed.pump()
    fed.move(1.1)  # it takes one query a second


def test_the_requests_with_codes_are_those_of_the_catalog() -> None:
    """Forty and more name a unit, seven a trading code; none of them is public."""
    assert len(WITH_CODES) > 40
    assert {name for name, field in WITH_CODES if field == "ClientID"} == {
        "ReqOrderInsert",
        "ReqParkedOrderInsert",
        "ReqExecOrderInsert",
        "ReqQuoteInsert",
        "ReqQuoteAction",
        "ReqOptionSelfCloseInsert",
        "ReqQryTradingCode",
    }
    assert not {name for name, _ in WITH_CODES if SCOPES[name] in SAY_NOT_WHOSE}


@pytest.mark.parametrize(("name", "field"), [one for one in WITH_CODES if priority_of(one[0]) is not Priority.CANCEL])
def test_no_request_is_sent_with_a_code_that_is_not_the_investors(name: str, field: str) -> None:
    """The counter is asked once and names one code; another is refused by name, and its own would be sent."""
    fed = Fed()
    mine = fed.link(MINE)
    call = named(fed, mine, name, field, "66666666")
    assert (len(fed.results), [one.is_own for one in fed.sent]) == (0, [True])

    answered(fed, field, "00000123")

    assert fed.result(call) == "not_your_trading_code"
    again = named(fed, mine, name, field, "77777777", 6)
    assert fed.result(again) == "not_your_trading_code"
    assert [one.method.name for one in fed.sent if not one.is_own] == []


@pytest.mark.parametrize(("name", "field"), [one for one in WITH_CODES if priority_of(one[0]) is Priority.CANCEL])
def test_a_cancel_waits_for_no_answer(name: str, field: str) -> None:
    """As long as nothing is known, after a restart say, it goes without the code; then it is as with all others."""
    fed = Fed()
    mine = fed.link(MINE)
    cancel = named(fed, mine, name, field, "00000123")
    body = bytearray(request(name, **{field: "00000123"}))
    assert fed.router._codes.confine(cancel, body) is None
    assert read(method(name).struct, body, field) == ""
    assert fed.result(cancel) != "trading_codes_unknown"
    assert not any(call.is_own for call in fed.sent)

    named(fed, mine, "ReqQuoteInsert", field, "00000123", 6)
    answered(fed, field, "00000999")
    other, own = named(fed, mine, name, field, "00000123", 7), bytearray(request(name, **{field: "999"}))
    assert fed.result(other) == "not_your_trading_code"
    assert fed.router._codes.confine(other, own) is None
    assert read(method(name).struct, own, field) == "00000999"


@pytest.mark.parametrize("written", ["00000123", " 00000123", "123", "０0000123", "00000123\t"])
def test_ones_own_code_is_sent_as_the_counter_writes_it(written: str) -> None:
    """It waited for the answer; the next request with it waits no more, and another field asks its own question."""
    fed = Fed()
    mine = fed.link(MINE)
    first = named(fed, mine, "ReqOrderInsert", "ClientID", written)
    answered(fed, "ClientID", "00000123", "00000999")
    second = named(fed, mine, "ReqOrderInsert", "ClientID", "00000999", 6)

    assert [fed.result(call) for call in (first, second)] == [0, 0]
    body = bytearray(request("ReqOrderInsert", ClientID=written))
    assert fed.router._codes.confine(first, body) is None
    assert read("InputOrder", body, "ClientID") == "00000123"


def test_an_empty_field_stays_empty_and_asks_nothing() -> None:
    """The counter fills in the investor's own."""
    fed = Fed()
    mine = fed.link(MINE)
    for number, (name, _) in enumerate(WITH_CODES, 1):
        if SCOPES[name] is Scope.TRADING and not name.endswith("Action"):
            fed.submit(mine, name, number)

    assert fed.sent
    assert not any(call.is_own for call in fed.sent)


@pytest.mark.parametrize("written", [" ", "  \t"])
def test_a_code_of_blanks_is_none(written: str) -> None:
    """It asks nothing, and the counter gets an empty field to fill in."""
    fed = Fed()
    mine = fed.link(MINE)

    call = named(fed, mine, "ReqOrderInsert", "ClientID", written)

    body = bytearray(request("ReqOrderInsert", ClientID=written))
    assert fed.router._codes.confine(call, body) is None
    assert read("InputOrder", body, "ClientID") == ""
    assert not any(one.is_own for one in fed.sent)


def test_calls_that_wait_for_one_answer_ask_once_and_hold_up_nothing_else() -> None:
    """Two terminals of one investor, several orders; those of other terminals, the investor's too, go on."""
    fed = Fed()
    mine, mate, third, other = fed.link(MINE), fed.link(MINE), fed.link(MINE), fed.link(OTHERS)
    waiting = [named(fed, link, "ReqOrderInsert", "ClientID", "00000123", n) for link in (mine, mate) for n in (1, 2)]
    free = [fed.order(other, 1), fed.order(third, 1)]

    assert [fed.result(call) for call in free] == [0, 0]
    answered(fed, "ClientID", "00000123")
    assert [fed.result(call) for call in waiting] == [0, 0, 0, 0]
    assert len([call for call in fed.sent if call.is_own]) == 1


def test_a_cancel_takes_out_the_order_that_waits_for_the_answer() -> None:
    """Refused as unknown, it would be followed by the order itself as soon as the counter answers."""
    fed = Fed()
    mine = fed.link(MINE)
    order = named(fed, mine, "ReqOrderInsert", "ClientID", "00000123")
    by_name = fed.submit(mine, "ReqOrderInsert", 6, **order_fields(OrderRef="7", ClientID="00000123"))
    cancel = fed.cancel(mine, 7)

    assert (fed.result(by_name), fed.result(cancel)) == ("cancelled_before_sent", 0)
    answered(fed, "ClientID", "00000123")
    assert fed.result(order) == 0
    assert fed.names == ["ReqQryTradingCode", "ReqOrderInsert"]


def test_a_later_order_of_the_terminal_stays_behind_the_one_that_waits() -> None:
    """Overtaken, the first would be refused for its reference; another terminal's order goes on."""
    fed = Fed()
    mine, mate = fed.link(MINE), fed.link(MINE)
    first = fed.submit(mine, "ReqOrderInsert", 1, **order_fields(OrderRef="5", ClientID="00000123"))
    second, third, free = fed.order(mine, 6), fed.order(mine, 7), fed.order(mate, 1)
    assert (fed.names, fed.result(free)) == (["ReqQryTradingCode", "ReqOrderInsert"], 0)

    answered(fed, "ClientID", "00000123")

    assert [fed.result(call) for call in (first, second, third)] == [0, 0, 0]
    assert fed.sent[2:] == [first, second, third]
    last = fed.order(mine, 8)
    assert fed.result(last) == 0


def test_orders_go_on_when_the_one_before_them_waits_no_longer() -> None:
    """Its time ran out or it was canceled; a question that is never answered holds up nothing else."""
    fed = Fed()
    mine = fed.link(MINE)
    first = fed.submit(mine, "ReqOrderInsert", 1, **order_fields(OrderRef="5", ClientID="00000123"))
    fed.move(2.0)
    second, third = fed.order(mine, 6), fed.order(mine, 7)
    fed.move(1.0)
    assert [fed.result(call) for call in (first, second, third)] == ["deadline_passed", 0, 0]

    again = fed.submit(mine, "ReqOrderInsert", 2, **order_fields(OrderRef="8", ClientID="00000123"))
    behind = fed.order(mine, 9)
    fed.cancel(mine, 8)
    assert [fed.result(call) for call in (again, behind)] == ["cancelled_before_sent", 0]


def test_a_terminal_that_leaves_takes_no_other_ones_question_along() -> None:
    """It was asked in its name; whoever waits for the same answer asks anew, and its orders keep their order."""
    fed = Fed()
    mine, mate = fed.link(MINE), fed.link(MINE)
    gone = named(fed, mine, "ReqOrderInsert", "ClientID", "00000123")
    first = fed.submit(mate, "ReqOrderInsert", 1, **order_fields(OrderRef="5", ClientID="00000123"))
    second = fed.order(mate, 6)
    asked = fed.sent[-1]

    fed.router.close_link(mine, fed.now)
    fed.pump()
    fed.router.event(answer("OnRspQryTradingCode", asked.request_id), fed.now)
    fed.move(1.1)
    answered(fed, "ClientID", "00000123")

    assert [fed.result(call) for call in (gone, first, second)] == ["session_gone", 0, 0]
    assert fed.sent[2:] == [first, second]


def test_a_row_that_names_another_investor_teaches_nothing_of_this_one() -> None:
    """The counter should not send it; then it is his, whoever asked."""
    fed = Fed()
    call = named(fed, fed.link(MINE), "ReqOrderInsert", "ClientID", "00000123")

    answered(fed, "ClientID", "00000123", investor_id=OTHERS)

    assert fed.result(call) == "not_your_trading_code"


def test_a_counter_that_does_not_answer_costs_the_call_and_not_the_others_queries() -> None:
    """The call waits as long as its terminal allows; the question is asked again after a minute, not before."""
    fed = Fed()
    mine = fed.link(MINE)
    call = named(fed, mine, "ReqOrderInsert", "ClientID", "00000123")
    fed.move(3.0)
    assert fed.result(call) == "deadline_passed"

    fed.move(30.0)
    again = named(fed, mine, "ReqOrderInsert", "ClientID", "00000123", 6)
    assert fed.result(again) == "trading_codes_unknown"
    assert len(fed.sent) == 1
    fed.move(61.0)
    named(fed, mine, "ReqOrderInsert", "ClientID", "00000123", 7)
    assert len(fed.sent) == 2


def test_a_break_while_it_is_asked_answers_the_call_and_asks_again() -> None:
    """The next login asks anew."""
    fed = Fed()
    mine = fed.link(MINE)
    call = named(fed, mine, "ReqOrderInsert", "ClientID", "00000123")
    fed.break_off()
    assert fed.result(call) == "counter_unavailable"
    fed.log_in()

    second = named(fed, mine, "ReqOrderInsert", "ClientID", "00000123", 6)
    answered(fed, "ClientID", "00000123")
    assert fed.result(second) == 0


def test_the_end_of_the_session_answers_what_waits_for_a_code() -> None:
    """By name, as everything else that waits."""
    fed = Fed()
    call = named(fed, fed.link(MINE), "ReqOrderInsert", "ClientID", "00000123")
    fed.live = False
    fed.router.lost(LinkStatus(LinkState.ENDED, "over"), fed.now)
    fed.pump()

    assert fed.result(call) == "counter_unavailable"


# Every identity-like field, in both modes -----------------------------------------------------------------------

IDENTITY = ("BrokerID", "InvestorID", "UserID", "AccountID", "ClientID", "InvestUnitID", "IPAddress")
OTHER = {
    "BrokerID": "8888",
    "InvestorID": OTHERS,
    "UserID": OTHERS,
    "AccountID": OTHERS,
    "ClientID": "66666666",
    "InvestUnitID": "66666666",
    "IPAddress": "6.6.6.6",
}
EVERY = [(m.name, name) for m in CATALOG.requests for name in IDENTITY if CATALOG.structs[m.struct].has(name)]


@pytest.mark.parametrize("operator", ["op01", ""], ids=["many_to_one", "many_to_many"])
def test_somebody_elses_value_never_reaches_the_counter_in_any_field_of_any_request(operator: str) -> None:
    """Refused, or the session's own is written over it. What an investor's own session may say the counter confines."""
    passed = set()
    for name, field in EVERY:
        identity = investor(MINE, operator=operator)
        body = bytearray(request(name, **{field: OTHER[field]}))
        refusal: Refusal | None = authorized(name, identity, body)
        if refusal is None and read(method(name).struct, body, field) == OTHER[field]:
            passed.add((name, field))
    if operator:
        fed = Fed()
        mine = fed.link(MINE)
        for number, (name, field) in enumerate(sorted(passed), 1):
            asked: dict[str, Any] = {field: OTHER[field]}
            made = fed.submit(mine, name, number, **asked)
            if isinstance(made, OpenCall) and made.result_due:
                answered(fed, field, "00000123")
        assert not [call for call in fed.sent if not call.is_own]
        assert {field for _, field in passed} == {"ClientID", "InvestUnitID"}
    else:
        assert {field for _, field in passed} == {"AccountID", "ClientID", "InvestUnitID"}
