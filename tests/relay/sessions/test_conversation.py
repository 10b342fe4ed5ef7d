"""What a terminal may say when, and what it is told when it says something else."""

from __future__ import annotations

import pytest

from relay.refusals.refusal import Refusal, Source
from relay.sessions import conversation as c


def challenged() -> c.Conversation:
    talk = c.Conversation()
    talk.on(c.HelloReceived(1, at=100.0))
    return talk


def online() -> c.Conversation:
    talk = challenged()
    talk.on(c.LoginReceived(at=101.0))
    talk.on(c.Admitted())
    return talk


def test_a_login_goes_hello_challenge_login_welcome_and_then_calls_are_forwarded() -> None:
    """The whole happy path."""
    talk = c.Conversation()

    assert talk.on(c.HelloReceived(1, at=100.0)) == c.SendChallenge()
    assert talk.on(c.LoginReceived(at=109.9)) == c.Admit()
    assert talk.on(c.Admitted()) == c.Welcome()
    assert talk.on(c.CallReceived()) == c.Forward()
    assert talk.on(c.LogoutReceived()) == c.SayGoodbye()


@pytest.mark.parametrize("answer", [c.LoginReceived(at=110.1), c.ResumeReceived(at=110.1)])
def test_a_challenge_answered_too_late_is_refused_by_name(answer: c.Event) -> None:
    """An old challenge must not be of use to anybody."""
    talk = challenged()

    command = talk.on(answer)

    assert isinstance(command, c.Reject)
    assert command.refusal.reason == "challenge_expired"
    assert talk.state is c.State.CLOSED


@pytest.mark.parametrize("state", ["opened", "challenged"])
def test_a_request_before_the_login_is_refused_by_name(state: str) -> None:
    """Nothing reaches the counter from a terminal that has not logged in."""
    talk = c.Conversation() if state == "opened" else challenged()

    command = talk.on(c.CallReceived())

    assert isinstance(command, c.Reject)
    assert command.refusal.reason == "not_logged_in"


@pytest.mark.parametrize("event", [c.HelloReceived(1, at=1.0), c.LoginReceived(at=102.0), c.ResumeReceived(at=102.0)])
def test_what_is_said_out_of_turn_is_refused_and_ends_the_stream(event: c.Event) -> None:
    """A second login on one stream would be a second try at the proof."""
    talk = online()

    command = talk.on(event)

    assert isinstance(command, c.Reject)
    assert command.refusal.reason == "unexpected_message"
    assert talk.state is c.State.CLOSED


def test_a_terminal_of_another_protocol_is_told_which_one_is_spoken() -> None:
    """The version is checked before anything else is believed."""
    command = c.Conversation().on(c.HelloReceived(2, at=0.0))

    assert isinstance(command, c.Reject)
    assert "version 1" in command.refusal.advice


def test_a_refused_login_closes_the_conversation_with_that_refusal() -> None:
    """There is one try per stream."""
    refusal = Refusal(Source.COUNTER, "wrong_password", "CTP:不合法的登录", code=3)
    talk = challenged()
    talk.on(c.LoginReceived(at=101.0))

    assert talk.on(c.Turned(refusal)) == c.Reject(refusal)
    assert talk.state is c.State.CLOSED
