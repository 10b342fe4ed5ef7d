"""Requests on their way down: in whose name, in which order, and that each call ends in one answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ctpabi.facts.errors import NEED_RETRY
from relay.counter.ctp.pacing.pacing import PacingLimits
from relay.logs.alarms import AlarmName
from tests.relay.counter.ctp.ctp_bodies import BROKER, read
from tests.relay.counter.ctp.played_board import OPERATOR, Board, Terminal, order_fields, refusal_of, unanswered
from tests.relay.hand_loop import HandLoop, settled

RETRY_SECONDS = 1.2


async def test_a_request_goes_out_in_the_terminals_own_name(shared: Board) -> None:
    """An empty InvestorID in an operator's session would mean everybody."""
    mine = shared.terminal("100001")

    await shared.call(mine, "ReqQryInvestorPosition")

    (called,) = shared.session.called
    assert read("QryInvestorPosition", called.body, "BrokerID", "InvestorID") == (BROKER, "100001")


async def test_a_request_that_names_another_investor_never_leaves(shared: Board) -> None:
    """Rewritten into the caller's name it would trade on the wrong account."""
    mine = shared.terminal("100001")

    reason = await refusal_of(shared.begin(mine, "ReqQryInvestorPosition", InvestorID="100002"))

    assert reason == "not_your_investor"
    assert shared.session.called == []


async def test_orders_of_all_terminals_get_increasing_references(shared: Board) -> None:
    """The counter refuses a reference that is not greater than the last, whoever sent it."""
    first, second = shared.terminal("100001"), shared.terminal("100002")

    for number, terminal in enumerate((first, second, first), 1):
        await shared.call(terminal, "ReqOrderInsert", number, **order_fields())

    refs = [int(read("InputOrder", called.body, "OrderRef")) for called in shared.session.called]
    assert refs == sorted(set(refs))
    assert {read("InputOrder", called.body, "UserID") for called in shared.session.called} == {OPERATOR}


async def test_an_order_the_api_does_not_take_is_answered_with_its_code_and_never_sent_again(shared: Board) -> None:
    """-2 and -3 too: an order sent twice may be filled twice."""
    mine = shared.terminal("100001")
    shared.session.return_codes = [-1, -2, -3]

    codes = [(await shared.call(mine, "ReqOrderInsert", n, **order_fields())).return_code for n in (1, 2, 3)]

    assert codes == [-1, -2, -3]
    assert len(shared.session.called) == 3
    assert list(unanswered(shared)) == [0, 0]


@pytest.mark.parametrize("code", [-2, -3])
async def test_a_query_the_api_does_not_take_is_sent_again_later(shared: Board, code: int) -> None:
    """The terminal hears nothing of it: the relay shares one query slot among all and knows when it is free."""
    loop, mine = HandLoop(), shared.terminal("100001")
    shared.session.return_codes = [code]

    call = shared.begin(mine, "ReqQryInvestorPosition")
    await settled()
    assert not call.done()
    await loop.move(RETRY_SECONDS)

    assert (await call).return_code == 0
    assert len(shared.session.called) == 2


async def test_a_bank_query_sent_again_keeps_its_terminals_own_number(shared: Board) -> None:
    """Its RequestID is its reference: the notice that answers it must bring back what the terminal wrote."""
    loop, mine = HandLoop(), shared.terminal("100001")
    shared.session.return_codes = [-3]
    call = shared.begin(mine, "ReqQueryBankAccountMoneyByFuture", 9, RequestID=4711)
    await settled()
    await loop.move(RETRY_SECONDS)
    assert (await call).return_code == 0

    number, session = read("ReqQueryAccount", shared.session.called[-1].body, "RequestID", "SessionID")
    told = {"BrokerID": BROKER, "AccountID": "100001", "RequestID": number, "SessionID": session}
    await shared.notice("OnRtnQueryBankBalanceByFuture", **told)

    (event,) = mine.events("OnRtnQueryBankBalanceByFuture")
    assert event.rtn_query_bank_balance_by_future.request_id == 4711


async def test_a_query_without_a_connection_is_answered_minus_one(shared: Board) -> None:
    """Only the terminal knows whether it still wants it later."""
    mine = shared.terminal("100001")
    shared.session.return_codes = [-1]

    outcome = await shared.call(mine, "ReqQryInvestorPosition")

    assert outcome.return_code == -1
    assert list(unanswered(shared)) == [0, 0]


@pytest.mark.parametrize("is_last", [True, False])
async def test_a_query_the_counter_was_not_ready_for_is_asked_again_and_answered_once(
    shared: Board, is_last: bool
) -> None:
    """ErrorID 90 of the query core is not an answer a user can do anything with, wherever it stands in one."""
    loop, mine = HandLoop(), shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 7)

    await shared.answer("OnRspQryInvestorPosition", 1, NEED_RETRY, is_last=is_last)
    await loop.move(RETRY_SECONDS)
    await shared.answer("OnRspQryInvestorPosition", 2)

    assert mine.answers(7) == [(0, True)]


async def test_a_repeated_query_whose_time_runs_out_is_still_answered(shared: Board) -> None:
    """Its CallResult said 0, so the terminal waits for OnRsp…; silence would hang it."""
    loop, mine = HandLoop(), shared.terminal("100001")
    await asyncio.wait_for(shared.begin(mine, "ReqQryInvestorPosition", 7, valid_for=1.5), 5)

    await shared.answer("OnRspQryInvestorPosition", 1, NEED_RETRY)
    await loop.move(5.0)

    assert mine.answers(7) == [(-1, True)]
    assert list(unanswered(shared)) == [0, 0]


async def test_a_repeated_query_the_api_refuses_for_good_is_still_answered(shared: Board) -> None:
    """The same, where the second sending ends with -1."""
    loop, mine = HandLoop(), shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 7)
    shared.session.return_codes = [-1]

    await shared.answer("OnRspQryInvestorPosition", 1, NEED_RETRY)
    await loop.move(RETRY_SECONDS)

    assert mine.answers(7) == [(-1, True)]
    assert list(unanswered(shared)) == [0, 0]


async def test_a_repeated_query_is_answered_when_the_session_breaks_before_it_went_out(shared: Board) -> None:
    """The same, where nothing can be sent any more."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 7)

    await shared.answer("OnRspQryInvestorPosition", 1, NEED_RETRY)
    await shared.break_off()

    assert mine.answers(7) == [(-1, True)]
    assert list(unanswered(shared)) == [0, 0]


async def test_queries_go_one_at_a_time_and_orders_pass_them(shared: Board) -> None:
    """A second query in flight is refused by the API with -2; an order must never wait for one."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 1)
    second = shared.begin(mine, "ReqQryTrade", 2)
    await settled()

    await shared.call(mine, "ReqOrderInsert", 3, **order_fields())
    assert not second.done()
    await shared.answer("OnRspQryInvestorPosition", 1)
    outcome = await second

    assert [called.name for called in shared.session.called] == [
        "ReqQryInvestorPosition",
        "ReqOrderInsert",
        "ReqQryTrade",
    ]
    assert outcome.queue_position == 0


async def test_what_waits_longer_than_the_terminal_allows_is_refused_and_never_sent(shared: Board) -> None:
    """An answer to a question nobody asks any more helps nobody."""
    loop, mine = HandLoop(), shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 1)
    late = shared.begin(mine, "ReqQryTrade", 2, valid_for=1.0)
    await settled()

    await loop.move(1.1)

    assert await refusal_of(late) == "deadline_passed"
    assert len(shared.session.called) == 1
    assert list(unanswered(shared))[1] == 0


async def test_a_call_given_up_while_it_waits_is_not_sent(shared: Board) -> None:
    """The terminal logged out or its session ended; nothing of it is left behind."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 1)
    waiting = shared.begin(mine, "ReqQryTrade", 2)
    await settled()

    waiting.cancel()
    await shared.answer("OnRspQryInvestorPosition", 1)

    assert len(shared.session.called) == 1
    assert list(unanswered(shared)) == [0, 0]


async def test_an_order_whose_owner_cannot_be_kept_is_refused_and_not_sent(
    shared: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart nobody would know whose fill it is."""
    mine = shared.terminal("100001")

    def full(_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(shared.tools.order_map, "append", full)
    reason = await refusal_of(shared.begin(mine, "ReqOrderInsert", 1, **order_fields()))

    assert reason == "order_map_unavailable"
    assert shared.session.called == []


async def test_a_terminal_that_floods_is_refused_while_others_go_on(shared: Board) -> None:
    """One terminal must not use up what all share."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    HandLoop()
    for number in range(1, 1001):
        await shared.call(mine, "ReqOrderInsert", number, **order_fields())

    reason = await refusal_of(shared.begin(mine, "ReqOrderInsert", 1001, **order_fields()))
    outcome = await shared.call(other, "ReqOrderInsert", 1, **order_fields())

    assert reason == "too_fast"
    assert outcome.return_code == 0


@pytest.mark.parametrize("name", ["ReqOrderInsert", "ReqOrderAction", "ReqQryInvestorPosition"])
@pytest.mark.parametrize("where", ["rewriting", "sending"])
async def test_a_fault_on_the_way_down_is_answered_and_stops_nobody(
    shared: Board, monkeypatch: pytest.MonkeyPatch, name: str, where: str
) -> None:
    """The call is answered, the place in the queue is free again, and the session goes on."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    place: tuple[object, str] = (
        (shared.session, "call") if where == "sending" else (shared.board._router.lanes, "outgoing")
    )
    fields: dict[str, Any] = {"ExchangeID": "SHFE", "OrderSysID": "9"} if name == "ReqOrderAction" else {}
    await shared.notice("OnRtnOrder", BrokerID=BROKER, InvestorID="100001", ExchangeID="SHFE", OrderSysID="9")
    with monkeypatch.context() as broken:
        broken.setattr(*place, _fault)
        reason = await refusal_of(shared.begin(mine, name, 1, **fields))

    assert reason == ("outcome_unknown" if where == "sending" else "relay_fault")
    assert (await shared.call(other, "ReqQryInvestorPosition", 2)).return_code == 0
    assert (await shared.call(mine, "ReqOrderInsert", 3, **order_fields())).return_code == 0
    assert shared.session.live
    assert mine.states == []


async def test_an_order_whose_entry_cannot_be_made_up_gives_its_key_back(
    shared: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not sent, so the same key must send it later instead of answering with an order that never was."""
    mine = shared.terminal("100001")
    with monkeypatch.context() as broken:
        broken.setattr(shared.tools.order_map, "append", _fault)
        assert (
            await refusal_of(shared.begin(mine, "ReqOrderInsert", 1, order_key="k1", **order_fields())) == "relay_fault"
        )

    outcome = await shared.begin(mine, "ReqOrderInsert", 2, order_key="k1", **order_fields())

    assert (outcome.return_code, outcome.first_order_ref) == (0, "")
    assert len(shared.session.called) == 1


def _fault(*_: object) -> None:
    raise OverflowError("int too large to convert")


# A query that is never answered ----------------------------------------------------------------------------------

TIMEOUT = PacingLimits().query_timeout_seconds + 1


def told(terminal: Terminal, request_id: int) -> list[str]:
    return [event.rsp_info.error_msg for event in terminal.events() if event.request_id == request_id]


async def test_a_query_without_an_answer_is_told_as_that_and_not_as_a_break(shared: Board) -> None:
    """The user looks for the fault where it is."""
    loop, mine = HandLoop(), shared.terminal("100001")
    await shared.call(mine, "ReqQrySettlementInfo", 7)

    await loop.move(TIMEOUT)

    assert mine.answers(7) == [(-1, True)]
    assert "did not answer in time" in told(mine, 7)[0]
    assert mine.states == []


async def test_rows_that_keep_coming_are_an_answer_under_way(shared: Board) -> None:
    """All instruments of a day take longer than one row may."""
    loop, mine = HandLoop(), shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 7)

    for _ in range(5):
        await loop.move(TIMEOUT - 5)
        await shared.answer("OnRspQryInvestorPosition", 1, is_last=False, BrokerID=BROKER, InvestorID="100001")
    await shared.answer("OnRspQryInvestorPosition", 1, BrokerID=BROKER, InvestorID="100001")

    assert mine.answers(7) == [(0, False)] * 5 + [(0, True)]


async def test_an_api_that_takes_no_query_any_more_is_renewed_when_no_order_is_under_way(shared: Board) -> None:
    """It counts the unanswered one for ever: without another instance nobody's queries are answered again."""
    loop, mine, other = HandLoop(), shared.terminal("100001"), shared.terminal("100002")
    await shared.call(mine, "ReqQrySettlementInfo", 7)
    await loop.move(TIMEOUT)
    await shared.call(other, "ReqOrderInsert", 1, **order_fields())
    shared.session.return_codes = [-2] * 100

    waiting = shared.begin(other, "ReqQryTrade", 8, valid_for=30.0)
    await settled()
    assert shared.session.renewals == [], "an order was just sent"
    assert shared.tools.alarms.count(AlarmName.QUERY_LANE_DEAD) == 1
    await loop.move(1.5)

    assert len(shared.session.renewals) == 1
    shared.session.return_codes.clear()
    await shared.break_off()
    assert await refusal_of(waiting) == "counter_unavailable"
    await shared.log_in(session_id=78)
    again = shared.begin(other, "ReqQryTrade", 9)
    await loop.move(RETRY_SECONDS)
    assert (await again).return_code == 0
    assert shared.tools.alarms.count(AlarmName.QUERY_LANE_DEAD) == 1


async def test_a_late_answer_spares_the_renewal(shared: Board) -> None:
    """The API takes queries again by itself then."""
    loop, mine, other = HandLoop(), shared.terminal("100001"), shared.terminal("100002")
    await shared.call(mine, "ReqQrySettlementInfo", 7)
    await loop.move(TIMEOUT)
    await shared.call(other, "ReqOrderInsert", 1, **order_fields())
    shared.session.return_codes = [-2]
    waiting = shared.begin(other, "ReqQryTrade", 8)
    await settled()

    await shared.answer("OnRspQrySettlementInfo", 1)
    await loop.move(RETRY_SECONDS)

    assert (await waiting).return_code == 0
    assert shared.session.renewals == []


async def test_who_asks_for_what_is_not_answered_does_not_stop_the_others_again_and_again(shared: Board) -> None:
    """The same question is refused for a while; another, and another investor's, goes out."""
    loop, mine, other = HandLoop(), shared.terminal("100001"), shared.terminal("100002")
    await shared.call(mine, "ReqQrySettlementInfo", 7)
    await loop.move(TIMEOUT)

    assert await refusal_of(shared.begin(mine, "ReqQrySettlementInfo", 8)) == "query_not_answered"

    assert (await shared.call(mine, "ReqQryTrade", 9)).return_code == 0
    await shared.answer("OnRspQryTrade", 2)
    assert (await shared.call(other, "ReqQrySettlementInfo", 10)).return_code == 0
    await shared.answer("OnRspQrySettlementInfo", 3)
    await loop.move(61)
    assert (await shared.call(mine, "ReqQrySettlementInfo", 11)).return_code == 0


async def test_what_was_sent_is_counted_and_an_order_is_timed(shared: Board) -> None:
    """Operations set alarms on how long an order takes in the relay; a query is no order."""
    mine = shared.terminal("100001")

    await shared.call(mine, "ReqOrderInsert", 1, **order_fields())
    await shared.call(mine, "ReqQryTrade", 2)

    figures = shared.tools.figures
    assert figures.calls == {("ReqOrderInsert", 0): 1, ("ReqQryTrade", 0): 1}
    assert sum(figures.order_seconds.counts) == 1
