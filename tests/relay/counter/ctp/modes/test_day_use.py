"""The last bound of a day's orders: operations hear of it before nobody can order any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.refusals.refusal import Refused
from tests.relay.counter.ctp.played_board import Board, order_fields
from tests.relay.hand_loop import HandLoop


async def test_the_log_says_that_the_days_orders_run_out(tmp_path: Path) -> None:
    """By whoever placed them; a new trading day begins anew, in the metrics too."""
    HandLoop()
    board = Board(tmp_path)
    board.tools.day_use.total = 5
    await board.log_in()
    alice, bob = board.terminal("100001"), board.terminal("100002")

    with capture_logs() as lines:
        for number, terminal in enumerate((alice, alice, alice, bob, bob), start=1):
            await board.call(terminal, "ReqOrderInsert", number, **order_fields())

    told = [(line["log_level"], line["percent"]) for line in lines if line["event"] == "orders_of_the_day_run_out"]
    assert told == [("error", 80), ("error", 100)]
    assert board.tools.day_use.fullest == 5
    await board.break_off()
    await board.log_in("20261124", session_id=78, day_changed=True)
    assert board.tools.day_use.fullest == 0
    await board.close()


async def test_an_order_of_which_nobody_knows_whether_it_was_sent_is_one_of_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reference stays used, so its alarm sounds; one that the API did not take is none, however often it is tried."""
    HandLoop()
    board = Board(tmp_path)
    board.tools.day_use.total = 5
    await board.log_in()
    alice = board.terminal("100001")

    with capture_logs() as lines:
        for number in (1, 2, 3):
            await board.call(alice, "ReqOrderInsert", number, **order_fields())
        board.session.return_codes = [-1, -1]
        for number in (4, 5):
            assert (await board.call(alice, "ReqOrderInsert", number, **order_fields())).return_code == -1
        none_yet = [line["percent"] for line in lines if line["event"] == "orders_of_the_day_run_out"]
        monkeypatch.setattr(board.session, "call", _breaks)
        with pytest.raises(Refused, match="outcome_unknown"):
            await board.call(alice, "ReqOrderInsert", 6, **order_fields())

    assert none_yet == []
    assert [line["percent"] for line in lines if line["event"] == "orders_of_the_day_run_out"] == [80]
    assert board.tools.day_use.fullest == 4
    await board.close()


def _breaks(*_: object) -> int:
    raise RuntimeError
