"""Orders with a key that is new here ask the firm's other relay processes; nothing overtakes them, and nothing else asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ctprelay.ctp.v1 import requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.ctp.order_map.tables import OrderTables
from relay.counter.port import CallOutcome, TerminalCall
from relay.refusals.refusal import Refused
from tests.relay.counter.ctp.orders.test_firm import Firm
from tests.relay.counter.translated.played_native import BROKER, Bench, PlayedNative, cancel, insert, settle
from tests.relay.hand_loop import HandLoop

THERE = virtual_front(9)
NEXT_DAY = "20261124"


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


def query(request_id: int) -> TerminalCall:
    return TerminalCall(requests_pb2.Request(qry_order=ctp.QryOrder()), request_id, 3.0)


def sent(native: PlayedNative) -> list[str]:
    return [kind for kind, _ in native.sent]


def refs(native: PlayedNative) -> list[str]:
    return [order.name.ref for kind, order in native.sent if kind == "place"]


def released(firm: Firm) -> list[tuple[str, str]]:
    return [news for news in firm.news if news[0] in {"retract", "free", "sent"}]


def reason(outcome: asyncio.Future[CallOutcome]) -> str:
    error = outcome.exception() if outcome.done() else None
    return error.refusal.reason if isinstance(error, Refused) else ""


async def test_what_needs_no_answer_waits_for_none(bench: Bench, firm: Firm) -> None:
    """Orders without a key and cancels of them: a database that hangs costs them nothing."""
    firm.answer.clear()
    native = PlayedNative()
    mine = bench.link(native)

    outcome = mine.submit(insert(1, order_ref="4"))
    native.answers[0].set_result("11")
    await settle()
    canceled = mine.submit(cancel(2, order_ref="4", front_id=bench.desk.front, session_id=mine.lane))

    assert outcome.result() == CallOutcome(0)
    assert canceled.result() == CallOutcome(0)
    assert firm.asked == []
    assert firm.news == [("begin", "20261123"), ("store", "")]


async def test_calls_of_one_terminal_keep_their_order_behind_one_that_asks(bench: Bench, firm: Firm) -> None:
    """Also a cancel of that very order, and a query; the account's other terminal is not held up."""
    firm.answer.clear()
    native, others = PlayedNative(), PlayedNative()
    mine, other = bench.link(native), bench.link(others, "T2")
    own = {"front_id": bench.desk.front, "session_id": mine.lane}

    calls = [mine.submit(insert(1, "K1", order_ref="1")), mine.submit(cancel(2, order_ref="1", **own))]
    calls += [mine.submit(insert(3, order_ref="2")), mine.submit(insert(4, "K3", order_ref="3"))]
    calls += [mine.submit(query(5)), mine.submit(insert(6, order_ref="4"))]
    plain = other.submit(insert(1))
    await settle()
    before = sent(native), [call.done() for call in calls], plain.done()
    firm.answer.set()
    await settle()
    native.answers[0].set_result("11")
    await asyncio.wait_for(asyncio.gather(*calls), 5)

    assert before == ([], [False] * 6, True)
    assert refs(native) == ["1", "2", "3", "4"]
    assert [kind for kind in sent(native) if kind != "place"] == ["ReqQryOrder", "cancel"]
    assert released(firm) == [("sent", "K1"), ("sent", "K3")]
    assert mine.submit(insert(7)).done()


async def test_a_key_that_named_an_order_elsewhere_sends_nothing(bench: Bench, firm: Firm) -> None:
    """Its terminal changed from another process to this one and repeats what it got no answer to."""
    firm.first = FirstOrder(THERE, 3, "12")
    native = PlayedNative()

    outcome = await asyncio.wait_for(bench.link(native).submit(insert(1, "K1")), 5)

    assert outcome == CallOutcome(0, first_order_ref="12", first_front_id=THERE, first_session_id=3)
    assert native.sent == []
    assert released(firm) == []


async def test_without_the_database_a_new_key_is_refused_and_not_sent(bench: Bench, firm: Firm) -> None:
    """One that is known here is answered, and an order without a key goes out."""
    native = PlayedNative()
    mine = bench.link(native)
    first = await asyncio.wait_for(mine.submit(insert(1, "K1")), 5)
    firm.away = True

    again = mine.submit(insert(2, "K1"))
    new = mine.submit(insert(3, "K2"))
    plain = mine.submit(insert(4))
    await settle()

    assert again.result().first_order_ref == first.order_ref == "1"
    assert reason(new) == "shared_orders_unavailable"
    assert plain.result() == CallOutcome(0, order_ref="2")
    assert sent(native) == ["place"] * 2
    assert released(firm) == [("sent", "K1")]


async def test_the_others_know_of_a_keyed_order_before_its_terminal_does(bench: Bench, firm: Firm) -> None:
    """It may go to one of them with the answer in its hand. Its time is not over meanwhile, and the next order does not wait."""
    hand = HandLoop()
    native = PlayedNative()
    mine = bench.link(native)
    known = asyncio.Event()
    firm.settled = known.wait  # type: ignore[method-assign, assignment]

    outcome = mine.submit(insert(1, "K1"))
    await settle()
    await hand.move(10.0)
    behind = mine.submit(insert(2))
    before = sent(native), outcome.done(), behind.done()
    known.set()
    await settle()

    assert before == (["place"] * 2, False, True)
    assert outcome.result() == CallOutcome(0, order_ref="1")


async def test_an_order_that_was_sent_is_answered_also_where_the_desk_stops(bench: Bench, firm: Firm) -> None:
    """It waits only for the others to know of it; one that still asks is not sent, and answered as well."""
    native = PlayedNative()
    mine = bench.link(native)
    firm.settled = asyncio.Event().wait  # type: ignore[method-assign, assignment]
    outcome = mine.submit(insert(1, "K1"))
    await settle()
    before = outcome.done()
    firm.answer.clear()
    asking = mine.submit(insert(2, "K2"))
    await settle()
    await bench.desk.stop()
    await settle()

    assert not before
    assert outcome.result() == CallOutcome(0, order_ref="1")
    assert reason(asking) == "session_gone"
    assert len(native.sent) == 1


async def test_a_claimed_key_is_freed_where_its_order_is_not_sent(bench: Bench, firm: Firm) -> None:
    """Refused, or the session at the counter broke while it waited or at the call: it may be tried again, at any process."""
    native = PlayedNative()
    mine = bench.link(native)
    refused = mine.submit(insert(1, "K1", exchange_id="INE"))
    await settle()
    firm.answer.clear()
    broken = mine.submit(insert(2, "K2"))
    await settle()
    native.live = False
    firm.answer.set()
    await settle()
    native.live, native.sends = True, False
    not_sent = mine.submit(insert(3, "K3"))
    await settle()

    assert reason(refused) == "value_not_offered_by_counter"
    assert reason(broken) == reason(not_sent) == "counter_unavailable"
    assert released(firm) == [("free", "K1"), ("free", "K2"), ("retract", "K3"), ("free", "K3")]
    assert native.sent == []


async def test_a_call_whose_time_is_over_or_that_is_given_up_is_never_sent(bench: Bench, firm: Firm) -> None:
    """Those behind it go on, and those before it are waited for; its claim is given up."""
    hand = HandLoop()
    firm.answer.clear()
    native = PlayedNative()
    mine = bench.link(native)
    first, given_up, last = mine.submit(insert(1, "K1")), mine.submit(insert(2)), mine.submit(insert(3))
    await settle()
    given_up.cancel()
    await settle()
    before = sent(native)
    await hand.move(3.5)
    late = mine.submit(insert(4, "K4"))
    behind = mine.submit(insert(5))
    await settle()
    late.cancel()
    await settle()

    assert before == []
    assert reason(first) == reason(last) == "deadline_passed"
    assert behind.result() == CallOutcome(0, order_ref="1")
    assert len(native.sent) == 1
    assert bench.names.used == 1


async def test_a_terminal_that_leaves_takes_its_waiting_orders_with_it(bench: Bench, firm: Firm) -> None:
    """All at once: the end of the first does not send the next; the answer that comes late sends none."""
    firm.answer.clear()
    native = PlayedNative()
    mine = bench.link(native)
    calls = [mine.submit(insert(1, "K1")), mine.submit(insert(2)), mine.submit(query(3))]
    await settle()
    await mine.detach("left")
    reasons = [reason(call) for call in calls]
    firm.answer.set()
    await settle()

    assert reasons == ["session_gone"] * 3
    assert native.sent == []


async def test_a_claim_that_comes_when_its_call_is_over_is_given_up(bench: Bench, firm: Firm) -> None:
    """The database may have taken it in the moment in which the call ended."""

    async def taken(*_: object) -> None:
        try:
            await firm.answer.wait()
        except asyncio.CancelledError:
            return

    firm.answer.clear()
    firm.claim = taken  # type: ignore[method-assign, assignment]
    native = PlayedNative()
    call = bench.link(native).submit(insert(1, "K1"))
    await settle()
    call.cancel()
    await settle()

    assert released(firm) == [("free", "K1")]
    assert native.sent == []


async def test_a_claim_of_the_day_before_is_made_again(bench: Bench, firm: Firm) -> None:
    """The other processes are asked of the day in which the order is sent."""
    firm.answer.clear()
    native = PlayedNative()
    mine = bench.link(native)
    outcome = mine.submit(insert(1, "K1"))
    await settle()
    bench.desk.begin_day(NEXT_DAY)
    firm.answer.set()
    await asyncio.wait_for(outcome, 5)

    assert firm.asked == ["K1", "K1", "settled"]
    assert released(firm) == [("free", "K1"), ("sent", "K1")]
    assert len(native.sent) == 1


async def test_two_processes_on_one_database_send_a_key_once(tmp_path: Path, sqlite_engine: Engine) -> None:
    """Both at once, and one after the other; two terminals of one process as well, at once."""
    with ExitStack() as stack:
        benches, links, natives = [], [], [PlayedNative() for _ in range(3)]
        for number in (7, 8):
            tables = OrderTables(BROKER, number)
            shared = stack.enter_context(OrdersInDatabase(sqlite_engine, tables, answer_seconds=30))
            benches.append(Bench(tmp_path / str(number), number=number, shared=shared))
        links = [benches[0].link(natives[0]), benches[1].link(natives[1]), benches[0].link(natives[2], "T2")]

        results: list[Any] = await asyncio.wait_for(
            asyncio.gather(*(link.submit(insert(1, "K1")) for link in links), return_exceptions=True), 60
        )
        repeated = [await asyncio.wait_for(link.submit(insert(2, "K1")), 60) for link in links]
        other: list[Any] = await asyncio.gather(
            *(link.submit(insert(3, "K1", limit_price=1.0)) for link in links), return_exceptions=True
        )
        for bench in benches:
            await bench.desk.stop()
            bench.order_map.close()

    placed = [order for native in natives for _, order in native.sent]
    assert len(placed) == 1
    name = placed[0].name
    named = {(found.first_front_id, found.first_session_id, found.first_order_ref) for found in repeated}
    assert named == {(name.front, name.session, name.ref)}
    in_doubt = [error.refusal.reason for error in results if isinstance(error, Refused)]
    assert set(in_doubt) <= {"order_key_in_doubt"}
    assert [error.refusal.reason for error in other] == ["order_key_reused"] * 3
