"""Calls that ask the firm's other relay processes first, and those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.named_orders import OrderName
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.port import CallOutcome
from relay.refusals import relay_reasons
from relay.refusals.refusal import Refused
from tests.relay.counter.ctp.ctp_bodies import read
from tests.relay.counter.ctp.played_board import Board, Terminal, order_fields, refusal_of
from tests.relay.hand_loop import HandLoop, settled

THERE = virtual_front(7)
THEIRS = MapEntry(RefSpace.ORDER, 1, 555, 41, 70000, THERE, 3, "12", 0, "100001")


class Firm:
    """The other processes, as a test plays them: a question is answered when `answer` is set."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.answer.set()
        self.away = False
        self.first: FirstOrder | None = None
        self.known: list[MapEntry] = []
        self.asked: list[str] = []
        self.news: list[tuple[str, str]] = []

    def begin(self, trading_day: str) -> None:
        self.news.append(("begin", trading_day))

    def store(self, entries: Sequence[MapEntry]) -> None:
        self.news += [("store", entry.order_key) for entry in entries]

    def retract(self, entries: Sequence[MapEntry]) -> None:
        self.news += [("retract", entry.order_key) for entry in entries]

    def release(self, investor_id: str, key: str, *, sent: bool) -> None:
        self.news.append(("sent" if sent else "free", key))

    def statistics(self) -> dict[str, int]:
        return {"waiting": 0, "lost": 0}

    async def claim(self, investor_id: str, key: str, content: bytes) -> FirstOrder | None:
        await self._ask(key)
        return self.first

    async def settled(self) -> None:
        await self._ask("settled")

    async def of_investor(self, investor_id: str) -> Sequence[MapEntry]:
        await self._ask(investor_id)
        return [entry for entry in self.known if entry.investor_id == investor_id]

    async def named(self, name: OrderName) -> MapEntry | None:
        await self._ask("named")
        found = [e for e in self.known if (e.space, e.lane_front, e.lane_session, e.lane_number) == name]
        return found[0] if found else None

    async def _ask(self, what: str) -> None:
        self.asked.append(what)
        await self.answer.wait()
        if self.away:
            raise Refused(relay_reasons.shared_orders_unavailable())


@pytest.fixture
def firm() -> Firm:
    return Firm()


@pytest.fixture
async def board(tmp_path: Path, firm: Firm) -> AsyncIterator[Board]:
    """An operator's session of one process of the firm."""
    board = Board(tmp_path, firm=firm)
    await board.log_in()
    yield board
    await board.close()


def insert(board: Board, terminal: Terminal, ref: int, key: str = "", **more: Any) -> asyncio.Task[CallOutcome]:
    fields = order_fields(OrderRef=str(ref))
    return board.begin(terminal, "ReqOrderInsert", ref, order_key=key, **fields, **more)


def cancel(board: Board, terminal: Terminal, front: int, session: int, ref: str) -> asyncio.Task[CallOutcome]:
    fields: dict[str, Any] = {"ExchangeID": "SHFE", "InstrumentID": "rb2701", "ActionFlag": "0"}
    return board.begin(terminal, "ReqOrderAction", 99, FrontID=front, SessionID=session, OrderRef=ref, **fields)


def sent(board: Board) -> list[str]:
    return [called.name for called in board.session.called]


# Keys ----------------------------------------------------------------------------------------------------------


async def test_an_order_without_a_key_asks_nobody(board: Board, firm: Firm) -> None:
    """Nor does a cancel of it: a database that hangs costs them nothing."""
    firm.answer.clear()
    mine = board.terminal("100001")
    firm.asked.clear()

    await asyncio.wait_for(insert(board, mine, 1), 5)
    await asyncio.wait_for(cancel(board, mine, 0, 0, "1"), 5)

    assert sent(board) == ["ReqOrderInsert", "ReqOrderAction"]
    assert firm.asked == []
    assert firm.news == [("begin", "20261123"), ("store", "")]


async def test_calls_of_one_terminal_keep_their_order_behind_one_that_asks(board: Board, firm: Firm) -> None:
    """Also a cancel of that very order; another terminal is not held up."""
    firm.answer.clear()
    mine, other = board.terminal("100001"), board.terminal("100002")

    calls = [insert(board, mine, 1, "K1"), cancel(board, mine, 0, 0, "1"), insert(board, mine, 2)]
    calls += [insert(board, mine, 3, "K3"), insert(board, mine, 4)]
    await asyncio.wait_for(insert(board, other, 1), 5)
    before = sent(board)
    firm.answer.set()
    await asyncio.wait_for(asyncio.gather(*calls), 5)

    assert before == ["ReqOrderInsert"]
    assert sent(board)[1:] == ["ReqOrderInsert", "ReqOrderAction", *["ReqOrderInsert"] * 3]
    assert await asyncio.wait_for(insert(board, mine, 5), 5) == CallOutcome(0)


async def test_an_order_taken_out_of_the_queue_gives_its_key_back(tmp_path: Path, firm: Firm) -> None:
    """It was claimed and never sent: the key is free for all processes, and for this one."""
    HandLoop()
    board = Board(tmp_path, firm=firm)
    board.session.front = (0, 1)
    await board.log_in()
    mine = board.terminal("100001")
    await asyncio.wait_for(insert(board, mine, 1), 5)
    waiting = insert(board, mine, 2, "K2")
    await settled()

    taken_out = await asyncio.wait_for(cancel(board, mine, 0, 0, "2"), 5)

    assert taken_out.return_code == 0
    assert await refusal_of(waiting) == "cancelled_before_sent"
    assert firm.news[-1] == ("free", "K2")
    again = insert(board, mine, 2, "K2")
    await settled()
    assert not again.done()
    again.cancel()
    await settled()
    assert firm.news[-1] == ("free", "K2")
    assert not mine.link.route.line
    await board.close()


async def test_a_call_given_up_in_the_line_lets_nobody_overtake(board: Board, firm: Firm) -> None:
    """The one behind it still waits for those before it."""
    firm.answer.clear()
    mine = board.terminal("100001")
    first, second, third = insert(board, mine, 1, "K1"), insert(board, mine, 2), insert(board, mine, 3)
    await settled()

    second.cancel()
    await settled()
    before = sent(board)
    firm.answer.set()
    await asyncio.wait_for(asyncio.gather(first, third), 5)

    assert before == []
    assert sent(board) == ["ReqOrderInsert"] * 2


async def test_calls_given_up_together_are_not_sent_one_after_the_other(board: Board, firm: Firm) -> None:
    """A terminal that ends gives up all of its calls at once: the end of the first must not send the next."""
    mine = board.terminal("100001")
    firm.answer.clear()
    calls = [insert(board, mine, 1, "K1"), insert(board, mine, 2)]
    await settled()

    for call in calls:
        call.cancel()
    await settled()

    assert sent(board) == []
    assert len(board.board._results) == 0


async def test_a_key_that_named_an_order_elsewhere_sends_nothing(board: Board, firm: Firm) -> None:
    """Its terminal changed from another process to this one and repeats what it got no answer to."""
    firm.first = FirstOrder(THERE, 3, " 12")
    mine = board.terminal("100001")

    outcome = await asyncio.wait_for(insert(board, mine, 1, "K1"), 5)

    assert (outcome.first_front_id, outcome.first_session_id, outcome.first_order_ref) == (THERE, 3, " 12")
    assert outcome.return_code == 0
    assert sent(board) == []


async def test_a_key_known_here_is_answered_while_the_database_is_away(board: Board, firm: Firm) -> None:
    """A new one is refused by name, and not sent."""
    mine = board.terminal("100001")
    await asyncio.wait_for(insert(board, mine, 1, "K1"), 5)
    firm.away = True

    again = await asyncio.wait_for(insert(board, mine, 2, "K1"), 5)
    reason = await refusal_of(insert(board, mine, 2, "K2"))
    plain = await asyncio.wait_for(insert(board, mine, 2), 5)

    assert (again.first_front_id, again.first_session_id) == (mine.link.route.lane.front, mine.link.route.lane.session)
    assert again.first_order_ref == "1"
    assert reason == "shared_orders_unavailable"
    assert plain.return_code == 0
    assert len(sent(board)) == 2


async def test_the_others_know_of_a_keyed_order_before_its_terminal_does(board: Board, firm: Firm) -> None:
    """It may go to another process with the answer in its hand; where they cannot be told it is answered all the same."""
    mine = board.terminal("100001")
    await asyncio.wait_for(insert(board, mine, 1, "K1"), 5)

    assert firm.asked[-2:] == ["K1", "settled"]
    assert firm.news[1:] == [("store", "K1"), ("sent", "K1")]


async def test_an_order_that_was_sent_is_answered_also_where_the_session_ends_meanwhile(
    board: Board, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits only for the others to know of it, and that wait ends with the session."""
    mine = board.terminal("100001")
    monkeypatch.setattr(firm, "settled", asyncio.Event().wait)
    waiting = insert(board, mine, 1, "K1")
    await settled()
    assert not waiting.done()

    await board.board.stop()

    assert (await asyncio.wait_for(waiting, 5)).return_code == 0


async def test_a_claimed_key_is_freed_where_its_order_is_not_sent(board: Board, firm: Firm) -> None:
    """Not taken by the API, refused, or broken off: the terminal may try again at any process."""
    mine = board.terminal("100001")
    board.session.return_codes = [-2]
    outcome = await asyncio.wait_for(insert(board, mine, 1, "K1"), 5)
    await asyncio.wait_for(insert(board, mine, 5), 5)
    reason = await refusal_of(insert(board, mine, 5, "K2"))

    assert (outcome.return_code, reason) == (-2, "reference_not_increasing")
    assert [news for news in firm.news if news[0] in {"retract", "free", "sent"}] == [
        ("retract", "K1"),
        ("free", "K1"),
        ("free", "K2"),
    ]


async def test_a_session_that_breaks_while_a_call_asks_sends_nothing(board: Board, firm: Firm) -> None:
    """Nor is it sent in the next session before this terminal is reported there."""
    firm.answer.clear()
    mine = board.terminal("100001")
    waiting = insert(board, mine, 1, "K1")
    await settled()

    await board.break_off()
    firm.answer.set()

    assert await refusal_of(waiting) == "counter_unavailable"
    assert sent(board) == []
    assert firm.news[-1] == ("free", "K1")


async def test_a_terminal_that_leaves_while_its_call_asks_orders_nothing(board: Board, firm: Firm) -> None:
    """Nobody would hear of the fill."""
    firm.answer.clear()
    mine = board.terminal("100001")
    waiting = insert(board, mine, 1, "K1")
    await settled()

    await mine.link.detach("logged out")
    firm.answer.set()

    assert await refusal_of(waiting) == "session_gone"
    assert sent(board) == []


async def test_a_call_whose_time_runs_out_while_it_asks_is_not_sent(board: Board, firm: Firm) -> None:
    """Nor those behind it that waited too long; what comes later goes on."""
    firm.answer.clear()
    mine = board.terminal("100001")
    loop = HandLoop()
    waiting, behind = insert(board, mine, 1, "K1", valid_for=2.0), insert(board, mine, 2, valid_for=1.0)
    await settled()

    await loop.move(2.5)
    firm.answer.set()

    assert [await refusal_of(call) for call in (waiting, behind)] == ["deadline_passed"] * 2
    assert (await asyncio.wait_for(insert(board, mine, 3), 5)).return_code == 0
    assert len(sent(board)) == 1


# Cancels -------------------------------------------------------------------------------------------------------


async def test_a_cancel_of_another_processes_order_finds_it(board: Board, firm: Firm) -> None:
    """By the name its terminal knows; asked once, and known from then on."""
    firm.known = [THEIRS]
    mine = board.terminal("100001")

    for _ in range(2):
        await asyncio.wait_for(cancel(board, mine, THERE, 3, "12"), 5)

    first, _ = board.session.called
    assert read("InputOrderAction", first.body, "FrontID", "SessionID", "OrderRef") == (1, 555, "41")
    assert firm.asked == ["named"]


@pytest.mark.parametrize("who", ["another investor", "nobody"])
async def test_a_cancel_of_an_order_that_is_not_this_investors_is_not_found(board: Board, firm: Firm, who: str) -> None:
    """Whether there is one is not told."""
    firm.known = [THEIRS] if who == "another investor" else []
    mine = board.terminal("100002")

    assert await refusal_of(cancel(board, mine, THERE, 3, "12")) == "order_not_found"
    assert sent(board) == []


async def test_a_cancel_that_cannot_be_looked_up_says_so(board: Board, firm: Firm) -> None:
    """Not found would be a lie: the order may rest at the market."""
    firm.away = True
    mine = board.terminal("100001")

    assert await refusal_of(cancel(board, mine, THERE, 3, "12")) == "shared_orders_unavailable"


# Logins --------------------------------------------------------------------------------------------------------


async def test_a_session_of_ones_own_knows_the_investors_orders_of_other_processes(tmp_path: Path, firm: Firm) -> None:
    """Before it is told of them: they are shown by the name the terminal knows."""
    firm.known = [THEIRS]
    board = Board(tmp_path, shared=False, firm=firm)
    mine = board.terminal("100001")
    await board.log_in()

    await board.notice("OnRtnOrder", InvestorID="100001", FrontID=1, SessionID=555, OrderRef="41", OrderSysID="9")

    (order,) = [event.rtn_order for event in mine.events("OnRtnOrder")]
    assert (order.front_id, order.session_id, order.order_ref) == (THERE, 3, "12")
    await board.close()


async def test_a_login_that_cannot_learn_of_them_is_refused_by_name(tmp_path: Path, firm: Firm) -> None:
    """The terminal would take its own orders for somebody else's."""
    firm.away = True
    board = Board(tmp_path, shared=False, firm=firm)
    board.terminal("100001")
    await board.log_in()

    with pytest.raises(Refused, match="shared_orders_unavailable"):
        await asyncio.wait_for(board.board.first_login(), 5)
    assert board.board.ended.is_set()
    await board.close()
