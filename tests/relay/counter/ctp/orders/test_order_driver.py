"""One counter session and its terminals: logins, breaks, new days, the end, and the answers all may share."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.counter.ctp.identity.scope_table import RequestClass
from relay.counter.ctp.orders.driver import OrderDriver
from relay.counter.ctp.orders.limits import ClassLimit
from relay.counter.ctp.session.events import CounterSessionEnded, SessionPasswordDue
from relay.refusals.refusal import Refused
from tests.relay.counter.ctp.ctp_bodies import BROKER
from tests.relay.counter.ctp.played_board import DAY, Board, order_fields, refusal_of, unanswered
from tests.relay.hand_loop import settled

# Logins --------------------------------------------------------------------------------------------------------


async def test_nothing_is_sent_before_the_session_is_live(tmp_path: Path) -> None:
    """A request in a session that is not logged in is lost, or answered with somebody's error."""
    board = Board(tmp_path)
    mine = board.terminal("100001")

    reason = await refusal_of(board.begin(mine, "ReqQryTrade"))

    assert reason == "counter_unavailable"
    assert board.session.called == []
    await board.close()


async def test_the_first_login_is_waited_for_and_told_by_its_refusal(tmp_path: Path) -> None:
    """Whoever attaches gets what the counter said, with its number."""
    board = Board(tmp_path, shared=False)
    waiting = asyncio.ensure_future(board.board.first_login())
    await settled()
    assert not waiting.done()

    await board.session.say(CounterSessionEnded("login", 3, "CTP:不合法的登录"))

    with pytest.raises(Refused) as refused:
        await waiting
    assert refused.value.refusal.code == 3
    await board.close()


async def test_a_terminal_hears_of_breaks_and_returns_in_order(own: Board) -> None:
    """It shows its user whether orders can be sent; a new day makes it fetch everything anew."""
    mine = own.terminal("100001")

    await own.break_off()
    await own.log_in("20261124", session_id=78, day_changed=True)

    recovering, live = mine.items
    assert mine.states == ["recovering", "live"]
    assert getattr(live, "day_changed") is True  # noqa: B009 - told apart by mine.states
    assert mine.link.attached.trading_day == "20261124"
    assert recovering is not live


async def test_what_waits_when_the_session_breaks_is_refused_at_once(own: Board) -> None:
    """It was not sent, and must not be sent into the next session behind the user's back."""
    mine = own.terminal("100001")
    await own.call(mine, "ReqQryTrade", 1)
    waiting = own.begin(mine, "ReqQryOrder", 2)
    await settled()

    await own.break_off()

    assert await refusal_of(waiting) == "counter_unavailable"
    await own.log_in(session_id=78)
    assert [called.name for called in own.session.called] == ["ReqQryTrade"]


async def test_an_order_works_again_in_the_next_login(own: Board) -> None:
    """The terminal keeps its own FrontID, SessionID and references through it."""
    mine = own.terminal("100001")
    before = mine.link.attached
    await own.break_off()
    await own.log_in(session_id=78)

    outcome = await own.call(mine, "ReqOrderInsert", 1, **order_fields())

    assert outcome.return_code == 0
    assert (mine.link.attached.front_id, mine.link.attached.session_id) == (before.front_id, before.session_id)


async def test_a_terminal_is_silent_until_it_is_reported_again(tmp_path: Path) -> None:
    """A shared session that logged in anew has no terminal's report yet: nothing may be sent for any."""
    reporting, reported = asyncio.Event(), asyncio.Event()

    async def report(board: OrderDriver) -> None:
        reporting.set()
        await reported.wait()
        for link in board:
            link.route.reported = True

    board = Board(tmp_path, on_live=report)
    reported.set()
    await board.log_in()
    mine = board.terminal("100001")
    await board.break_off()
    reported.clear()
    await board.log_in(session_id=78)
    assert reporting.is_set()

    during = await refusal_of(board.begin(mine, "ReqOrderInsert", 1, **order_fields()))
    states_during = mine.states
    reported.set()
    await settled()
    outcome = await board.call(mine, "ReqOrderInsert", 2, **order_fields())

    assert during == "counter_unavailable"
    assert states_during == ["recovering"]
    assert mine.states == ["recovering", "live"]
    assert outcome.return_code == 0
    assert len(board.session.called) == 1
    await board.close()


async def test_a_password_due_at_the_first_login_allows_only_its_change(tmp_path: Path) -> None:
    """Nothing else is legal at the counter before it."""
    board = Board(tmp_path, shared=False)
    mine = board.terminal("100001")
    await board.session.say(SessionPasswordDue(140, "首次登录必须修改密码"))
    await asyncio.wait_for(board.board.first_login(), 5)

    refused = await refusal_of(board.begin(mine, "ReqQryTrade", 1))
    await board.call(mine, "ReqUserPasswordUpdate", 2, OldPassword="old", NewPassword="new-secret")
    await board.answer("OnRspUserPasswordUpdate", 1, BrokerID=BROKER, UserID="100001")

    assert mine.link.attached.must_change_password == 140
    assert refused == "counter_unavailable"
    assert board.session.passwords == ["new-secret"]
    await board.close()


async def test_a_password_change_the_counter_refuses_changes_nothing(own: Board) -> None:
    """The relay goes on logging in with the one that is right."""
    mine = own.terminal("100001")
    await own.call(mine, "ReqUserPasswordUpdate", 2, OldPassword="wrong", NewPassword="new-secret")

    await own.answer("OnRspUserPasswordUpdate", 1, 15, BrokerID=BROKER, UserID="100001")

    assert own.session.passwords == []
    assert mine.answers(2) == [(15, True)]


async def test_a_password_that_expires_overnight_is_told_in_the_running_session(own: Board) -> None:
    """Otherwise the terminal would wait for a recovery that only its user can bring about."""
    mine = own.terminal("100001")
    await own.break_off()

    await own.session.say(SessionPasswordDue(131, "密码过期"))

    assert mine.states == ["recovering", "recovering"]
    assert getattr(mine.items[-1], "reason").startswith("password_due")  # noqa: B009 - as above


# The end -------------------------------------------------------------------------------------------------------


async def test_the_end_of_the_session_reaches_every_terminal_with_its_reason(shared: Board) -> None:
    """And everything unanswered is answered before it."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(mine, "ReqOrderInsert", 5, **order_fields())

    await shared.session.say(CounterSessionEnded("session", 0, "the counter logged this session out"))

    assert mine.states == other.states == ["ended"]
    assert mine.answers(5) == [(-1, True)]
    assert shared.board.ended.is_set()


async def test_a_terminal_that_leaves_takes_everything_of_it_along(shared: Board) -> None:
    """A day has thousands of logins; each that left something behind would fill the memory."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(other, "ReqQryTrade", 1)
    await shared.call(mine, "ReqOrderInsert", 2, **order_fields())
    waiting = shared.begin(mine, "ReqQryTrade", 3)
    await settled()

    await mine.link.detach("logged out")
    await shared.answer("OnRspQryTrade", 1)

    assert await refusal_of(waiting) == "session_gone"
    assert list(unanswered(shared)) == [0, 0]
    assert list(shared.board) == [other.link]
    assert len(shared.board._router.notices._links) == 1
    assert shared.session.called[-1].name == "ReqOrderInsert"


async def test_a_terminal_that_leaves_frees_the_query_slot_of_all(shared: Board) -> None:
    """Its unanswered query still blocks the API; the answer, which goes to nobody, frees it."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(mine, "ReqQryTrade", 1)
    waiting = shared.begin(other, "ReqQryTrade", 2)
    await settled()
    await mine.link.detach("logged out")

    await shared.answer("OnRspQryTrade", 1)

    assert (await asyncio.wait_for(waiting, 5)).return_code == 0


async def test_a_fault_of_the_relay_ends_the_session_instead_of_silencing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full at login must not leave a terminal waiting for ever."""
    board = Board(tmp_path, shared=False)

    def full(_: str) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(board.tools.order_map, "begin", full)
    mine = board.terminal("100001")
    await board.log_in()

    with pytest.raises(Refused, match="order_map_unavailable"):
        await asyncio.wait_for(board.board.first_login(), 5)
    assert mine.states == ["ended"]
    assert board.board.ended.is_set()
    await board.close()


async def test_a_router_that_cannot_go_on_ends_the_session_all_the_same(
    own: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever keeps the session waits for its end, and opens another one then."""
    mine = own.terminal("100001")

    def fault(_: float) -> None:
        raise RuntimeError("a fault of the router")

    monkeypatch.setattr(own.board._router, "next", fault)
    await own.break_off()

    assert own.board.ended.is_set()
    assert mine.states == ["recovering", "ended"]


# Public answers ------------------------------------------------------------------------------------------------


async def test_a_public_answer_is_fetched_once_for_everybody(shared: Board) -> None:
    """All instruments of the day are tens of thousands of rows, and the query slot is one."""
    first, second = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(first, "ReqQryInstrument", 1)
    await shared.answer("OnRspQryInstrument", 1, is_last=False, InstrumentID="rb2701")
    await shared.call(second, "ReqQryInstrument", 2)

    await shared.answer("OnRspQryInstrument", 1, is_last=True, InstrumentID="rb2702")
    third = shared.terminal("100003")
    await shared.call(third, "ReqQryInstrument", 3)
    await settled()

    for number, terminal in enumerate((first, second, third), 1):
        assert [e.rsp_qry_instrument.instrument_id for e in terminal.events()] == ["rb2701", "rb2702"]
        assert terminal.answers(number) == [(0, False), (0, True)]
    assert len(shared.session.called) == 1


@pytest.mark.parametrize("asked", ["TraderOffer", "DepthMarketData", "RiskSettleProductStatus"])
async def test_what_changes_all_day_is_asked_each_time(shared: Board, asked: str) -> None:
    """A seat's connection or a price as it was in the morning would be told until the evening."""
    first, second = shared.terminal("100001"), shared.terminal("100002")
    for number, terminal in enumerate((first, second), 1):
        await shared.call(terminal, f"ReqQry{asked}", number)
        await shared.answer(f"OnRspQry{asked}", shared.session.called[-1].request_id, is_last=True, ExchangeID="SHFE")

    assert len(shared.session.called) == 2


async def test_a_public_answer_that_failed_is_asked_again(shared: Board) -> None:
    """An error must not be the answer of the whole day."""
    first, second = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(first, "ReqQryInstrument", 1)
    await shared.answer("OnRspQryInstrument", 1, 5)

    await shared.call(second, "ReqQryInstrument", 2)

    assert first.answers(1) == [(5, True)]
    assert len(shared.session.called) == 2


async def test_who_joined_a_public_question_is_told_when_the_first_asker_does_not_get_through(shared: Board) -> None:
    """It would wait for an answer that nobody will ask for."""
    busy, first, second = (shared.terminal(name) for name in ("100003", "100001", "100002"))
    await shared.call(busy, "ReqQryTrade", 9)
    asking = shared.begin(first, "ReqQryInstrument", 1)
    await settled()
    await shared.call(second, "ReqQryInstrument", 2)

    asking.cancel()
    await settled()

    assert second.answers(2) == [(-1, True)]
    assert first.events() == []
    await shared.answer("OnRspQryTrade", 1)
    await shared.call(second, "ReqQryInstrument", 3)
    assert [called.name for called in shared.session.called] == ["ReqQryTrade", "ReqQryInstrument"]


async def test_a_first_asker_the_api_refuses_hears_only_its_return_code(shared: Board) -> None:
    """One call, one answer: -1 and an OnRspError would be two."""
    first = shared.terminal("100001")
    shared.session.return_codes = [-1]

    outcome = await shared.call(first, "ReqQryInstrument", 1)
    await shared.call(shared.terminal("100002"), "ReqQryInstrument", 2)

    assert outcome.return_code == -1
    assert first.events() == []
    assert len(shared.session.called) == 2, "the next asker must not wait for a question that was never asked"


async def test_a_first_asker_that_leaves_does_not_cost_the_others_their_answer(shared: Board) -> None:
    """Its question was sent already."""
    first, second = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(first, "ReqQryInstrument", 1)
    await shared.call(second, "ReqQryInstrument", 2)

    await first.link.detach("logged out")
    await shared.answer("OnRspQryInstrument", 1, InstrumentID="rb2701")

    assert second.answers(2) == [(0, True)]


@pytest.mark.parametrize("day", [DAY, "20261124"], ids=["same day", "next day"])
async def test_a_new_login_forgets_the_public_answers(shared: Board, day: str) -> None:
    """Yesterday's instruments have expired, and a front that restarts at noon may have others too."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryInstrument", 1)
    await shared.answer("OnRspQryInstrument", 1, InstrumentID="rb2611")
    await shared.break_off()
    await shared.log_in(day, session_id=78, day_changed=day != DAY)

    await shared.call(mine, "ReqQryInstrument", 2)

    assert len(shared.session.called) == 2


async def test_an_empty_public_answer_is_asked_again(shared: Board) -> None:
    """Before the day's start the counter has no instruments yet."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryInstrument", 1)
    await shared.answer("OnRspQryInstrument", 1)

    await shared.call(shared.terminal("100002"), "ReqQryInstrument", 2)

    assert mine.answers(1) == [(0, True)]
    assert len(shared.session.called) == 2


async def test_a_terminal_may_ask_past_what_the_relay_knows(shared: Board) -> None:
    """It knows that something has changed; what it is told, everybody is told from then on."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(mine, "ReqQryInstrument", 1)
    await shared.answer("OnRspQryInstrument", 1, InstrumentID="rb2701")
    await shared.begin(mine, "ReqQryInstrument", 2, fresh=True)
    await shared.answer("OnRspQryInstrument", 2, InstrumentID="rb2702")

    await shared.call(other, "ReqQryInstrument", 3)
    await settled()

    assert len(shared.session.called) == 2
    assert [e.rsp_qry_instrument.instrument_id for e in other.events()] == ["rb2702"]


async def test_an_answer_the_relay_knows_counts_as_a_query(shared: Board) -> None:
    """Twenty thousand rows cost the relay as much as the counter: nobody may ask for them without end."""
    mine = shared.terminal("100001")
    mine.link.route.limits[RequestClass.QUERIES] = ClassLimit("queries", 2, 100)
    await shared.call(mine, "ReqQryInstrument", 1)
    await shared.answer("OnRspQryInstrument", 1, InstrumentID="rb2701")
    await shared.call(mine, "ReqQryInstrument", 2)

    assert await refusal_of(shared.begin(mine, "ReqQryInstrument", 3)) == "too_fast"


# What the relay asks itself ------------------------------------------------------------------------------------


async def test_the_statement_is_confirmed_in_the_investors_name_and_its_answer_kept(own: Board) -> None:
    """CTP wants it before the day's first order; the terminal asked for it and is told by the welcome."""
    mine = own.terminal("100001")
    confirming = asyncio.ensure_future(own.board.ask_itself(mine.link, "ReqSettlementInfoConfirm"))
    await settled()

    await own.answer("OnRspSettlementInfoConfirm", 1, BrokerID=BROKER, InvestorID="100001")

    assert await asyncio.wait_for(confirming, 5) == 0
    assert mine.events() == []


async def test_a_confirmation_the_session_breaks_under_is_no_hang(own: Board) -> None:
    """The login goes on without it."""
    mine = own.terminal("100001")
    confirming = asyncio.ensure_future(own.board.ask_itself(mine.link, "ReqSettlementInfoConfirm"))
    await settled()

    await own.break_off()

    assert await asyncio.wait_for(confirming, 5) == -1
    assert mine.events() == []
