"""What one terminal may send a second, and have waiting, of every class of requests."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from relay.counter.ctp.identity.scope_table import SCOPES, RequestClass, Scope
from relay.counter.ctp.orders.calls import OpenCall
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter_choice import LINK_LIMITS
from relay.refusals.refusal import Refusal
from relay.settings.limits_section import Limits
from tests.relay.counter.ctp.ctp_bodies import CATALOG, method
from tests.relay.counter.ctp.ctp_bodies import SCOPES as RULES
from tests.relay.counter.ctp.orders.fed_router import Fed

TIGHT = LinkLimits(3, 3, 3, 3, 4, 4, 4, 4)
SENT_IN_BOTH_MODES = sorted(
    name for name, scope in SCOPES.items() if scope is not Scope.SESSION and name != "ReqUserPasswordUpdate"
)
IN_A_SHARED_SESSION = sorted(
    set(SENT_IN_BOTH_MODES) - {"ReqQryUserSession", "ReqQrySecAgentTradeInfo", "ReqBatchOrderAction"}
)


WORDS = {
    RequestClass.ORDERS: "orders 报撤单",
    RequestClass.QUERIES: "queries 查询",
    RequestClass.TRANSFERS: "transfers 改密与转账",
    RequestClass.OTHERS: "others 其他请求",
}
"""by which a terminal hears what it has too many of"""


def asked(fed: Fed, link: Any, name: str, number: int) -> OpenCall | Refusal:
    return fed.submit(link, name, number)


def test_every_request_of_the_catalog_is_in_a_class_that_has_a_limit() -> None:
    """None is in no class: a request that is added to the API is counted with the rest."""
    of = {rule.method: rule.request_class for rule in RULES}
    limits = TIGHT.by_class()

    assert set(of) == {one.name for one in CATALOG.requests}
    assert set(limits) == set(RequestClass) == set(of.values())
    assert {name for name in of if of[name] is RequestClass.TRANSFERS} == {
        "ReqUserPasswordUpdate",
        "ReqTradingAccountPasswordUpdate",
        "ReqFromBankToFutureByFuture",
        "ReqFromFutureToBankByFuture",
        "ReqQueryBankAccountMoneyByFuture",
    }
    assert {name for name in of if of[name] is RequestClass.OTHERS and SCOPES[name] is not Scope.SESSION} == {
        "ReqSettlementInfoConfirm",
        "ReqParkedOrderInsert",
        "ReqParkedOrderAction",
        "ReqRemoveParkedOrder",
        "ReqRemoveParkedOrderAction",
        "ReqForQuoteInsert",
        "ReqOffsetSetting",
        "ReqCancelOffsetSetting",
    }


@pytest.mark.parametrize("name", IN_A_SHARED_SESSION)
def test_no_request_is_sent_more_often_than_its_class_allows(name: str) -> None:
    """Of a hundred in one moment the class's number gets through; every other one is answered by name."""
    fed = Fed()
    mine = fed.link(limits=TIGHT)

    made = [asked(fed, mine, name, number) for number in range(1, 101)]

    refused = [one.reason for one in made if isinstance(one, Refusal)]
    assert (len(refused), set(refused)) == (97, {"too_fast"})
    assert len(fed.sent) <= 3


@pytest.mark.parametrize("name", [name for name in IN_A_SHARED_SESSION if SCOPES[name] is not Scope.PUBLIC])
def test_no_request_waits_in_greater_number_than_its_class_allows(name: str) -> None:
    """While the counter takes one package a second, four wait and the fifth is refused by name; each has its result."""
    fed = Fed(packages=1)
    other, mine = fed.link("100002"), fed.link(limits=LinkLimits(0, 0, 0, 0, 4, 4, 4, 4))
    fed.submit(other, "ReqForQuoteInsert", 1)

    made = [asked(fed, mine, name, number) for number in range(1, 101)]
    fed.move(400.0)

    refused = [one for one in made if isinstance(one, Refusal)]
    assert len(refused) >= 95
    assert {one.reason for one in refused} == {"queue_full"}
    request_class = next(rule.request_class for rule in RULES if rule.method == name)
    assert all(f"({WORDS[request_class]})" in one.message for one in refused)
    assert all(isinstance(fed.result(one), int | str) for one in made if isinstance(one, OpenCall))
    assert {limit.waiting for limit in mine.limits.values()} == {0}


def test_as_many_wait_as_the_setting_says_and_no_other_class_has_fewer_places() -> None:
    """No bound beside the class's own is met first."""
    fed = Fed(packages=1)
    mine = fed.link(limits=LinkLimits(0, 0, orders_waiting=300))
    fed.submit(mine, "ReqForQuoteInsert", 1)

    made = [fed.submit(mine, "ReqOrderInsert", number, valid_for=60.0) for number in range(2, 302)]
    full, query = fed.submit(mine, "ReqOrderInsert", 302), fed.submit(mine, "ReqQryTrade", 303, valid_for=60.0)

    assert not fed.results[1:]
    assert all(isinstance(one, OpenCall) for one in (*made, query))
    assert isinstance(full, Refusal)
    assert full.reason == "queue_full"


def test_a_terminal_that_floods_with_one_class_keeps_the_others() -> None:
    """Parked orders without end cost the terminal no order of its own, and no other terminal anything."""
    fed = Fed()
    mine, other = fed.link(limits=TIGHT), fed.link("100002", limits=TIGHT)
    for number in range(1, 1_001):
        fed.submit(mine, "ReqParkedOrderInsert", number)

    kept = [fed.order(mine, 900), fed.submit(mine, "ReqQryTrade", 2_000), fed.submit(other, "ReqParkedOrderInsert", 1)]

    assert [fed.result(call) for call in kept] == [0, 0, 0]
    fed.move(1.0)
    assert fed.result(fed.submit(mine, "ReqParkedOrderInsert", 3_000)) == 0


def test_every_limit_is_a_setting_and_taken_at_a_reload() -> None:
    """The names are read from the settings, so none is forgotten."""
    assert len(LINK_LIMITS) == len(fields(LinkLimits)) == 2 * len(RequestClass)
    assert {name.removeprefix("limits.") for name in LINK_LIMITS} <= set(Limits.model_fields)
    assert method("ReqOrderInsert").name in SCOPES
