"""The life of the market data session, step by step."""

from __future__ import annotations

import pytest

from relay.counter.ctp.market.machine import FeedMachine, FeedPhase, FeedStep


@pytest.fixture
def machine() -> FeedMachine:
    return FeedMachine(answer_seconds=10, pause_seconds=1, longest_seconds=4)


LOG_IN = FeedStep(log_in=True, timer_seconds=10)


def test_a_connection_is_logged_in_on(machine: FeedMachine) -> None:
    assert machine.connected() == LOG_IN
    assert machine.logged_in() == FeedStep(became_live=True)
    assert machine.phase is FeedPhase.LIVE


def test_a_lost_session_says_so_once(machine: FeedMachine) -> None:
    """The API says every failed try to connect as well."""
    machine.connected()
    machine.logged_in()

    assert machine.disconnected("0x1001") == FeedStep(was_lost=True, why="0x1001")
    assert machine.disconnected("0x1001") == FeedStep(why="0x1001")
    assert machine.connected() == LOG_IN


def test_a_refused_login_is_tried_again_after_pauses_that_grow(machine: FeedMachine) -> None:
    """A login that went through forgets them."""
    machine.connected()

    pauses = []
    for _ in range(4):
        pauses.append(machine.login_failed("3").timer_seconds)
        assert machine.time_is_over() == LOG_IN
    machine.logged_in()
    machine.disconnected("")
    machine.connected()

    assert pauses == [1, 2, 4, 4]
    assert machine.login_failed("3").timer_seconds == 1


def test_a_login_without_an_answer_is_one_that_failed(machine: FeedMachine) -> None:
    machine.connected()

    assert machine.time_is_over().timer_seconds == 1
    assert machine.phase is FeedPhase.PAUSING


def test_a_late_answer_counts(machine: FeedMachine) -> None:
    machine.connected()
    machine.time_is_over()

    assert machine.logged_in().became_live


def test_what_comes_without_a_connection_changes_nothing(machine: FeedMachine) -> None:
    assert machine.logged_in() == machine.login_failed("x") == machine.time_is_over() == FeedStep()
    assert machine.phase is FeedPhase.AWAY


def test_a_logout_is_a_loss_and_a_login_follows(machine: FeedMachine) -> None:
    machine.connected()
    machine.logged_in()

    assert machine.logged_out("out") == FeedStep(was_lost=True, why="out", timer_seconds=1)
    assert machine.time_is_over() == LOG_IN
