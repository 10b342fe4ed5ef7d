"""A cancel of an order that still waits in the relay: it never overtakes the order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from relay.counter.port import CallOutcome
from tests.relay.counter.ctp.ctp_bodies import CATALOG, method, read
from tests.relay.counter.ctp.orders.fed_router import Fed
from tests.relay.counter.ctp.played_board import Board, Terminal, order_fields, refusal_of, unanswered
from tests.relay.hand_loop import HandLoop, settled

CANCELS = {
    "ReqOrderInsert": ("ReqOrderAction", "OrderRef"),
    "ReqQuoteInsert": ("ReqQuoteAction", "QuoteRef"),
    "ReqExecOrderInsert": ("ReqExecOrderAction", "ExecOrderRef"),
    "ReqOptionSelfCloseInsert": ("ReqOptionSelfCloseAction", "OptionSelfCloseRef"),
}
DELETE, MODIFY = "0", "3"


@pytest.fixture
async def clock() -> HandLoop:
    return HandLoop()


@pytest.fixture(params=[True, False], ids=["shared", "own"])
async def full(request: pytest.FixtureRequest, tmp_path: Path, clock: HandLoop) -> AsyncIterator[Board]:
    """A counter session that takes one package a second, and this second's is used up."""
    del clock  # it stands still from here on, also for the package sent below
    board = Board(tmp_path, shared=request.param)
    board.session.front = (0, 1)
    await board.log_in()
    await board.call(board.terminal("100001"), "ReqForQuoteInsert", 99, InstrumentID="rb2701")
    board.session.called.clear()
    yield board
    await board.close()


def triple(terminal: Terminal, field: str, ref: str) -> dict[str, Any]:
    lane = terminal.link.route.lane
    return {"FrontID": lane.front, "SessionID": lane.session, field: ref}


def names(board: Board) -> list[str]:
    return [called.name for called in board.session.called]


def test_every_action_that_names_a_reference_is_tried_here() -> None:
    """A kind of order added by a later version of CTP must be added above."""
    acts = {m.name for m in CATALOG.requests if CATALOG.structs[m.struct].has("ActionFlag")}

    assert acts - {action for action, _ in CANCELS.values()} == {"ReqParkedOrderAction"}


@pytest.mark.parametrize("insert", CANCELS)
async def test_a_cancel_of_what_still_waits_takes_it_out(full: Board, clock: HandLoop, insert: str) -> None:
    """Neither reaches the counter, the order is answered by name, and its reference may be used again."""
    mine = full.terminal("100001")
    action, field = CANCELS[insert]
    fields: dict[str, Any] = {field: "70"}
    waiting = full.begin(mine, insert, 1, **fields)
    await settled()

    cancel = full.begin(mine, action, 2, **triple(mine, field, "70"), ActionFlag=DELETE)
    await settled()

    assert cancel.done()
    assert await cancel == CallOutcome(0)
    assert await refusal_of(waiting) == "cancelled_before_sent"
    again = full.begin(mine, insert, 3, **fields)
    await clock.move(1.1)
    assert (await again).return_code == 0
    assert names(full) == [insert]
    assert list(unanswered(full))[1] == 0


async def test_the_reference_alone_and_a_mates_cancel_work_too(full: Board) -> None:
    """Front and session 0 mean one's own; another terminal of the investor names the order's lane."""
    mine, mate = full.terminal("100001"), full.terminal("100001")
    for canceller, key in ((mine, {"OrderRef": "70"}), (mate, triple(mine, "OrderRef", "70"))):
        waiting = full.begin(mine, "ReqOrderInsert", 1, **order_fields(OrderRef="70"))
        await settled()

        cancel = full.begin(canceller, "ReqOrderAction", 2, **key, ActionFlag=DELETE)
        await settled()

        assert cancel.done()
        assert await refusal_of(waiting) == "cancelled_before_sent"
    assert names(full) == []


async def test_an_order_is_found_by_its_name_only_while_it_waits(full: Board, clock: HandLoop) -> None:
    """Sent, expired, or taken out: no cancel finds it any more, and nothing of it is kept."""
    mine = full.terminal("100001")
    expired = full.begin(mine, "ReqOrderInsert", 1, valid_for=0.5, **order_fields(OrderRef="70"))
    sent = full.begin(mine, "ReqOrderInsert", 2, **order_fields(OrderRef="71"))
    taken = full.begin(mine, "ReqOrderInsert", 3, **order_fields(OrderRef="72"))
    twice = full.begin(mine, "ReqOrderInsert", 4, **order_fields(OrderRef="72"))
    await settled()
    await clock.move(1.1)

    await full.call(mine, "ReqOrderAction", 5, **triple(mine, "OrderRef", "72"), ActionFlag=DELETE)

    assert (await sent).return_code == 0
    assert [await refusal_of(call) for call in (expired, taken, twice)] == [
        "deadline_passed",
        "cancelled_before_sent",
        "cancelled_before_sent",
    ]
    assert names(full) == ["ReqOrderInsert"]
    assert full.board._router._waiting._named == {}


@pytest.mark.parametrize("ref", ["", "0"])
async def test_a_cancel_that_names_no_reference_takes_nothing_out(full: Board, clock: HandLoop, ref: str) -> None:
    """Nor an order that leaves its reference to the relay, which has none yet."""
    mine = full.terminal("100001")
    waiting = full.begin(mine, "ReqOrderInsert", 1, **order_fields(OrderRef=""))
    nameless = full.begin(mine, "ReqOrderAction", 2, **triple(mine, "OrderRef", ref), ActionFlag=DELETE)
    await settled()
    await clock.move(2.1)

    assert (await waiting).return_code == 0
    assert names(full)[0] == "ReqOrderInsert"
    nameless.cancel()


async def test_another_investor_cannot_take_it_out(tmp_path: Path, clock: HandLoop) -> None:
    """Nor learn that it is there: the answer is the same as for an order that never was."""
    board = Board(tmp_path)
    board.session.front = (0, 2)
    await board.log_in()
    mine, other = board.terminal("100001"), board.terminal("100002")
    for number in (1, 2):
        await board.call(other, "ReqOrderInsert", number, **order_fields())
    waiting = board.begin(mine, "ReqOrderInsert", 1, **order_fields(OrderRef="70"))
    foreign = board.begin(other, "ReqOrderAction", 3, **triple(mine, "OrderRef", "70"), ActionFlag=DELETE)
    await settled()

    await clock.move(1.1)

    assert await refusal_of(foreign) == "order_not_found"
    assert (await waiting).return_code == 0
    await board.close()


@pytest.mark.parametrize(
    ("insert", "fields", "action", "key"),
    [
        ("ReqOrderInsert", {"OrderRef": "70"}, "ReqOrderAction", {"ActionFlag": MODIFY}),
        ("ReqOrderInsert", {"OrderRef": "70"}, "ReqParkedOrderAction", {"ActionFlag": DELETE}),
        ("ReqQuoteInsert", {"AskOrderRef": "70"}, "ReqOrderAction", {"ActionFlag": DELETE}),
    ],
    ids=["change", "parked cancel", "one side of a quote"],
)
async def test_what_cannot_take_it_out_follows_it(
    full: Board, clock: HandLoop, insert: str, fields: dict[str, Any], action: str, key: dict[str, Any]
) -> None:
    """It is sent after the order, naming it as the counter knows it."""
    mine = full.terminal("100001")
    waiting = full.begin(mine, insert, 1, **fields)
    following = full.begin(mine, action, 2, **triple(mine, "OrderRef", "70"), **key)
    await settled()
    assert names(full) == []

    await clock.move(1.1)
    await clock.move(1.1)

    assert ((await waiting).return_code, (await following).return_code) == (0, 0)
    assert names(full) == [insert, action]
    (field,) = fields
    sent, acted = full.session.called
    assert read(method(insert).struct, sent.body, field) == read(method(action).struct, acted.body, "OrderRef")


async def test_a_follower_waits_no_longer_than_its_terminal_allows(full: Board, clock: HandLoop) -> None:
    """And is never sent after that."""
    mine = full.terminal("100001")
    waiting = full.begin(mine, "ReqOrderInsert", 1, **order_fields(OrderRef="70"))
    change = full.begin(mine, "ReqOrderAction", 2, valid_for=0.5, **triple(mine, "OrderRef", "70"), ActionFlag=MODIFY)
    await settled()

    await clock.move(0.6)

    assert await refusal_of(change) == "deadline_passed"
    await clock.move(2.0)
    assert (await waiting).return_code == 0
    assert names(full) == ["ReqOrderInsert"]


async def test_a_follower_of_an_order_that_is_not_sent_is_not_found(full: Board, clock: HandLoop) -> None:
    """The order's own time ran out: it will never be at the counter."""
    mine = full.terminal("100001")
    waiting = full.begin(mine, "ReqOrderInsert", 1, valid_for=0.5, **order_fields(OrderRef="70"))
    change = full.begin(mine, "ReqOrderAction", 2, **triple(mine, "OrderRef", "70"), ActionFlag=MODIFY)
    await settled()

    await clock.move(0.6)
    await clock.move(1.0)

    assert await refusal_of(waiting) == "deadline_passed"
    assert await refusal_of(change) == "order_not_found"
    assert names(full) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ReqOrderInsert", "ReqBatchOrderAction"),
        ("ReqOffsetSetting", "ReqCancelOffsetSetting"),
        ("ReqSettlementInfoConfirm", "ReqOrderInsert"),
    ],
)
async def test_what_names_no_order_keeps_its_place_behind_the_terminals_orders(
    tmp_path: Path, clock: HandLoop, first: str, second: str
) -> None:
    """A batch cancels what was sent before it; an order before the confirmation would be refused."""
    board = Board(tmp_path, shared=False)
    board.session.front = (0, 1)
    await board.log_in()
    mine = board.terminal("100001")
    calls = [board.begin(mine, name, n) for n, name in enumerate(("ReqForQuoteInsert", first, second), 1)]
    for _ in calls:
        await clock.move(1.1)

    assert [(await call).return_code for call in calls] == [0, 0, 0]
    assert names(board)[1:] == [first, second]
    await board.close()


def test_an_order_with_an_unreadable_reference_holds_up_no_cancel() -> None:
    """It has no name that a cancel could use, and is refused when its turn comes."""
    fed = Fed(packages=1)
    mine = fed.link()
    fed.order(mine, 1)
    broken = fed.submit(mine, "ReqOrderInsert", 2, **order_fields(OrderRef="x1"))
    waiting = fed.order(mine, 3)

    fed.cancel(mine, 3)
    fed.move(1.1)

    assert fed.result(waiting) == "cancelled_before_sent"
    assert fed.result(broken) == "reference_malformed"
