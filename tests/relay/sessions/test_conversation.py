"""What a terminal may say when, and what it is told when it says something else."""

from __future__ import annotations

import pytest

from relay.refusals.refusal import Refusal
from relay.sessions.conversation import NEXT, Conversation, Phase

KINDS = ("hello", "login", "resume", "call", "logout")


def challenged() -> Conversation:
    talk = Conversation()
    assert talk.expect("hello", 100.0) is None
    return talk


def online() -> Conversation:
    talk = challenged()
    assert talk.expect("login", 101.0) is None
    talk.admitted()
    return talk


def refused(talk: Conversation, kind: str, now: float = 102.0) -> str:
    refusal = talk.expect(kind, now)
    assert isinstance(refusal, Refusal)
    return refusal.reason


def test_a_login_goes_hello_login_admitted_and_then_calls_may_come() -> None:
    """The whole happy path."""
    talk = Conversation()

    assert talk.expect("hello", 100.0) is None
    assert talk.expect("login", 109.9) is None
    talk.admitted()
    assert talk.expect("call", 500.0) is None
    assert talk.expect("logout", 501.0) is None
    assert talk.state is Phase.CLOSED


@pytest.mark.parametrize("answer", ["login", "resume"])
def test_a_challenge_answered_too_late_is_refused_by_name(answer: str) -> None:
    """An old challenge must not be of use to anybody."""
    assert refused(challenged(), answer, 110.1) == "challenge_expired"


@pytest.mark.parametrize("state", [state for state in Phase if state is not Phase.ONLINE])
def test_a_request_before_the_login_is_refused_by_name(state: Phase) -> None:
    """Nothing reaches the counter from a terminal that has not logged in."""
    talk = Conversation()
    talk.state = state

    assert refused(talk, "call") == "not_logged_in"


@pytest.mark.parametrize("state", Phase)
@pytest.mark.parametrize("kind", KINDS)
def test_what_has_no_line_in_the_table_is_refused_and_changes_nothing(state: Phase, kind: str) -> None:
    """The guard is the table and nothing else."""
    talk = Conversation()
    talk.state = state

    refusal = talk.expect(kind, 1.0)

    assert (refusal is None) == ((state, kind) in NEXT)
    assert talk.state is NEXT.get((state, kind), state)


@pytest.mark.parametrize("kind", ["hello", "login", "resume"])
def test_a_stream_with_a_session_takes_no_second_login(kind: str) -> None:
    """It would be a second try at the proof, on one challenge."""
    assert refused(online(), kind) == "unexpected_message"


def test_it_is_said_which_message_came_when() -> None:
    """The terminal's vendor reads it."""
    refusal = online().expect("hello", 102.0)

    assert refusal
    assert refusal.message.endswith("Hello cannot come while online")


def test_a_closed_conversation_is_not_opened_by_a_login_that_succeeds_later() -> None:
    """The terminal was told that it has none."""
    talk = challenged()
    talk.expect("login", 101.0)

    talk.close()
    talk.admitted()

    assert refused(talk, "call") == "not_logged_in"


def test_every_message_of_the_protocol_can_come_some_time() -> None:
    """A new kind of message needs its line in the table."""
    assert {kind for _, kind in NEXT} == set(KINDS)


@pytest.mark.parametrize(("answered_at", "reason"), [(205.0, None), (206.1, "challenge_expired")])
def test_a_conversation_that_moves_to_another_worker_keeps_its_time(answered_at: float, reason: str | None) -> None:
    """The clocks of two processes differ; how long ago the challenge was is the same in both."""
    begun, taken = challenged(), Conversation()

    taken.take_over(200.0, begun.challenged_ago(104.0))
    refusal = taken.expect("login", answered_at)

    assert (None if refusal is None else refusal.reason) == reason
