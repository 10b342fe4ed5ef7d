"""Which requests a terminal may send, and what the relay writes into them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.catalog import Catalog, Kind, Method, Shape
from relay.counter.ctp.identity.scope import Identity, ScopeTable
from relay.counter.ctp.identity.scope_table import SCOPES as LISTED
from relay.counter.ctp.identity.scope_table import Priority, Scope
from relay.refusals.refusal import Refusal
from tests.relay.counter.ctp.ctp_bodies import CATALOG, SCOPES, authorized, body, investor, method, read, request

ALICE = investor("10001")
ALONE = investor("10001", operator="")


def authorize(identity: Identity, name: str, data: bytearray) -> Refusal | None:
    return authorized(name, identity, data)


def reason(identity: Identity, name: str, data: bytearray) -> str:
    refusal = authorize(identity, name, data)
    return refusal.reason if refusal else ""


def test_every_request_of_the_api_has_a_rule() -> None:
    """The table lists the catalog's requests, all of them and nothing else."""
    assert {m.name for m in CATALOG.requests} == set(LISTED)
    assert len(LISTED) == 118


def test_the_scopes_are_as_the_domain_document_counts_them() -> None:
    """45 queries by investor, 3 by account, 1 by user, 8 by broker, 28 public of which three carry what changes all day."""
    queries = Counter(rule.scope for rule in SCOPES if rule.method.startswith("ReqQry"))

    assert queries == {
        Scope.INVESTOR: 45,
        Scope.ACCOUNT: 3,
        Scope.USER: 1,
        Scope.BROKER: 8,
        Scope.PUBLIC: 25,
        Scope.MARKET: 3,
    }
    assert {rule.method for rule in SCOPES if rule.scope is Scope.MARKET} == {
        "ReqQryDepthMarketData",
        "ReqQryTraderOffer",
        "ReqQryRiskSettleProductStatus",
    }
    assert not any(rule.cacheable for rule in SCOPES if rule.scope is not Scope.PUBLIC)


def test_no_scope_leaves_an_identity_field_to_the_terminal() -> None:
    """Every text field that says who, in any request that can be sent, ends up the session's own or was refused."""
    for rule in SCOPES:
        struct = CATALOG.structs[method(rule.method).struct]
        who = {f.name: "intruder" for f in struct.fields if f.name in {"BrokerID", "UserID", "IPAddress"}}
        data = body(struct.name, **who)
        if authorize(ALICE, rule.method, data) is None:
            assert [read(struct.name, data, name) for name in who if read(struct.name, data, name) == "intruder"] == []


def test_a_request_of_a_later_version_is_refused() -> None:
    """What nobody decided about is not sent, whatever its struct looks like."""
    new = Method("ReqSpdApply", 200, Shape.REQUEST, "InputOrder", "spd_apply", "")

    refusal = SCOPES.rule(new)

    assert isinstance(refusal, Refusal)
    assert refusal.reason == "unknown_method"


NEEDED = {
    (name, field)
    for name, scope in LISTED.items()
    for field in ("BrokerID", *(("InvestorID",) if scope in {Scope.INVESTOR, Scope.TRADING} else ()))
    if scope not in {Scope.PUBLIC, Scope.MARKET}
}
"""what the relay writes into each request, whatever the terminal wrote"""


def test_a_struct_that_no_longer_fits_its_scope_stops_the_start() -> None:
    """A public query whose struct gained an InvestorID would answer for everybody: the table refuses to be built."""
    changed = replace(CATALOG.methods["ReqQryExchange"], struct="QryOrder")
    catalog = Catalog("x", CATALOG.structs, {"ReqQryExchange": changed}, {}, {})

    with pytest.raises(ValueError, match="ReqQryExchange"):
        ScopeTable(catalog)


@pytest.mark.parametrize(("name", "field"), sorted(NEEDED))
def test_a_struct_without_what_its_scope_writes_stops_the_start(name: str, field: str) -> None:
    """Nothing would be written over what the terminal says."""
    struct = CATALOG.structs[CATALOG.methods[name].struct]
    lesser = replace(struct, fields=tuple(one for one in struct.fields if one.name != field))
    catalog = Catalog("x", {struct.name: lesser}, {name: CATALOG.methods[name]}, {}, {})

    with pytest.raises(ValueError, match=name):
        ScopeTable(catalog)


def test_identity_is_written_into_an_order() -> None:
    """An operator's order names the investor as InvestorID and the operator as UserID, with the terminal's address."""
    order = request("ReqOrderInsert", UserID="whoever", IPAddress="10.0.0.1", InstrumentID="rb2510")

    assert authorize(ALICE, "ReqOrderInsert", order) is None
    assert read("InputOrder", order, "BrokerID", "InvestorID", "UserID") == ("9999", "10001", "op01")
    assert read("InputOrder", order, "IPAddress", "MacAddress") == ("198.51.100.7", "0a1b2c3d4e5f")
    assert read("InputOrder", order, "InstrumentID") == "rb2510"


def test_in_the_investors_own_session_the_user_is_the_investor() -> None:
    """Many-to-many: InvestorID and UserID are the same person."""
    order = request("ReqOrderInsert")

    assert authorize(ALONE, "ReqOrderInsert", order) is None
    assert read("InputOrder", order, "InvestorID", "UserID") == ("10001", "10001")


def test_an_empty_investor_never_reaches_the_counter() -> None:
    """In an operator's session an empty InvestorID would ask for everybody: it is filled in."""
    query = request("ReqQryInvestorPosition")

    assert authorize(ALICE, "ReqQryInvestorPosition", query) is None
    assert read("QryInvestorPosition", query, "InvestorID") == "10001"


@pytest.mark.parametrize("name", sorted(r.method for r in SCOPES if r.investor is not None))
def test_naming_another_investor_is_refused(name: str) -> None:
    """A request for somebody else is refused, not turned into one for oneself: it might be an order."""
    query = request(name, InvestorID="10002")
    before = bytes(query)

    assert reason(ALICE, name, query) == ("not_in_this_mode" if name == "ReqBatchOrderAction" else "not_your_investor")
    assert query == before


@given(st.binary(min_size=13, max_size=13))
def test_no_bytes_in_the_investor_field_reach_another_investor(raw: bytes) -> None:
    """Whatever stands in InvestorID, what is sent is the session's own investor or nothing."""
    query = request("ReqQryTrade")
    field = CATALOG.structs["QryTrade"].field("InvestorID")
    query[field.offset : field.offset + field.size] = raw

    if authorize(ALICE, "ReqQryTrade", query) is None:
        assert query[field.offset : field.offset + field.size] == b"10001".ljust(13, b"\0")


def test_accounts_are_the_investors_own() -> None:
    """Where AccountID alone says whose data it is, it is filled in, or has to be one of the investor's."""
    own = request("ReqQryTransferSerial")

    assert authorize(ALICE, "ReqQryTransferSerial", own) is None
    assert read("QryTransferSerial", own, "AccountID") == "10001"
    foreign = request("ReqQryTransferSerial", AccountID="10002")
    assert reason(ALICE, "ReqQryTransferSerial", foreign) == "not_your_account"


def test_an_investor_with_two_accounts_says_which() -> None:
    """With several accounts an empty AccountID is no answer in a shared session, where it would mean all."""
    rich = investor("10001", "A1", "A2")

    assert reason(rich, "ReqQryAccountregister", request("ReqQryAccountregister")) == "account_unknown"
    assert reason(rich, "ReqQryAccountregister", request("ReqQryAccountregister", AccountID="A2")) == ""


def test_before_the_accounts_are_known_a_shared_session_answers_for_none() -> None:
    """An operator's session never sends an AccountID the relay cannot vouch for; an investor's own session may."""
    unknown, alone = replace(ALICE, accounts=frozenset()), replace(ALONE, accounts=frozenset())
    transfer = {"AccountID": "10001", "TradeAmount": 1.0}

    assert reason(unknown, "ReqFromFutureToBankByFuture", request("ReqFromFutureToBankByFuture", **transfer))
    assert not reason(alone, "ReqFromFutureToBankByFuture", request("ReqFromFutureToBankByFuture", **transfer))


@pytest.mark.parametrize("known", [(), ("A1",), ("A1", "A2")], ids=["none known", "one known", "both known"])
def test_an_investors_own_session_may_name_any_account_of_his(known: tuple[str, ...]) -> None:
    """The counter itself confines the session; what one answer taught the relay must not close the second account."""
    alone = replace(ALONE, accounts=frozenset(known))
    transfer = request("ReqFromFutureToBankByFuture", AccountID="A2", TradeAmount=1.0)

    assert reason(alone, "ReqFromFutureToBankByFuture", transfer) == ""
    assert read("ReqTransfer", transfer, "AccountID") == "A2"


def test_an_order_may_name_the_investors_account() -> None:
    """AccountID beside InvestorID is optional, and has to be the investor's."""
    assert reason(ALICE, "ReqOrderInsert", request("ReqOrderInsert", AccountID="10001")) == ""
    assert reason(ALICE, "ReqOrderInsert", request("ReqOrderInsert", AccountID="10002")) == "not_your_account"


def test_the_relay_logs_in_and_out_itself() -> None:
    """Authentication, login, logout and their variants are no terminal's business, in either mode."""
    names = [r.method for r in SCOPES if r.scope is Scope.SESSION]

    assert len(names) == 9
    assert {reason(who, name, request(name)) for name in names for who in (ALICE, ALONE)} == {"session_method"}


def test_a_password_is_changed_where_it_is_kept() -> None:
    """Many-to-many passes a password change to the counter, in the investor's name; in many-to-one the relay has it."""
    change = request("ReqUserPasswordUpdate", UserID="10002", OldPassword="old", NewPassword="new")

    refusal = authorize(ALICE, "ReqUserPasswordUpdate", change)
    assert refusal is not None
    assert refusal.reason == "password_is_with_the_relay"
    assert "ask the futures firm" in refusal.advice
    assert authorize(ALONE, "ReqUserPasswordUpdate", change) is None
    assert read("UserPasswordUpdate", change, "UserID") == "10001"


@pytest.mark.parametrize("name", ["ReqQryUserSession", "ReqQrySecAgentTradeInfo", "ReqBatchOrderAction"])
def test_what_reaches_beyond_one_investor_is_closed_in_many_to_one(name: str) -> None:
    """The operator's sessions, the firm's agents and a batch cancel of the shared session are nobody's there."""
    assert reason(ALICE, name, request(name)) == "not_in_this_mode"
    assert reason(ALONE, name, request(name)) == ""


def test_a_body_of_another_size_is_refused() -> None:
    """A struct of another version would put every field elsewhere."""
    assert reason(ALICE, "ReqOrderInsert", bytearray(7)) == "wrong_struct_size"


DOUBLES = [
    (m.name, f.name)
    for m in CATALOG.requests
    if LISTED[m.name] is not Scope.SESSION
    for f in CATALOG.structs[m.struct].fields
    if f.kind is Kind.DOUBLE
]
DBL_MAX = 1.7976931348623157e308


@pytest.mark.parametrize(("name", "field"), DOUBLES)
def test_no_double_that_is_no_number_is_sent(name: str, field: str) -> None:
    """Every field of every request: refused by name and nothing written; 0 and CTP's own "no value" are the counter's."""
    for wrong in (float("nan"), float("inf"), float("-inf")):
        data = request(name, **{field: wrong})
        before = bytes(data)

        refusal = authorize(ALICE, name, data)

        assert refusal is not None
        assert (refusal.reason, refusal.code) == ("number_not_finite", 15)
        assert field in refusal.message
        assert data == before
    for right in (0.0, -1.5, DBL_MAX, -DBL_MAX):
        assert reason(ALICE, name, request(name, **{field: right})) == ""


def test_the_requests_with_doubles_are_these() -> None:
    """A sum with nothing in it proves nothing."""
    assert len(DOUBLES) == 18
    assert {"ReqOrderInsert", "ReqQuoteInsert", "ReqFromBankToFutureByFuture"} <= {name for name, _ in DOUBLES}


def test_cancels_come_before_orders_before_queries() -> None:
    """The urgency of a request is its kind; ReqQuery… are outside the one-query rule."""
    names = (
        "ReqOrderAction",
        "ReqOrderInsert",
        "ReqFromBankToFutureByFuture",
        "ReqQueryCFMMCTradingAccountToken",
        "ReqQryOrder",
    )

    assert [SCOPES.rule(method(name)).priority for name in names] == list(Priority)  # type: ignore[union-attr]
