"""A cancel that names an order of another relay process of the firm, which this one has not heard of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.port import CallOutcome
from relay.counter.translated.values import AnswerLost, NotSent, SentName
from relay.refusals.refusal import Refused
from tests.relay.counter.ctp.orders.test_firm import Firm
from tests.relay.counter.translated.played_native import INVESTOR, OTHER, Bench, PlayedNative, cancel, settle, state

THERE = virtual_front(9)
NAME = SentName(THERE, 3, "12", 9_000_001)
OWN: dict[str, Any] = {"front_id": THERE, "session_id": 3, "order_ref": "12"}


def entry(investor_id: str = INVESTOR) -> MapEntry:
    return MapEntry(RefSpace.ORDER, THERE, 0, NAME.number, 0, THERE, 3, "12", 0, investor_id)


@pytest.fixture
def firm() -> Firm:
    return Firm()


@pytest.fixture
async def bench(tmp_path: Path, firm: Firm) -> AsyncIterator[Bench]:
    """One process of a firm."""
    made = Bench(tmp_path, shared=firm)
    yield made
    await made.desk.stop()
    made.order_map.close()


def reason(outcome: asyncio.Future[CallOutcome]) -> str:
    error = outcome.exception() if outcome.done() else None
    return error.refusal.reason if isinstance(error, Refused) else ""


async def test_the_counters_day_has_its_number(bench: Bench, firm: Firm) -> None:
    """The map says that there is one, the day is read once, and the cancel goes out; the next one asks nothing."""
    firm.known = [entry()]
    native = PlayedNative()
    mine = bench.link(native)

    first = mine.submit(cancel(1, **OWN))
    await settle()
    native.answers[0].set_result([state("77", name=NAME)])
    await settle()
    again = mine.submit(cancel(2, **OWN))
    await settle()

    assert (first.result(), again.result()) == (CallOutcome(0), CallOutcome(0))
    assert [what for what, _ in native.sent] == ["ReqQryOrder", "cancel", "cancel"]
    assert {order.state.native_id for what, order in native.sent if what == "cancel"} == {"77"}
    assert firm.asked == ["named"]


@pytest.mark.parametrize(
    ("known", "named"),
    [
        ([], OWN),
        ([entry(OTHER)], OWN),
        ([entry()], {**OWN, "front_id": virtual_front(7)}),
        ([entry()], {**OWN, "front_id": 5}),
        ([entry()], {**OWN, "order_ref": ""}),
        ([entry()], {**OWN, "order_sys_id": "78", "exchange_id": "SHFE"}),
    ],
    ids=["no such order", "another's", "this process's", "no relay's", "no reference", "a number of the counter's"],
)
async def test_what_is_no_order_elsewhere_costs_no_query(
    bench: Bench, firm: Firm, known: list[MapEntry], named: dict[str, Any]
) -> None:
    """Refused as not found, another investor's like one that is not there."""
    firm.known = known
    native = PlayedNative()
    outcome = bench.link(native).submit(cancel(1, **named))
    await settle()

    assert reason(outcome) == "order_not_found"
    assert native.sent == []


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (AnswerLost(), "counter_unavailable"),
        (NotSent(), "counter_unavailable"),
        (ValueError("a mistake of ours"), "relay_fault"),
        (None, "order_not_found"),
    ],
)
async def test_a_day_that_says_nothing_of_it_sends_no_cancel(
    bench: Bench, firm: Firm, answer: Exception | None, wanted: str
) -> None:
    """Unanswered, broken, or without the order."""
    firm.known = [entry()]
    native = PlayedNative()
    outcome = bench.link(native).submit(cancel(1, **OWN))
    await settle()
    if answer is not None:
        native.answers[0].set_exception(answer)
    else:
        native.answers[0].set_result([state("77")])
    await settle()

    assert reason(outcome) == wanted
    assert [what for what, _ in native.sent] == ["ReqQryOrder"]


async def test_without_the_database_or_in_time_it_is_refused(bench: Bench, firm: Firm) -> None:
    """And a terminal that left meanwhile cancels nothing."""
    firm.known, firm.away = [entry()], True
    native = PlayedNative()
    mine = bench.link(native)
    away = mine.submit(cancel(1, **OWN))
    await settle()
    firm.away = False
    firm.answer.clear()
    late = mine.submit(cancel(2, 0.05, **OWN))
    with pytest.raises(Refused):
        await late
    left = mine.submit(cancel(3, **OWN))
    await settle()
    firm.answer.set()
    await settle()
    await mine.detach("left")
    native.answers[0].set_result([state("77", name=NAME)])
    await settle()

    assert (reason(away), reason(late)) == ("shared_orders_unavailable", "deadline_passed")
    assert reason(left) == "session_gone"
    assert "cancel" not in [what for what, _ in native.sent]
