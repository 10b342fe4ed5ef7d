"""Who may see an event."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctpabi.catalog import Shape
from relay.counter.ctp.identity.ownership import Owner
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, OWNERSHIP, callback, event, investor

ALICE, BOB = investor("10001"), investor("10002")
NOTICES = [c.name for c in CATALOG.callbacks.values() if c.shape in {Shape.NOTICE, Shape.ERROR_NOTICE}]
PUBLIC = {"OnRtnInstrumentStatus", "OnRtnBulletin", "OnRtnForQuoteRsp"}


def has(name: str, field: str) -> bool:
    return CATALOG.structs[callback(name).struct].has(field)


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_reaches_its_investor_and_nobody_else(name: str) -> None:
    """Of all 45 kinds of notices: the one named in it sees it, by InvestorID or by AccountID; public ones everybody."""
    named = (
        {"InvestorID": "10001"} if has(name, "InvestorID") else {"AccountID": "10001"} if has(name, "AccountID") else {}
    )
    notice = event(name, **named, **({"BrokerID": BROKER} if has(name, "BrokerID") else {}))

    assert OWNERSHIP.belongs(callback(name), notice, ALICE)
    assert OWNERSHIP.belongs(callback(name), notice, BOB) == (name in PUBLIC)
    assert bool(named) == (name not in PUBLIC)


@pytest.mark.parametrize("name", sorted(set(NOTICES) - PUBLIC - {"OnRtnTradingNotice"}))
def test_a_notice_without_an_owner_goes_to_nobody(name: str) -> None:
    """What the relay cannot attribute is shown to no terminal."""
    notice = event(name)

    assert OWNERSHIP.owner(callback(name), notice).owner is Owner.NOBODY
    assert not OWNERSHIP.belongs(callback(name), notice, ALICE)


def test_a_trading_notice_without_investor_is_for_all() -> None:
    """OnRtnTradingNotice with an empty InvestorID is the firm speaking to everybody."""
    notice = event("OnRtnTradingNotice", BrokerID=BROKER)

    assert OWNERSHIP.belongs(callback("OnRtnTradingNotice"), notice, ALICE)
    assert OWNERSHIP.belongs(callback("OnRtnTradingNotice"), notice, BOB)


def test_a_bank_notice_finds_the_investor_whose_account_it_is() -> None:
    """Accounts are usually called like their investors, but not always."""
    carol = investor("10003", "88001", "88002")
    notice = event("OnRtnFromBankToFutureByBank", BrokerID=BROKER, AccountID="88002")

    assert OWNERSHIP.belongs(callback("OnRtnFromBankToFutureByBank"), notice, carol)
    assert not OWNERSHIP.belongs(callback("OnRtnFromBankToFutureByBank"), notice, ALICE)


def test_an_investors_own_session_sees_all_accounts_it_hears_of() -> None:
    """Only the counter knows how they are called, and it tells an investor's session of no others."""
    alone = replace(ALICE, operator_id="", accounts=frozenset())
    notice = event("OnRtnFromBankToFutureByBank", BrokerID=BROKER, AccountID="88001")

    assert OWNERSHIP.belongs(callback("OnRtnFromBankToFutureByBank"), notice, alone)
    assert not OWNERSHIP.belongs(callback("OnRtnFromBankToFutureByBank"), notice, replace(alone, operator_id="op01"))


def test_an_account_called_like_another_investor_is_not_that_investors() -> None:
    """Once accounts are known, only they count."""
    carol = investor("10003", "88001")
    notice = event("OnRtnFromBankToFutureByBank", BrokerID=BROKER, AccountID="10003")

    assert not OWNERSHIP.belongs(callback("OnRtnFromBankToFutureByBank"), notice, carol)


def test_another_brokers_investor_of_the_same_number_is_somebody_else() -> None:
    """An investor is named by broker and number together."""
    notice = event("OnRtnOrder", BrokerID="0001", InvestorID="10001")

    assert not OWNERSHIP.belongs(callback("OnRtnOrder"), notice, ALICE)


def test_an_answer_that_names_somebody_else_is_withheld() -> None:
    """Answers are routed by request id; a row of another investor is still not shown."""
    assert OWNERSHIP.belongs(callback("OnRspQryOrder"), event("OnRspQryOrder", InvestorID="10001"), ALICE)
    assert not OWNERSHIP.belongs(callback("OnRspQryOrder"), event("OnRspQryOrder", InvestorID="10002"), ALICE)
    assert OWNERSHIP.belongs(callback("OnRspQryOrder"), None, ALICE)


def test_rates_for_all_investors_are_anybodys() -> None:
    """A rate with an InvestorRange names a group or everybody in InvestorID."""
    rate = event("OnRspQryInstrumentMarginRate", InvestorRange="1", InvestorID="00000000")

    assert OWNERSHIP.belongs(callback("OnRspQryInstrumentMarginRate"), rate, ALICE)


def test_a_rate_of_one_other_investor_is_his() -> None:
    """InvestorRange says that InvestorID is one investor's."""
    rate = callback("OnRspQryInstrumentCommissionRate")
    others = event(rate.name, BrokerID=BROKER, InvestorRange="3", InvestorID="10002")
    own = event(rate.name, BrokerID=BROKER, InvestorRange="3", InvestorID="10001")

    assert not OWNERSHIP.belongs(rate, others, ALICE)
    assert OWNERSHIP.belongs(rate, own, ALICE)


BY_ACCOUNT = [
    c.name
    for c in CATALOG.callbacks.values()
    if c.struct
    and c.shape is Shape.RESPONSE
    and CATALOG.structs[c.struct].has("AccountID")
    and not CATALOG.structs[c.struct].has("InvestorID")
]


@pytest.mark.parametrize("name", BY_ACCOUNT)
def test_a_row_that_names_only_an_account_is_its_investors(name: str) -> None:
    """In an operator's session the directory says whose account it is; an investor's own hears of no others."""
    rich = investor("10001", "A1", "A2")
    rows = {account: event(name, AccountID=account) for account in ("A1", "A2", "10001", "10002", "")}

    seen = [account for account, row in rows.items() if OWNERSHIP.belongs(callback(name), row, rich)]
    usual = [account for account, row in rows.items() if OWNERSHIP.belongs(callback(name), row, ALICE)]

    assert (seen, usual) == (["A1", "A2", ""], ["10001", ""])
    assert all(OWNERSHIP.belongs(callback(name), row, replace(rich, operator_id="")) for row in rows.values())


def test_the_connection_is_the_relays_own_business() -> None:
    """OnFrontConnected and OnFrontDisconnected are shown to no terminal."""
    assert not OWNERSHIP.belongs(callback("OnFrontDisconnected"), None, ALICE)


def test_a_notice_of_another_size_goes_to_nobody() -> None:
    """Bytes that are not the struct's are not read at guessed places."""
    assert not OWNERSHIP.belongs(callback("OnRtnOrder"), b"9999\0", ALICE)


def test_an_unknown_account_belongs_to_the_investor_of_that_name_only() -> None:
    """Before accounts are known the usual rule holds: the account is called like its investor."""
    new = replace(ALICE, accounts=frozenset())
    token = event("OnRtnCFMMCTradingAccountToken", BrokerID=BROKER, AccountID="10001")

    assert OWNERSHIP.belongs(callback("OnRtnCFMMCTradingAccountToken"), token, new)
