"""The desk of one account: what its terminals ask goes out once, in order, and everything that happens comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ctprelay.ctp.v1 import events_pb2, requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import CallOutcome, CounterEvent, LinkCause, LinkStatus, NativeError, TerminalCall
from relay.counter.translated import link as link_module
from relay.counter.translated.desks import AccountDesks
from relay.counter.translated.events import NATIVE_ERROR_ID
from relay.counter.translated.link import MOST_IN_A_BATCH
from relay.counter.translated.names import read_key
from relay.counter.translated.tools import SLICE
from relay.counter.translated.values import AnswerLost, NativeRefused
from relay.logs.alarms import AlarmName
from relay.refusals.refusal import Refused
from tests.relay.counter.batches import batches
from tests.relay.counter.translated.played_native import (
    INVESTOR,
    OTHER,
    Bench,
    PlayedNative,
    cancel,
    fill,
    heard,
    insert,
    settle,
    state,
)

REFUSED = NativeError("E1", "资金不足")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.desk.stop()
    made.order_map.close()


def reason(outcome: asyncio.Future[CallOutcome]) -> str:
    error = outcome.exception() if outcome.done() else None
    return error.refusal.reason if isinstance(error, Refused) else ""


def query(request_id: int = 5, valid_for: float = 3.0, **values: Any) -> TerminalCall:
    body = requests_pb2.Request(qry_order=ctp.QryOrder(**values))
    return TerminalCall(body, request_id, valid_for)


async def test_an_order_is_sent_once_and_told_to_all_terminals_of_the_account(bench: Bench) -> None:
    """Its result when it was sent, OnRtnOrder with the counter's number, a trace in the orders' stream."""
    native = PlayedNative()
    asker, other = bench.link(native), bench.link(native, "T2")
    outcome = asker.submit(insert())
    assert outcome.result() == CallOutcome(0, order_ref="1")
    native.answers[0].set_result("11")
    await settle()
    bench.desk.heard_trade(fill())

    assert [kind for kind, _ in native.sent] == ["place"]
    for link in (asker, other):
        first, second, third = heard(link)
        assert [first[0], second[0], third[0]] == ["OnRtnOrder", "OnRtnOrder", "OnRtnTrade"]
        assert first[1].rtn_order.order_sys_id == "11"
        assert (first[1].rtn_order.session_id, first[1].rtn_order.order_ref) == (1, "1")
        assert third[1].rtn_trade.order_ref == "1"
    assert [note.kind for note in bench.notes.kept] == ["order_insert", "order_numbered"]
    sent = native.sent[0][1]
    assert read_key(sent.name.key) == sent.name
    assert bench.names.of_number(str(sent.name.number)) == sent.name


async def test_a_refused_order_is_answered_to_its_terminal_alone(bench: Bench) -> None:
    """The others of the account hear OnErrRtnOrderInsert; the counter's own code is beside both."""
    native = PlayedNative()
    asker, other = bench.link(native), bench.link(native, "T2")
    asker.submit(insert(request_id=4))
    native.answers[0].set_exception(NativeRefused(REFUSED))
    await settle()

    answered = heard(asker)
    assert [kind for kind, _ in answered] == ["OnRspOrderInsert", "OnErrRtnOrderInsert"]
    assert answered[0][1].request_id == 4
    assert answered[0][1].rsp_info.error_id == NATIVE_ERROR_ID
    assert answered[0][1].rsp_info.error_msg == "[E1] 资金不足"
    assert [kind for kind, _ in heard(other)] == ["OnErrRtnOrderInsert"]
    assert bench.notes.kept[-1].data["native"] == REFUSED.as_evidence()
    assert list(bench.desk.book.day()) == []


async def test_an_order_whose_answer_is_lost_is_unknown_until_the_day_is_read(bench: Bench) -> None:
    """Found by its number: it is that order. It is never sent again."""
    native = PlayedNative()
    link = bench.link(native)
    link.submit(insert())
    native.answers[0].set_exception(AnswerLost())
    await settle()
    ((_, unknown),) = heard(link)
    name = native.sent[0][1].name
    await bench.desk.rebuilt(
        [state("11", name=bench.names.of_number(name.number), traded=1)], [fill()], bench.desk.doubts()
    )

    assert chr(unknown.rtn_order.order_status) == "a"
    assert [kind for kind, _ in heard(link)] == ["OnRtnOrder", "OnRtnTrade"]
    assert len(native.sent) == 1


async def test_an_order_that_the_counter_never_had_is_refused_after_the_day_is_read(bench: Bench) -> None:
    """Only where nothing there could be it."""
    native = PlayedNative()
    link = bench.link(native)
    link.submit(insert())
    link.submit(insert(request_id=2, limit_price=3499.0))
    for answer in native.answers:
        answer.set_exception(AnswerLost())
    await settle()
    heard(link)
    await bench.desk.rebuilt([state("12")], [], bench.desk.doubts())

    said = heard(link)
    assert [kind for kind, _ in said] == ["OnRtnOrder", "OnRspOrderInsert", "OnErrRtnOrderInsert"]
    assert said[1][1].request_id == 2
    assert "未到达" in said[1][1].rsp_info.error_msg
    assert len(bench.desk.book.in_doubt()) == 1, "the first one looks like number 12, which says not whose it is"


async def test_an_order_whose_answer_still_comes_is_not_doubted(bench: Bench) -> None:
    """A day that was read before the counter had the order does not have it, and refuses nothing."""
    native = PlayedNative()
    link = bench.link(native)
    link.submit(insert())
    await bench.desk.rebuilt([], [], bench.desk.doubts())
    native.answers[0].set_result("11")
    await settle()

    said = heard(link)
    assert [kind for kind, _ in said] == ["OnRtnOrder"]
    assert said[0][1].rtn_order.order_sys_id == "11"


async def test_a_key_is_good_for_one_order_also_after_a_restart(bench: Bench, tmp_path: Path) -> None:
    """The same content is a repetition; another content is refused."""
    native = PlayedNative()
    link = bench.link(native)
    link.submit(insert(key="k"))
    again = link.submit(insert(key="k", order_ref="9"))
    other = link.submit(insert(key="k", limit_price=1.0))
    bench.order_map.close()
    later = Bench(tmp_path, number=8)
    after = later.link(PlayedNative()).submit(insert(key="k"))

    for repeated in (again, after):
        assert repeated.result().first_order_ref == "1"
        assert repeated.result().first_session_id == 1
    assert reason(other) == "order_key_reused"
    assert [kind for kind, _ in native.sent] == ["place"]
    assert later.names.of_number(native.sent[0][1].name.number) == native.sent[0][1].name


async def test_what_is_not_sent_is_not_kept(bench: Bench) -> None:
    """A counter that is not connected at the moment of sending: the reference and the key are free again."""
    native = PlayedNative()
    link = bench.link(native)
    native.sends = False
    refused = link.submit(insert(key="k"))
    native.sends = True
    taken = link.submit(insert(key="k"))

    assert reason(refused) == "counter_unavailable"
    assert taken.result().order_ref == "1"
    assert taken.result().first_order_ref == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"investor_id": OTHER}, "not_your_investor"),
        ({"account_id": OTHER}, "not_your_account"),
        ({"order_ref": "x"}, "reference_malformed"),
        ({"stop_price": 1.0}, "field_not_offered_by_counter"),
        ({"order_memo": "m"}, "field_not_offered_by_counter"),
        ({"exchange_id": "INE"}, "value_not_offered_by_counter"),
        ({"limit_price": float("nan")}, "number_not_finite"),
    ],
)
async def test_an_order_that_may_not_go_out_does_not(bench: Bench, changes: dict[str, Any], expected: str) -> None:
    """Another's account in any field, a field or value that would be lost, what is no number."""
    native = PlayedNative()
    outcome = bench.link(native).submit(insert(**changes))

    assert reason(outcome) == expected
    assert native.sent == []


async def test_requests_that_are_not_offered_are_refused_by_name(bench: Bench) -> None:
    """Never half-translated; identity holds for queries too."""
    link = bench.link(PlayedNative())
    parked = requests_pb2.Request(parked_order_insert=ctp.ParkedOrder())
    account = requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount(account_id=OTHER))

    assert reason(link.submit(TerminalCall(parked, 1, 1.0))) == "not_offered_by_counter"
    assert reason(link.submit(TerminalCall(account, 2, 1.0))) == "not_your_account"
    assert reason(link.submit(query(investor_id=OTHER))) == "not_your_investor"


async def test_references_of_a_terminal_increase(bench: Bench) -> None:
    """Its own ones are kept; the relay's go on after them."""
    link = bench.link(PlayedNative())

    assert link.submit(insert(order_ref="7")).result().order_ref == ""
    assert reason(link.submit(insert(order_ref="7"))) == "reference_not_increasing"
    assert link.submit(insert()).result().order_ref == "8"


async def test_a_days_orders_are_bounded(tmp_path: Path) -> None:
    """Of one investor."""
    small = Bench(tmp_path, most=1)
    link = small.link(PlayedNative())
    link.submit(insert())

    assert reason(link.submit(insert())) == "investor_day_limit_reached"
    await small.desk.stop()


async def test_the_orders_of_all_investors_are_bounded_also_after_a_restart(tmp_path: Path) -> None:
    """The last bound, with the alarm before it; every order that was sent is in the metric of how long it took."""
    before = Bench(tmp_path, total=2)
    before.link(PlayedNative()).submit(insert())
    await before.desk.stop()
    before.order_map.close()

    after = Bench(tmp_path, number=8, total=2)
    link = after.link(PlayedNative())
    sent = link.submit(insert()).result()
    refused = reason(link.submit(insert()))
    await after.desk.stop()

    assert sent.return_code == 0
    assert refused == "day_limit_reached"
    assert after.tools.alarms.count(AlarmName.ORDERS_RUN_OUT) == 1
    assert sum(after.tools.figures.order_seconds.counts) == 1


async def test_a_cancel_waits_for_its_orders_number(bench: Bench) -> None:
    """By its reference; the counter's word about the order is told; an unknown order is refused here."""
    native = PlayedNative()
    link = bench.link(native)
    link.submit(insert())
    front = bench.desk.front
    outcome = link.submit(cancel(front_id=front, session_id=1, order_ref="1"))
    await settle()
    assert not outcome.done()
    native.answers[0].set_result("11")
    await settle()
    assert outcome.result().return_code == 0
    native.answers[1].set_result(state(canceled=3))
    await settle()

    said = heard(link)
    assert chr(said[-1][1].rtn_order.order_status) == "5"
    assert reason(link.submit(cancel(exchange_id="SHFE", order_sys_id="99"))) == "order_not_found"
    assert [note.kind for note in bench.notes.kept] == ["order_insert", "order_numbered", "order_cancel"]


async def test_a_cancel_that_waits_too_long_is_not_sent(bench: Bench) -> None:
    """And one that is refused is answered."""
    native = PlayedNative()
    link = bench.link(native)
    link.submit(insert())
    late = link.submit(cancel(front_id=bench.desk.front, session_id=1, order_ref="1", valid_for=0.01))
    with pytest.raises(Refused, match="deadline_passed"):
        await late
    native.answers[0].set_result("11")
    await settle()
    heard(link)
    link.submit(cancel(exchange_id="SHFE", order_sys_id="11"))
    native.answers[1].set_exception(NativeRefused(REFUSED))
    await settle()

    assert [kind for kind, _ in heard(link)] == ["OnRspOrderAction", "OnErrRtnOrderAction"]


async def test_queries_take_turns_and_end_whatever_happens(bench: Bench) -> None:
    """One at a time; an empty answer, an error and silence are answers too; an id in use is refused."""
    native = PlayedNative()
    link = bench.link(native)
    first, second = link.submit(query(5)), link.submit(query(6))
    third = link.submit(query(5))
    await settle()
    assert [len(native.sent), first.done(), second.done()] == [1, True, False]
    assert reason(third) == "request_id_in_use"
    native.answers[0].set_result([state("11"), state("12", instrument_id="au2702")])
    await settle()
    native.answers[1].set_result([])
    link.submit(query(7))
    await settle()
    native.answers[2].set_exception(NativeRefused(REFUSED))
    link.submit(query(8))
    await settle()
    native.answers[3].set_exception(AnswerLost())
    await settle()

    answers = [(kind, said.request_id, said.is_last, said.empty) for kind, said in heard(link) if said.request_id]
    assert answers == [
        ("OnRspQryOrder", 5, False, False),
        ("OnRspQryOrder", 5, True, False),
        ("OnRspQryOrder", 6, True, True),
        ("OnRspQryOrder", 7, True, True),
        ("OnRspError", 8, True, False),
    ]
    assert not native.questions.locked()


async def test_a_query_shows_what_it_asks_for(bench: Bench) -> None:
    """Filtered here too: a counter may answer with more."""
    native = PlayedNative()
    link = bench.link(native)
    link.submit(query(instrument_id="au2702"))
    await settle()
    native.answers[0].set_result([state("11"), state("12", instrument_id="au2702")])
    await settle()

    rows = [said.rsp_qry_order.order_sys_id for kind, said in heard(link) if kind == "OnRspQryOrder"]
    assert rows == ["12"]


async def test_a_terminal_that_comes_later_hears_the_day(bench: Bench) -> None:
    """Unless it asked for what happens from now on."""
    native = PlayedNative()
    bench.link(native)
    bench.desk.heard_order(state())
    bench.desk.heard_trade(fill())

    assert [kind for kind, _ in heard(bench.link(native, "T2"))] == ["OnRtnOrder", "OnRtnTrade"]
    assert heard(bench.link(native, "T3", from_now=True)) == []


async def test_a_new_day_begins_empty(bench: Bench) -> None:
    """Yesterday's orders are no more, and their trades may have today's numbers."""
    link = bench.link(PlayedNative())
    bench.desk.heard_order(state())
    bench.desk.heard_trade(fill())
    heard(link)

    assert bench.desk.begin_day("20261124") is True
    assert bench.desk.begin_day("20261124") is False
    bench.desk.heard_order(state())
    bench.desk.heard_trade(fill())
    assert [kind for kind, _ in heard(link)] == ["OnRtnOrder", "OnRtnOrder", "OnRtnTrade"]


async def test_a_link_ends_once_and_takes_no_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the counter says, by its terminal's leaving, or because nothing is taken from it."""
    native = PlayedNative()
    link = bench.link(native)
    link.end("forced out", LinkCause.COUNTER_LOGGED_OUT)
    link.end("again", LinkCause.COUNTER_LOGGED_OUT)
    ended = [item async for batch in batches(link) for item in batch if isinstance(item, LinkStatus)]
    await link.detach("gone")
    await link.detach("gone")
    assert [item.reason for item in ended] == ["forced out"]
    assert reason(link.submit(insert())) == "session_gone"

    monkeypatch.setattr(link_module, "MOST_ITEMS", 2)
    slow = bench.link(native, "T2")
    for number in range(5):
        bench.desk.heard_order(state(str(number)))
    assert [kind for kind, _ in heard(slow)] == ["OnRtnOrder", "OnRtnOrder", "ended"]

    late = bench.link(native, "T3")
    for number in range(5, 10):
        bench.desk.heard_order(state(str(number)))
    assert not late.is_open, "what waits behind the day is bounded too"


async def test_nothing_goes_out_while_the_counter_is_away(bench: Bench) -> None:
    """Orders and queries are refused at once: they are not kept for later."""
    native = PlayedNative()
    link = bench.link(native)
    native.live = False

    assert reason(link.submit(insert())) == "counter_unavailable"
    assert reason(link.submit(query())) == "counter_unavailable"


async def test_an_accounts_desk_lives_as_long_as_a_terminal(bench: Bench) -> None:
    """Two terminals of one account share it; another account has its own."""
    desks = AccountDesks("9999", bench.tools)
    first, second, other = desks.enter(INVESTOR), desks.enter(INVESTOR), desks.enter(OTHER)

    assert first is second
    assert first is not other
    await desks.leave(INVESTOR)
    assert desks.of(INVESTOR) is first
    await desks.leave(INVESTOR)
    assert desks.of(INVESTOR) is None


async def test_a_reading_that_a_new_day_overtakes_says_nothing_of_the_old_one(bench: Bench) -> None:
    """Its rows come in slices, and the day may change between two of them."""
    link = bench.link(PlayedNative())
    orders = [state(str(number)) for number in range(SLICE)]
    trades = [fill(str(number), str(number)) for number in range(SLICE)]
    reading = asyncio.ensure_future(bench.desk.rebuilt(orders, trades))
    await asyncio.sleep(0)

    bench.desk.begin_day("20261124")
    bench.desk.heard_order(state("0"))  # today's, with a number that the old day had too
    heard(link)
    await reading

    assert heard(link) == []


async def test_a_long_day_does_not_hold_the_loop(bench: Bench) -> None:
    """Thousands of orders are told, replayed and shown in slices: in between the loop has many turns, and nothing overtakes."""
    native, turns = PlayedNative(), [0]

    async def count() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    counting = asyncio.get_running_loop().create_task(count())
    try:
        await bench.desk.rebuilt([state(str(number)) for number in range(2000)], [])
        told = turns[0]
        link = bench.link(native)
        bench.desk.heard_order(state("2000"))
        sizes: list[int] = []
        kept: list[str] = []
        async for batch in batches(link):
            sizes.append(len(batch))
            kept += [
                events_pb2.Event.FromString(item.wire).rtn_order.order_sys_id
                for item in batch
                if isinstance(item, CounterEvent)
            ]
            if kept[-1:] == ["2000"]:
                break
    finally:
        counting.cancel()

    assert told >= 2000 // SLICE
    assert kept == [str(number) for number in range(2001)]
    assert max(sizes) <= MOST_IN_A_BATCH
