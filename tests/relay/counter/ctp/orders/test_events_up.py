"""Events on their way up: answers only to whoever asked, notices only to their investor, each once and in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Shape
from ctpabi.codec import text
from ctpabi.codec.messages import Messages
from ctpabi.facts.errors import NEVER_ANSWERED
from relay.counter.ctp.delivery.day_notices import DayNoticeLimits
from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.orders.view import EventView
from relay.counter.port import CounterEvent
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, OWNERSHIP, PLACES, callback, read
from tests.relay.counter.ctp.played_board import (
    AFTER_LOGIN,
    BEFORE_LOGIN,
    DAY,
    Board,
    event_body,
    order_fields,
    unanswered,
)
from tests.relay.hand_loop import HandLoop, settled

HOLD_SECONDS = 5.1
EARLIER = MapEntry(RefSpace.ORDER, 1, 55, 41, 70000, virtual_front(7), 1, "12", 0, "100001")
"""An order of another relay process, whose first lane sent it."""


async def test_an_answer_goes_to_whoever_asked_with_the_terminals_own_number(shared: Board) -> None:
    """The counter knows only the relay's request ids."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(other, "ReqQryTradingAccount", 5)
    await shared.answer("OnRspQryTradingAccount", 1, BrokerID=BROKER, AccountID="100002", Balance=1.0)
    await shared.call(mine, "ReqQryTradingAccount", 5)

    await shared.answer("OnRspQryTradingAccount", 2, BrokerID=BROKER, AccountID="100001", Balance=2.0)

    assert [e.rsp_qry_trading_account.balance for e in mine.events()] == [2.0]
    assert [e.rsp_qry_trading_account.balance for e in other.events()] == [1.0]


async def test_two_terminals_of_one_investor_do_not_get_each_others_answers(shared: Board) -> None:
    """One investor may sit at two machines; request ids are each machine's own."""
    left, right = shared.terminal("100001"), shared.terminal("100001")
    await shared.call(left, "ReqQryTrade", 5)

    await shared.answer("OnRspQryTrade", 1)

    assert left.answers(5) == [(0, True)]
    assert right.events() == []


async def test_an_empty_answer_is_passed_on_as_one(shared: Board) -> None:
    """NULL with is_last says: there is nothing; without it the terminal would wait."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryTrade", 5)

    await shared.answer("OnRspQryTrade", 1)

    (event,) = mine.events()
    assert event.empty
    assert mine.answers(5) == [(0, True)]


async def test_a_row_of_another_investor_is_withheld_and_the_answer_still_ends(shared: Board) -> None:
    """Whatever the counter mixes up, nobody sees another's position, and nobody hangs."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 5)

    await shared.answer(
        "OnRspQryInvestorPosition", 1, is_last=False, BrokerID=BROKER, InvestorID="100002", Position=900
    )
    await shared.answer("OnRspQryInvestorPosition", 1, is_last=True, BrokerID=BROKER, InvestorID="100002", Position=901)

    (event,) = mine.events()
    assert event.empty
    assert mine.answers(5) == [(0, True)]


async def test_a_kind_of_row_that_is_withheld_is_in_the_log_once(shared: Board) -> None:
    """With what an operator needs to mend it: whose it should be, and what it was."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryInvestorPosition", 5)

    with capture_logs() as lines:
        for _ in range(3):
            await shared.answer(
                "OnRspQryInvestorPosition", 1, is_last=False, BrokerID=BROKER, InvestorID="100002", Position=900
            )

    (line,) = [line for line in lines if line["event"] == "row_of_another_withheld"]
    assert (line["investor"], line["callback"]) == ("100001", "OnRspQryInvestorPosition")
    assert "100002" not in str(line)


async def test_a_refusal_of_the_counter_reaches_the_terminal_with_number_and_text(shared: Board) -> None:
    """CTP's own ErrorID is what users and their help desks know."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqOrderInsert", 5, **order_fields())

    await shared.answer("OnRspOrderInsert", 1, 31, BrokerID=BROKER, InvestorID="100001", InstrumentID="rb2701")

    (event,) = mine.events()
    assert (event.rsp_info.error_id, event.rsp_info.error_msg) == (31, "refused")


async def test_on_rsp_error_answers_the_question_it_names(shared: Board) -> None:
    """Some refusals come as OnRspError instead of the request's own callback."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(mine, "ReqOrderInsert", 5, **order_fields())

    await shared.answer("OnRspError", 1, 68)

    assert mine.answers(5) == [(68, True)]
    assert other.events() == []


async def test_an_error_of_no_request_is_logged_and_told_to_the_sessions_own_terminal(
    own: Board, shared: Board, capsys: pytest.CaptureFixture[str]
) -> None:
    """4040 says that API and front do not match: without a word the session would only be silent."""
    alone, one_of_many = own.terminal("100001"), shared.terminal("100001")

    for board in (own, shared):
        await board.answer("OnRspError", 0, 4040)

    (told,) = alone.events("OnRspError")
    assert (told.rsp_info.error_id, told.request_id) == (4040, 0)
    assert one_of_many.events() == []
    assert capsys.readouterr().out.count("counter_error") == 2


async def test_a_character_cut_between_two_pieces_of_a_notice_arrives(shared: Board) -> None:
    """The firm's notice comes in pieces of five hundred bytes, cut wherever that falls."""
    mine, content = shared.terminal("100001"), "x" + "夜盘交易时间调整" * 60
    whole = content.encode("gb18030")
    await shared.call(mine, "ReqQryNotice", 5)
    pieces = [whole[at : at + 500] for at in range(0, len(whole), 500)]

    for number, piece in enumerate(pieces, 1):
        await shared.answer("OnRspQryNotice", 1, is_last=number == len(pieces), BrokerID=BROKER, Content=piece)

    assert text.joined(e.rsp_qry_notice.content for e in mine.events()) == content


async def test_in_an_operators_session_no_account_is_learned_from_answers(shared: Board) -> None:
    """The directory decides: a row that names another's account is withheld, and its bank notices stay another's."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqQryTradingAccount", 5)
    await shared.answer("OnRspQryTradingAccount", 1, is_last=False, BrokerID=BROKER, AccountID="100001")
    await shared.answer("OnRspQryTradingAccount", 1, is_last=True, BrokerID=BROKER, AccountID="100002")

    await shared.notice("OnRtnFromBankToFutureByBank", BrokerID=BROKER, AccountID="100002", TradeAmount=7.0)

    row, end = mine.events()
    assert (row.rsp_qry_trading_account.account_id, row.is_last) == ("100001", False)
    assert (end.empty, end.is_last) == (True, True)
    assert mine.link.route.lane.identity.accounts == {"100001"}


async def test_the_one_account_of_an_investors_own_session_is_filled_in(own: Board) -> None:
    """It may be called otherwise than the investor; the counter says how, and transfers name only it."""
    mine = own.terminal("100001", accounts=())
    await own.call(mine, "ReqQryTradingAccount", 5)
    await own.answer("OnRspQryTradingAccount", 1, BrokerID=BROKER, AccountID="88001")

    await own.call(mine, "ReqFromBankToFutureByFuture", 6, TradeAmount=5.0)
    await own.call(mine, "ReqFromBankToFutureByFuture", 7, TradeAmount=5.0, AccountID="88002")

    sent = [read("ReqTransfer", called.body, "AccountID") for called in own.session.called[1:]]
    assert sent == ["88001", "88002"]


async def test_an_answer_that_names_no_account_teaches_none(own: Board) -> None:
    """An account without a name would be everybody's whose notices name none."""
    mine = own.terminal("100001", accounts=())
    await own.call(mine, "ReqQryTradingAccount", 5)

    await own.answer("OnRspQryTradingAccount", 1, BrokerID=BROKER, AccountID="")

    assert mine.link.route.lane.identity.accounts == frozenset()


async def test_an_answer_from_memory_is_no_error(shared: Board) -> None:
    """Of a public question the counter answers the first; who asks after it gets the same rows."""
    first, second = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(first, "ReqQryExchange", 5)
    await shared.answer("OnRspQryExchange", 1, ExchangeID="SHFE")

    await shared.call(second, "ReqQryExchange", 6)
    await settled()

    assert len(shared.session.called) == 1
    assert second.answers(6) == first.answers(5) == [(0, True)]
    assert [one.rsp_qry_exchange.exchange_id for one in second.events()] == ["SHFE"]


async def test_an_answer_to_nobody_is_dropped(shared: Board) -> None:
    """Late, or to a terminal that left."""
    mine = shared.terminal("100001")

    await shared.answer("OnRspQryTrade", 999, BrokerID=BROKER, InvestorID="100001")

    assert mine.events() == []


async def test_answers_end_with_the_session_that_was_asked(shared: Board) -> None:
    """A broken connection never answers: each asker is told so, once, before it is told that the session is down."""
    mine, other = shared.terminal("100001"), shared.terminal("100002")
    await shared.call(mine, "ReqOrderInsert", 5, **order_fields())
    await shared.call(mine, "ReqQryTrade", 6)

    await shared.break_off()

    assert mine.answers(5) == [(NEVER_ANSWERED, True)]
    assert mine.answers(6) == [(NEVER_ANSWERED, True)]
    assert mine.states == ["recovering"]
    assert other.events() == []
    assert list(unanswered(shared)) == [0, 0]


async def test_an_order_that_stands_and_a_cancel_are_not_called_lost(shared: Board) -> None:
    """CTP answers both by the order's notices alone; a terminal told otherwise would take its order for refused."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqOrderInsert", 5, **order_fields())
    sent = read("InputOrder", shared.session.called[0].body, "OrderRef")
    await shared.notice("OnRtnOrder", BrokerID=BROKER, InvestorID="100001", FrontID=1, SessionID=77, OrderRef=sent)
    await shared.call(mine, "ReqOrderAction", 6, OrderRef="1", ActionFlag="0")

    await shared.break_off()

    assert (mine.answers(5), mine.answers(6)) == ([], [])


async def test_a_transfer_that_was_told_and_a_for_quote_are_not_called_lost(shared: Board) -> None:
    """A terminal told that its transfer was lost would send the money twice; a for-quote has no answer but a refusal."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqFromBankToFutureByFuture", 5, AccountID="100001", TradeAmount=9.0)
    await shared.call(mine, "ReqFromBankToFutureByFuture", 6, AccountID="100001", TradeAmount=8.0)
    await shared.call(mine, "ReqForQuoteInsert", 7, InstrumentID="rb2701")
    sent = read("ReqTransfer", shared.session.called[0].body, "RequestID")
    await shared.notice(
        "OnRtnFromBankToFutureByFuture", BrokerID=BROKER, AccountID="100001", RequestID=sent, SessionID=77
    )

    await shared.break_off()

    assert (mine.answers(5), mine.answers(6), mine.answers(7)) == ([], [(NEVER_ANSWERED, True)], [])


async def test_two_refusals_that_look_alike_are_both_told(shared: Board) -> None:
    """Many terminals number all their cancels 0: what they are shown is the same twice, what the counter said is not."""
    mine = shared.terminal("100001")
    names = {"BrokerID": BROKER, "InvestorID": "100001", "ExchangeID": "SHFE", "OrderSysID": "9"}
    await shared.notice("OnRtnOrder", **names)
    for request_id in (5, 6):
        await shared.call(mine, "ReqOrderAction", request_id, ExchangeID="SHFE", OrderSysID="9", ActionFlag="0")

    for called in shared.session.called:
        ref, mark = read("InputOrderAction", called.body, "OrderActionRef", "RequestID")
        for _ in range(2):
            await shared.notice("OnErrRtnOrderAction", **names, OrderActionRef=ref, RequestID=mark)

    assert len(mine.events("OnErrRtnOrderAction")) == 2


async def test_the_refusal_of_one_terminals_request_reaches_no_mate(shared: Board) -> None:
    """It names its request by a reference alone, and the mate has one of that number: neither live nor in the replay."""
    mine, mate = shared.terminal("100001"), shared.terminal("100001")
    for terminal in (mate, mine):
        await shared.call(terminal, "ReqOrderInsert", 5, OrderRef="1", **order_fields())
        await shared.call(terminal, "ReqOrderAction", 6, OrderRef="1", ActionFlag="0")
    _, _, insert, cancel = shared.session.called
    ref, mark = read("InputOrder", insert.body, "OrderRef", "RequestID")
    who = {"BrokerID": BROKER, "InvestorID": "100001"}
    await shared.notice("OnErrRtnOrderInsert", **who, OrderRef=ref, RequestID=mark)
    action, mark = read("InputOrderAction", cancel.body, "OrderActionRef", "RequestID")
    await shared.notice(
        "OnErrRtnOrderAction", **who, FrontID=1, SessionID=77, OrderRef=ref, OrderActionRef=action, RequestID=mark
    )

    late = shared.terminal("100001")
    await shared.notice("OnRtnInstrumentStatus", InstrumentID="rb2701")

    private = ["err_rtn_order_insert", "err_rtn_order_action"]
    assert [e.WhichOneof("body") for e in mine.events()] == [*private, "rtn_instrument_status"]
    assert [e.WhichOneof("body") for e in mate.events()] == ["rtn_instrument_status"]
    assert [e.WhichOneof("body") for e in late.events()] == ["rtn_instrument_status"]


@pytest.mark.parametrize(
    "name",
    sorted(c.name for c in CATALOG.callbacks.values() if c.shape is Shape.ERROR_NOTICE and "Repeal" not in c.name),
)
async def test_the_refusal_of_another_sessions_request_is_not_shown(own: Board, name: str) -> None:
    """The counter sends error notices to all sessions of a user; the reference in it would be taken for an own one."""
    mine = own.terminal("100001")
    struct = CATALOG.structs[callback(name).struct]
    known = {"BrokerID": BROKER, "InvestorID": "100001", "AccountID": "100001", "RequestID": 9, "OrderRef": "1"}
    fields = {field: value for field, value in known.items() if struct.has(field)}

    await own.notice(name, **fields)

    told = (
        [] if name != "OnErrRtnCombActionInsert" else [name]
    )  # it names FrontID and SessionID: nobody takes it for own
    assert [item.callback for item in mine.items if isinstance(item, CounterEvent)] == told


async def test_a_repeal_by_the_firm_is_told_to_the_accounts_terminals(own: Board) -> None:
    """No terminal asked for it, and the money is theirs."""
    mine = own.terminal("100001")

    await own.notice("OnErrRtnRepealBankToFutureByFutureManual", BrokerID=BROKER, AccountID="100001")

    assert len(mine.events()) == 1


async def test_a_notice_reaches_every_terminal_of_its_investor_and_no_other(shared: Board) -> None:
    """Order returns are the most private thing a relay carries."""
    left, right, other = shared.terminal("100001"), shared.terminal("100001"), shared.terminal("100002")

    await shared.notice("OnRtnOrder", BrokerID=BROKER, InvestorID="100001", OrderSysID="9", ExchangeID="SHFE")

    assert [len(t.events("OnRtnOrder")) for t in (left, right, other)] == [1, 1, 0]


async def test_a_notice_for_two_terminals_is_encoded_once(shared: Board) -> None:
    """Encoding is the dear part of a fan-out."""
    left, right = shared.terminal("100001"), shared.terminal("100001")

    await shared.notice("OnRtnOrder", BrokerID=BROKER, InvestorID="100001", OrderSysID="9", ExchangeID="SHFE")

    assert left.items[0] is right.items[0]


async def test_what_all_investors_see_alike_is_encoded_once_for_all_of_them(shared: Board) -> None:
    """A public notice goes to a thousand investors. What may name the operator is each investor's own."""
    left, right = shared.terminal("100001"), shared.terminal("100002")

    await shared.notice("OnRtnInstrumentStatus", ExchangeID="SHFE", InstrumentID="ag2612", EnterTime="09:00:00")

    assert left.items[0] is right.items[0]


async def test_another_brokers_notice_is_for_none_of_these_terminals(shared: Board) -> None:
    """An investor is named by broker and number together, and a notice for all may be one broker's."""
    mine = shared.terminal("100001")

    for broker in ("8888", BROKER):
        await shared.notice("OnRtnOrder", BrokerID=broker, InvestorID="100001", ExchangeID="SHFE", OrderSysID="9")
        await shared.notice("OnRtnTradingNotice", BrokerID=broker, FieldContent="x")

    assert [event.rtn_order.broker_id for event in mine.events("OnRtnOrder")] == [BROKER]
    assert [event.rtn_trading_notice.broker_id for event in mine.events("OnRtnTradingNotice")] == [BROKER]


def test_what_may_name_the_operator_is_encoded_for_each_investor() -> None:
    """Each sees its own id in the operator's place; the first one's bytes would show it to the second."""
    view = EventView(Messages(CATALOG), OWNERSHIP, Lanes(PLACES, OWNERSHIP), "op01")
    order, status = (Notice(callback(name), b"") for name in ("OnRtnOrder", "OnRtnInstrumentStatus"))

    assert not view.is_same_for_all(order)
    assert view.is_same_for_all(status)


async def test_the_order_in_a_notice_is_the_terminals_own(shared: Board) -> None:
    """A terminal finds its order by its own FrontID, SessionID and OrderRef."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqOrderInsert", 5, OrderRef="12", **order_fields())
    sent = read("InputOrder", shared.session.called[0].body, "OrderRef")

    await shared.notice(
        "OnRtnOrder", BrokerID=BROKER, InvestorID="100001", UserID="op01", FrontID=1, SessionID=77, OrderRef=sent
    )

    order = mine.events("OnRtnOrder")[0].rtn_order
    lane = mine.link.route.lane
    assert (order.front_id, order.session_id, order.order_ref) == (lane.front, lane.session, "12")
    assert order.user_id != "op01"


async def test_a_trade_waits_for_its_order_and_comes_alone_when_that_never_comes(shared: Board) -> None:
    """Terminals book a trade on the order it belongs to; without one they lose it or crash."""
    loop, mine = HandLoop(), shared.terminal("100001")
    names = {"BrokerID": BROKER, "InvestorID": "100001", "ExchangeID": "SHFE"}

    await shared.notice("OnRtnTrade", **names, OrderSysID="1", TradeID="t1")
    await shared.notice("OnRtnTrade", **names, OrderSysID="2", TradeID="t2")
    await shared.notice("OnRtnOrder", **names, OrderSysID="1")
    before = [item.callback for item in mine.items if hasattr(item, "callback")]
    await loop.move(HOLD_SECONDS)

    assert before == ["OnRtnOrder", "OnRtnTrade"]
    assert [e.rtn_trade.trade_id for e in mine.events("OnRtnTrade")] == ["t1", "t2"]


async def test_a_replayed_day_is_not_told_twice(shared: Board) -> None:
    """After every reconnect the counter sends the whole day again."""
    mine = shared.terminal("100001")
    order = {"BrokerID": BROKER, "InvestorID": "100001", "OrderSysID": "9", "ExchangeID": "SHFE"}
    await shared.notice("OnRtnOrder", **order)
    await shared.break_off()
    await shared.log_in(session_id=78)

    await shared.notice("OnRtnOrder", **order)

    assert len(mine.events("OnRtnOrder")) == 1


async def test_who_joins_later_gets_the_days_notices_of_its_investor_first(shared: Board) -> None:
    """In an operator's session the counter replays nothing for a terminal that comes at noon."""
    order = {"BrokerID": BROKER, "OrderSysID": "9", "ExchangeID": "SHFE"}
    await shared.notice("OnRtnOrder", **order, InvestorID="100001")
    await shared.notice("OnRtnOrder", **order, InvestorID="100002")

    late, only_new = shared.terminal("100001"), shared.terminal("100001", from_now=True)
    await shared.notice("OnRtnInstrumentStatus", InstrumentID="rb2701", EnterTime=AFTER_LOGIN)

    assert [e.WhichOneof("body") for e in late.events()] == ["rtn_order", "rtn_instrument_status"]
    assert [e.WhichOneof("body") for e in only_new.events()] == ["rtn_instrument_status"]
    assert not late.link.lost_history


async def test_an_order_that_comes_during_the_replay_still_goes_before_its_trade(shared: Board) -> None:
    """The counter sent the trade first, and the terminal joined between the two."""
    names = {"BrokerID": BROKER, "InvestorID": "100001", "OrderSysID": "9", "ExchangeID": "SHFE"}
    await shared.notice("OnRtnTrade", **names, TradeID="1")
    late = shared.terminal("100001")

    async with late.link._tools.turn:  # nothing of the replay is made yet
        await shared.notice("OnRtnOrder", **names)
    await settled()

    assert [e.WhichOneof("body") for e in late.events()] == ["rtn_order", "rtn_trade"]


async def test_a_late_terminal_of_a_busy_day_is_told_that_it_is_not_whole(shared: Board) -> None:
    """An order that rests is shown as it stands; what could not be kept is to be queried."""
    shared.board._router.notices._day._limits = DayNoticeLimits(owner_bytes=20_000)  # type: ignore[union-attr]
    order = {"BrokerID": BROKER, "InvestorID": "100001", "FrontID": 9, "SessionID": 77}
    await shared.notice("OnRtnOrder", **order, OrderRef="1", OrderStatus="3")
    for ref in range(2, 40):
        await shared.notice("OnRtnOrder", **order, OrderRef=str(ref), OrderStatus="0")
    await shared.notice("OnRtnOrder", **order, OrderRef="1", OrderStatus="0")

    late, quiet = shared.terminal("100001"), shared.terminal("100002")
    await settled()

    assert late.link.lost_history
    assert chr(late.events("OnRtnOrder")[-1].rtn_order.order_status) == "0"
    assert not quiet.link.lost_history


@pytest.mark.parametrize("shared_session", [True, False], ids=["many-to-one", "many-to-many"])
async def test_from_now_is_a_point_in_the_day_kept_over_breaks(tmp_path: Path, shared_session: bool) -> None:
    """What happened before the login is never shown as live, and what happens during a break is not lost."""
    board = Board(tmp_path, shared=shared_session)
    if shared_session:
        await board.log_in()
    mine = board.terminal("100001", from_now=True)
    if not shared_session:
        await board.log_in()
    names: dict[str, Any] = {"BrokerID": BROKER, "InvestorID": "100001", "ExchangeID": "SHFE"}
    morning: list[tuple[str, dict[str, Any]]] = [
        ("OnRtnOrder", {**names, "OrderSysID": "1", "InsertTime": BEFORE_LOGIN, "OrderStatus": "3"}),
        ("OnErrRtnOrderInsert", {**names, "OrderRef": "7"}),
        ("OnRtnOrder", {**names, "OrderSysID": "1", "InsertTime": BEFORE_LOGIN, "OrderStatus": "1", "VolumeTraded": 1}),
        ("OnRtnTrade", {**names, "OrderSysID": "1", "TradeID": "t1", "TradeTime": BEFORE_LOGIN}),
    ]
    for name, fields in morning:
        await board.notice(name, **fields)
    fill: list[tuple[str, dict[str, Any]]] = [
        ("OnRtnOrder", {**names, "OrderSysID": "1", "InsertTime": BEFORE_LOGIN, "OrderStatus": "0", "VolumeTraded": 2}),
        ("OnRtnTrade", {**names, "OrderSysID": "1", "TradeID": "t2", "TradeTime": AFTER_LOGIN}),
    ]
    for name, fields in fill:
        await board.notice(name, **fields)
    await board.break_off()
    await board.log_in(session_id=78)
    during: list[tuple[str, dict[str, Any]]] = [
        ("OnRtnOrder", {**names, "OrderSysID": "2", "InsertTime": AFTER_LOGIN, "OrderStatus": "0"}),
        ("OnRtnTrade", {**names, "OrderSysID": "2", "TradeID": "t3", "TradeTime": AFTER_LOGIN}),
    ]
    for name, fields in (*morning, *fill, *during):
        await board.notice(name, **fields)

    assert [e.WhichOneof("body") for e in mine.events()] == ["rtn_order", "rtn_trade"] * 2
    assert [e.rtn_trade.trade_id for e in mine.events("OnRtnTrade")] == ["t2", "t3"]
    assert [e.rtn_order.order_sys_id for e in mine.events("OnRtnOrder")] == ["1", "2"]
    await board.close()


async def test_an_order_of_an_earlier_process_does_not_end_the_replay(tmp_path: Path) -> None:
    """Its lane had the same number, and another FrontID: it is the morning's, not this terminal's own."""
    board = Board(tmp_path)
    board.tools.order_map.begin(DAY)
    board.tools.order_map.append([EARLIER])
    board.tools.order_map.close()
    await board.log_in()
    mine = board.terminal("100001", from_now=True)
    assert mine.link.route.lane.session == EARLIER.lane_session
    own = {"FrontID": 1, "SessionID": 55, "OrderRef": "41", "RequestID": 70000, "OrderSysID": "1"}

    for order in (own, {"FrontID": 1, "SessionID": 5, "OrderRef": "4", "OrderSysID": "2"}):
        names = {"BrokerID": BROKER, "InvestorID": "100001", "ExchangeID": "SHFE", "InsertTime": BEFORE_LOGIN}
        await board.notice("OnRtnOrder", **names, **order)

    assert mine.events() == []
    await board.close()


@pytest.mark.parametrize(
    "ids", [{"OrderSysID": "8001"}, {"TraderID": "t1", "OrderLocalID": "7"}], ids=["at", "on the way"]
)
async def test_an_order_is_cancelled_by_its_new_name_after_the_flow_is_cleared(
    shared: Board, ids: dict[str, str]
) -> None:
    """Nobody is told of the same state again, but the new name is kept; who joins later does not bring the old one back."""
    mine = shared.terminal("100001")
    await shared.call(mine, "ReqOrderInsert", 5, **order_fields(OrderRef="5"))
    ref, mark = read("InputOrder", shared.session.called[-1].body, "OrderRef", "RequestID")
    state: dict[str, Any] = {
        "BrokerID": BROKER,
        "InvestorID": "100001",
        "ExchangeID": "SHFE",
        "OrderStatus": "3",
        **ids,
    }
    await shared.notice("OnRtnOrder", FrontID=1, SessionID=77, OrderRef=ref, RequestID=mark, **state)
    await shared.break_off()
    await shared.log_in(session_id=3)

    await shared.notice("OnRtnOrder", FrontID=1, SessionID=2, OrderRef="1", RequestID=0, **state)
    late = shared.terminal("100001")
    await settled()
    lane = mine.link.route.lane
    key = {"FrontID": lane.front, "SessionID": lane.session, "OrderRef": "5", "ActionFlag": "0"}
    await shared.call(mine, "ReqOrderAction", 6, **key)

    assert [len(one.events("OnRtnOrder")) for one in (mine, late)] == [1, 1]
    assert read("InputOrderAction", shared.session.called[-1].body, "FrontID", "SessionID", "OrderRef") == (1, 2, "1")


async def test_an_order_that_turns_out_to_be_the_firms_is_not_told_twice(shared: Board) -> None:
    """Another relay process sent it; its terminal comes over, and then the day is sent again."""
    mine = shared.terminal("100001")
    order: dict[str, Any] = {"FrontID": 1, "SessionID": 55, "OrderRef": "41", "RequestID": 70000, "OrderSysID": "8"}
    order |= {"BrokerID": BROKER, "InvestorID": "100001", "ExchangeID": "SHFE", "OrderStatus": "3"}
    await shared.notice("OnRtnOrder", **order)
    shared.board._router.lanes.recall([EARLIER])
    await shared.break_off()
    await shared.log_in(session_id=78)

    await shared.notice("OnRtnOrder", **order)
    await shared.notice("OnRtnOrder", **order | {"FrontID": 9, "SessionID": 90, "OrderRef": "1", "RequestID": 0})

    assert len(mine.events("OnRtnOrder")) == 1


async def test_yesterdays_notices_are_not_told_on_a_new_day(shared: Board) -> None:
    """System numbers start anew, and so may be met again."""
    order = {"BrokerID": BROKER, "InvestorID": "100001", "OrderSysID": "9", "ExchangeID": "SHFE"}
    mine = shared.terminal("100001")
    await shared.notice("OnRtnOrder", **order)
    await shared.break_off()
    await shared.log_in("20261124", session_id=78, day_changed=True)

    late = shared.terminal("100001")
    await shared.notice("OnRtnOrder", **order)

    assert len(mine.events("OnRtnOrder")) == 2
    assert len(late.events("OnRtnOrder")) == 1


async def test_a_notice_without_content_is_nobodys(shared: Board) -> None:
    """NULL names no investor."""
    mine = shared.terminal("100001")

    await shared.session.say(RawEvent(callback("OnRtnOrder"), None, None))
    await shared.session.say(RawEvent(callback("OnRtnOrder"), event_body("OnRtnOrder"), None))

    assert mine.events() == []
