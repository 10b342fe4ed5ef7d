"""The way of a session to CTS, step by step, without a connection."""

from __future__ import annotations

import pytest

from relay.counter.cts import machine
from relay.counter.cts.machine import LineMachine
from relay.refusals import relay_reasons

WHY = relay_reasons.counter_unavailable()
DONE, FAILED = machine.Done(), machine.Failed(WHY)


def live(*, has_operator: bool, is_kept: bool) -> LineMachine:
    made = LineMachine(has_operator=has_operator, is_kept=is_kept)
    made.feed(machine.Begin())
    while not made.was_live:
        made.feed(DONE)
    return made


def test_the_way_with_an_operator_and_without() -> None:
    """Connect, greet, the operator where there is one, accounts, stay."""
    for has_operator in (False, True):
        made = LineMachine(has_operator=has_operator, is_kept=False)
        way = [made.feed(machine.Begin()), *(made.feed(DONE) for _ in range(4 if has_operator else 3))]
        names = [type(command).__name__ for command in way]
        operator = ["LogOperatorIn"] if has_operator else []
        assert names == ["Connect", "Greet", *operator, "LogAccountsIn", "Stay"]
        assert way[1] == machine.Greet(resume=False)


def test_a_session_that_was_never_live_ends_unless_it_is_kept() -> None:
    """A terminal hears why; the operator's session tries again."""
    for is_kept in (False, True):
        made = LineMachine(has_operator=False, is_kept=is_kept)
        made.feed(machine.Begin())
        assert made.feed(FAILED) == (machine.Pause() if is_kept else machine.End(WHY))


def test_a_break_is_followed_by_a_pause_and_a_resume() -> None:
    """Where the counter does not know the session, by a new one at once."""
    made = live(has_operator=False, is_kept=False)
    assert made.feed(FAILED) == machine.Pause()
    assert made.feed(machine.PauseOver()) == machine.Connect()
    assert made.feed(DONE) == machine.Greet(resume=True)
    assert made.feed(machine.ResumeRefused()) == machine.Connect()
    assert made.feed(DONE) == machine.Greet(resume=False)


def test_a_cut_by_the_supervisor_is_no_break() -> None:
    """A kept session waits for a person, and does not ask for the old one again."""
    assert live(has_operator=False, is_kept=False).feed(machine.CutOff(WHY)) == machine.End(WHY)
    made = live(has_operator=True, is_kept=True)
    assert made.feed(machine.CutOff(WHY)) == machine.Pause(for_person=True)
    with pytest.raises(AssertionError, match="PauseOver in FORCED_OUT"):
        made.feed(machine.PauseOver())
    assert made.feed(machine.PersonAsks()) == machine.Connect()
    assert made.feed(DONE) == machine.Greet(resume=False)


def test_what_cannot_come_changes_nothing() -> None:
    """And says where the session was."""
    made = LineMachine(has_operator=False, is_kept=True)
    with pytest.raises(AssertionError, match="Done in NEW"):
        made.feed(DONE)

    assert made.phase is machine.LinePhase.NEW
