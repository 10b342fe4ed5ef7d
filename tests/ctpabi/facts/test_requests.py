"""The rows of the requests, against the catalog and against the simulated counter's own knowledge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctpabi.catalog.data import load_catalog
from ctpabi.facts.requests import Answered, RequestFact, known_requests
from relay.counter.ctp.identity.scope_table import CANCELS
from simcounter.records import _IRREGULAR_ERRORS, Records
from simcounter.trading.bank import _BALANCE, _TO_BANK, _TO_FUTURES

CATALOG = load_catalog()
FACTS = known_requests()
BANK = {
    "ReqFromBankToFutureByFuture": _TO_FUTURES,
    "ReqFromFutureToBankByFuture": _TO_BANK,
    "ReqQueryBankAccountMoneyByFuture": _BALANCE,
}

every_request = pytest.mark.parametrize("fact", FACTS.values(), ids=lambda fact: fact.name)


def test_every_request_has_a_row() -> None:
    """All of the catalog, no other."""
    assert set(FACTS) == {method.name for method in CATALOG.requests}


@every_request
def test_a_row_names_callbacks_of_the_catalog(fact: RequestFact) -> None:
    """The rules make names; each must be one that the library has."""
    assert set(fact.success) | set(fact.error) | {fact.response} <= set(CATALOG.callbacks)
    assert fact.error
    assert bool(fact.success) == (fact.answered is not Answered.SILENCE)


@every_request
def test_a_success_without_a_response_is_told_by_notices(fact: RequestFact) -> None:
    """A terminal that waited for one would take the order for lost."""
    assert fact.by_notices == (not fact.success or fact.success[0].startswith("OnRtn"))


@every_request
def test_the_simulated_counter_answers_by_the_same_callback(fact: RequestFact) -> None:
    """It finds the response and the error notice by rules of its own."""
    records = Records(CATALOG)
    notice = _IRREGULAR_ERRORS.get(fact.name, f"OnErrRtn{fact.name[3:]}")

    assert records.callback_of(fact.name) == fact.response
    assert (notice in CATALOG.callbacks) == (notice in fact.error)


@pytest.mark.parametrize("name", BANK)
def test_the_simulated_bank_answers_by_the_same_callbacks(name: str) -> None:
    """The bank's names follow no rule, on either side."""
    fact, theirs = FACTS[name], BANK[name]

    assert fact.success[0] == theirs.notice
    assert fact.error == (theirs.response, theirs.error_notice)


def test_every_callback_that_answers_is_named() -> None:
    """Each OnRsp… and OnErrRtn… of the library answers a request, but for what no request asks."""
    answering = set(_answering())
    named = {name for fact in FACTS.values() for name in (*fact.success, *fact.error)}

    assert answering - named == {"OnErrRtnRepealBankToFutureByFutureManual", "OnErrRtnRepealFutureToBankByFutureManual"}


def _answering() -> Iterator[str]:
    for name in CATALOG.callbacks:
        if name.startswith(("OnRsp", "OnErrRtn")):
            yield name


def test_what_is_answered_by_silence() -> None:
    """Cancels that have no response of their own, and a request for quotes; removing a parked order has a response."""
    silent = {fact.name for fact in FACTS.values() if fact.by_silence}

    assert silent - CANCELS == {"ReqForQuoteInsert"}
    assert CANCELS - silent == {"ReqRemoveParkedOrder", "ReqRemoveParkedOrderAction"}


def test_queries_are_answered_by_rows() -> None:
    """ReqQry…; the three ReqQuery… are not under the query core's rules."""
    assert {fact.name for fact in FACTS.values() if fact.is_query} == {n for n in FACTS if n.startswith("ReqQry")}
