"""The order router without a loop: what comes out of it for what is fed, time an argument."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.port import CallOutcome, LinkState, LinkStatus
from relay.refusals.refusal import Refusal
from tests.relay.counter.ctp.ctp_bodies import CATALOG, request
from tests.relay.counter.ctp.orders.fed_router import LOGIN, Fed, events
from tests.relay.counter.ctp.played_board import answer, order_fields
from tests.relay.counter.ctp.terminal_calls import terminal_call

ELSEWHERE = virtual_front(7)


def test_what_is_fed_comes_out_with_no_loop_at_all() -> None:
    """An order is sent and answered, and an answer reaches the terminal that asked."""
    fed = Fed()
    mine, other = fed.link(), fed.link("100002")
    order, query = fed.order(mine, 1), fed.submit(mine, "ReqQryTrade", 7)

    fed.router.event(answer("OnRspQryTrade", fed.sent[-1].request_id), fed.now)

    assert (fed.result(order), fed.result(query)) == (0, 0)
    assert fed.names == ["ReqOrderInsert", "ReqQryTrade"]
    assert (events(mine), events(other)) == ([(7, 0, True)], [])


def test_when_to_look_again_is_known_and_enough() -> None:
    """Fed with its own times alone, the router sends what waits and lets go what came too late."""
    fed = Fed(packages=1)
    mine = fed.link()
    calls = [fed.order(mine, 1), fed.submit(mine, "ReqOrderInsert", 2, valid_for=0.5, **order_fields())]

    while fed.router.wake_at is not None:
        fed.move(fed.router.wake_at - fed.now)

    assert [fed.result(call) for call in calls] == [0, "deadline_passed"]
    assert fed.names == ["ReqOrderInsert"]
    assert fed.now == pytest.approx(0.5)


def test_a_link_that_asks_the_firm_holds_up_only_itself_and_in_order() -> None:
    """The order with the new key, its cancel and the next order leave as they came."""
    fed = Fed(firm=True)
    mine, other = fed.link(), fed.link("100002")
    calls = [fed.order(mine, 1, key="K1"), fed.cancel(mine, 1), fed.order(mine, 2, key="K2"), fed.order(mine, 3)]
    fed.order(other, 1)
    assert (fed.names, len(fed.asks)) == (["ReqOrderInsert"], 1)

    fed.answered(0)
    assert (fed.names[1:], len(fed.asks)) == (["ReqOrderInsert", "ReqOrderAction"], 2)
    fed.answered(1, FirstOrder(ELSEWHERE, 3, "12"))

    assert [fed.result(call) for call in calls] == [0, 0, 0, 0]
    assert fed.names[3:] == ["ReqOrderInsert"]
    assert [call.claimed for call in calls if isinstance(call, OpenCall)] == [True, False, False, False]


def test_a_call_that_runs_out_of_time_while_it_asks_lets_the_next_one_ask() -> None:
    """And is not sent when the firm answers at last."""
    fed = Fed(firm=True)
    mine = fed.link()
    late = fed.submit(mine, "ReqOrderInsert", 1, valid_for=1.0, key="K1", **order_fields())
    next_one = fed.order(mine, 2, key="K2")

    fed.move(1.0)

    assert fed.result(late) == "deadline_passed"
    assert [ask.call for ask in fed.asks] == [late, next_one]
    fed.answered(1)
    assert fed.result(next_one) == 0
    assert len(fed.sent) == 1


def test_calls_that_run_out_of_time_together_let_the_next_one_ask_once() -> None:
    """Two questions for one call would have two answers, and the second would send its order again."""
    fed = Fed(firm=True)
    mine = fed.link()
    for ref in (1, 2):
        fed.submit(mine, "ReqOrderInsert", ref, valid_for=1.0, key=f"K{ref}", **order_fields())
    left = fed.order(mine, 3, key="K3")

    fed.move(1.0)

    assert [ask.call.order_key for ask in fed.asks] == ["K1", "K3"]
    fed.answered(1)
    assert fed.result(left) == 0
    assert len(fed.sent) == 1


def test_the_end_of_the_session_answers_also_the_calls_that_ask_the_firm() -> None:
    """The driver stops asking then, so that no answer would come for them."""
    fed = Fed(firm=True)
    mine = fed.link()
    calls = [fed.order(mine, 1, key="K1"), fed.order(mine, 2)]

    fed.live = False
    fed.router.lost(LinkStatus(LinkState.ENDED, "forced out"), fed.now)
    fed.pump()

    assert [fed.result(call) for call in calls] == ["counter_unavailable"] * 2
    assert fed.router.wake_at is None


def test_a_terminal_that_leaves_in_the_line_takes_all_of_it_along() -> None:
    """Each call has its result, and nothing of it is asked or sent any more."""
    fed = Fed(firm=True)
    mine = fed.link()
    calls = [fed.order(mine, 1, key="K1"), fed.order(mine, 2, key="K2"), fed.order(mine, 3)]

    fed.router.close_link(mine, fed.now)
    fed.pump()

    assert [fed.result(call) for call in calls] == ["session_gone"] * 3
    assert (len(fed.asks), fed.sent) == (1, [])


def test_nothing_is_sent_for_a_terminal_whose_report_was_made_in_an_earlier_login() -> None:
    """A shared session that came back knows nobody behind it."""
    fed = Fed()
    mine = fed.link()
    fed.break_off()
    fed.live = True
    fed.router.logged_in(LOGIN, (0, 0), fed.now)

    refused = fed.order(mine, 1)
    mine.reported = True

    assert isinstance(refused, Refusal)
    assert refused.reason == "counter_unavailable"
    assert fed.result(fed.order(mine, 1)) == 0


def test_what_passes_by_the_pacer_ends_with_its_terminal_and_with_the_session() -> None:
    """Nothing that was refused is sent, also where the terminal leaves before the driver asks for the next call."""
    order = terminal_call("ReqOrderInsert", request("ReqOrderInsert", **order_fields(OrderRef="1")), 1, 3.0)
    left, broken = Fed(), Fed()
    links = left.link(), broken.link()
    calls = [fed.router.submit(link, order, fed.now) for fed, link in zip((left, broken), links, strict=True)]

    left.router.close_link(links[0], left.now)
    left.pump()
    broken.break_off()

    assert left.sent == broken.sent == []
    assert (left.result(calls[0]), broken.result(calls[1])) == ("session_gone", "counter_unavailable")


def test_what_the_relay_asks_itself_is_answered_to_no_terminal() -> None:
    """A terminal would take an answer it did not ask for as its own fault."""
    fed = Fed()
    mine = fed.link()
    calls = []
    for _ in range(2):
        calls.append(fed.router.ask_itself(mine, CATALOG.methods["ReqSettlementInfoConfirm"], fed.now))
        fed.pump()
        fed.router.event(answer("OnRspSettlementInfoConfirm", 1, 42), fed.now)
    fed.break_off()

    assert [fed.result(call) for call in calls] == [42, -1]
    assert events(mine) == []


def test_a_link_that_closes_leaves_nothing_of_it_behind() -> None:
    """Not in the lines, not in the table of the unanswered; a public question goes on for those who joined it."""
    fed = Fed(packages=1, firm=True)
    mine, other = fed.link(), fed.link("100002")
    fed.submit(mine, "ReqQryInstrument", 1)
    fed.submit(other, "ReqQryInstrument", 2)
    for number in range(1, 5):
        fed.order(mine, number, key=f"K{number}" if number % 2 else "")

    fed.router.close_link(mine, fed.now)
    fed.pump()
    fed.router.event(answer("OnRspQryInstrument", 1, InstrumentID="rb2701"), fed.now)

    assert events(other) == [(2, 0, True)]
    assert len(fed.router._answers.unanswered) == 0
    assert (fed.router._waiting._parked, fed.router._waiting._named, fed.router._pacer.waiting) == ({}, {}, 0)


CALLS = ("order", "keyed", "cancel", "change", "query", "public")
HAPPENINGS = ("answer", "need retry", "refused by API", "firm", "break", "wait", "give up", "leave")
STEPS = st.sampled_from(CALLS + HAPPENINGS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(0, 2)), max_size=40))
def test_every_call_has_one_result_and_every_question_one_end(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, and that nothing waits when everything has come to its end."""
    fed = Fed(packages=2, firm=True)
    links = [fed.link(name) for name in ("100001", "100001", "100002")]
    calls: list[OpenCall] = []
    ends: Counter[tuple[RouterLink, int]] = Counter()
    for number, (step, which) in enumerate(steps, 1):
        link = links[which]
        if step in HAPPENINGS:
            _happen(fed, step, link, calls)
        elif isinstance(made := _call(fed, step, link, number), OpenCall):
            calls.append(made)
        for one in links:
            ends.update((one, request_id) for request_id, _, is_last in events(one) if is_last)
    fed.break_off()
    for ask in fed.asks:
        if ask.call.result_due:
            fed.router.firm_answered(ask, None, None, fed.now)
            fed.pump()
    fed.move(60.0)
    for link in links:
        ends.update((link, request_id) for request_id, _, is_last in events(link) if is_last)

    results = dict(fed.results)
    assert Counter(id(call) for call, _ in fed.results) == Counter(id(call) for call in calls)
    for call in calls:
        sent = isinstance(results[call], CallOutcome) and results[call].return_code == 0  # type: ignore[union-attr]
        if call.is_question and call.link.is_open:
            assert ends[call.link, call.number] == (1 if sent else 0), call
    assert (fed.router._waiting._parked, fed.router._waiting._named, fed.router._pacer.waiting) == ({}, {}, 0)
    assert all(not link.questions for link in links if link.is_open)


def _call(fed: Fed, step: str, link: RouterLink, number: int) -> OpenCall | Refusal:
    match step:
        case "order" | "keyed":
            return fed.order(link, number, key=f"K{number}" if step == "keyed" else "")
        case "cancel" | "change":
            flag = "0" if step == "cancel" else "3"
            return fed.submit(link, "ReqOrderAction", number, OrderRef=str(max(1, number - 1)), ActionFlag=flag)
        case _:
            return fed.submit(link, "ReqQryTrade" if step == "query" else "ReqQryInstrument", number)


def _happen(fed: Fed, step: str, link: RouterLink, calls: list[OpenCall]) -> None:
    match step:
        case "answer" | "need retry":
            _answer_last_question(fed, 0 if step == "answer" else 90)
        case "refused by API":
            fed.codes.append(-2)
        case "firm":
            waiting = [ask for ask in fed.asks if ask.call.result_due and ask.call in ask.call.link.line]
            if waiting:
                fed.router.firm_answered(waiting[-1], None, None, fed.now)
        case "break":
            fed.break_off()
            fed.log_in()
        case "wait":
            fed.move(0.7)
        case "give up" if calls:
            fed.router.give_up(calls[-1], fed.now)
        case _:
            fed.router.close_link(link, fed.now)
    fed.pump()


def _answer_last_question(fed: Fed, error_id: int) -> None:
    asked = [call for call in fed.sent if call.is_question and fed.router._answers.unanswered.find(call.request_id)]
    if asked:
        name = asked[-1].method.name.replace("Req", "OnRsp", 1)
        fed.router.event(answer(name, asked[-1].request_id, error_id), fed.now)
