"""Which answer belongs to which request, and that nothing is kept longer than it is needed."""

from __future__ import annotations

import pytest

from relay.counter.ctp import pending as module
from relay.counter.ctp.pending import Asked, Pending
from relay.domain.query_cache import Key
from tests.relay.counter.played_board import Board
from tests.relay.domain.ctp_bodies import method


def asked(board: Board, investor: str, request_id: int, key: Key | None = None) -> Asked:
    return Asked(board.terminal(investor).link, method("ReqQryTrade"), request_id, key)


async def test_an_answer_finds_its_question_until_the_last_row(shared: Board) -> None:
    """Rows come one by one; what comes after the last belongs to nobody."""
    pending, question = Pending(), asked(shared, "100001", 7)
    pending.add(1, question)

    found = [pending.answered(1, is_last=last) for last in (False, True, True)]

    assert found == [question, question, None]
    assert len(pending) == 0


async def test_a_terminal_that_is_gone_is_forgotten_but_not_what_others_wait_for(shared: Board) -> None:
    """A public query serves everybody who asked the same."""
    pending, gone = Pending(), asked(shared, "100001", 7)
    public = Asked(gone.link, gone.method, 8, cache_key=("ReqQryInstrument", b""))
    other = asked(shared, "100002", 9)
    for number, question in enumerate((gone, public, other), 1):
        pending.add(number, question)

    pending.forget(gone.link)

    assert [pending.answered(number, is_last=True) for number in (1, 2, 3)] == [None, public, other]


async def test_a_lost_session_gives_back_everything_unanswered_once(shared: Board) -> None:
    """Each asker is told that no answer will come, and told once."""
    pending, first, second = Pending(), asked(shared, "100001", 7), asked(shared, "100002", 8)
    pending.add(1, first)
    pending.add(2, second)

    assert pending.drain() == [first, second]
    assert pending.drain() == []


async def test_accepted_orders_do_not_fill_the_memory(shared: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """OnRspOrderInsert never comes for an accepted order, so the oldest are forgotten."""
    monkeypatch.setattr(module, "_LIMIT", 3)
    pending, question = Pending(), asked(shared, "100001", 7)

    for number in range(10):
        pending.add(number, question)

    assert len(pending) == 3
    assert pending.answered(9, is_last=True) is question


async def test_a_new_password_is_not_shown(shared: Board) -> None:
    """The question of a password change carries it; a log line of the question must not."""
    question = Asked(shared.terminal("100001").link, method("ReqUserPasswordUpdate"), 1, new_password="geheim-99")

    assert "geheim-99" not in repr(question)
