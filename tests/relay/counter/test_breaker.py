"""When everybody stops logging in: after an alarm, until one login tells that it is over."""

from __future__ import annotations

import pytest

from relay.counter.breaker import Breaker, BreakerState


@pytest.mark.parametrize("error_id", [63, 77, 143, 144, 145, 3039, 3040, 4040, 4042, 4060])
def test_an_error_of_the_whole_relay_stops_all_logins(error_id: int) -> None:
    """Each of these gets worse with every further login."""
    breaker = Breaker(pause_seconds=300.0)

    alarm = breaker.refused(error_id, "CTP:...", 10.0)

    assert alarm is not None
    assert alarm.error_id == error_id
    assert breaker.alarm == alarm
    refusal = breaker.admit(309.0)
    assert refusal is not None
    assert str(error_id) in refusal.message


def test_one_investors_error_stops_nobody_else() -> None:
    """3 and 75 are one user's."""
    breaker = Breaker()

    assert [breaker.refused(error_id, "", 0.0) for error_id in (3, 60, 75, 140)] == [None] * 4
    assert breaker.admit(0.0) is None


def test_after_the_pause_one_login_tries() -> None:
    """Half-open: one goes, the others wait for how it ends."""
    breaker = Breaker(pause_seconds=300.0)
    breaker.refused(143, "", 0.0)

    assert breaker.state(300.0) is BreakerState.HALF_OPEN
    assert breaker.admit(300.0) is None
    assert breaker.admit(300.0) is not None
    breaker.reset()
    assert breaker.admit(301.0) is None
    assert breaker.alarm is None


def test_a_failed_try_opens_again() -> None:
    """And the pause begins anew."""
    breaker = Breaker(pause_seconds=300.0)
    breaker.refused(143, "", 0.0)
    breaker.admit(300.0)
    breaker.refused(143, "", 301.0)

    assert breaker.admit(600.0) is not None
    assert breaker.admit(601.0) is None


def test_a_try_refused_for_its_own_user_shows_that_the_relay_is_admitted() -> None:
    """The counter looked at the user at all, so the address is no longer barred."""
    breaker = Breaker(pause_seconds=300.0)
    breaker.refused(143, "", 0.0)
    breaker.admit(300.0)
    breaker.refused(3, "", 301.0)

    assert breaker.state(301.0) is BreakerState.CLOSED


def test_a_try_that_never_told_its_end_does_not_bar_for_ever() -> None:
    """After another pause the next one tries."""
    breaker = Breaker(pause_seconds=300.0)
    breaker.refused(143, "", 0.0)
    breaker.admit(300.0)

    assert breaker.admit(599.0) is not None
    assert breaker.admit(600.0) is None


def test_an_operator_closes_the_breaker() -> None:
    """When the cause is mended."""
    breaker = Breaker()
    breaker.refused(4042, "", 0.0)
    breaker.reset()

    assert breaker.admit(0.0) is None


def test_looking_uses_up_no_try() -> None:
    """Whoever is refused for another reason must not take the one login that decides for all."""
    breaker = Breaker(pause_seconds=300.0)
    breaker.refused(143, "", 0.0)

    assert breaker.refusal(299.0) is not None
    assert breaker.seconds_left(299.0) == 1.0
    assert breaker.refusal(300.0) is None
    assert breaker.refusal(300.0) is None
    assert breaker.admit(300.0) is None
    assert breaker.refusal(300.0) is not None
    breaker.reset()
    assert breaker.refusal(300.0) is None
    assert breaker.seconds_left(300.0) == 0.0


def test_a_try_that_never_reached_the_counter_is_given_back() -> None:
    """The next login has it at once; who has no try, or gave it back before, cannot give back another's."""
    breaker, first, second = Breaker(pause_seconds=300.0), object(), object()
    breaker.refused(143, "", 0.0)
    assert breaker.admit(300.0, first) is None
    breaker.give_back(300.0, second)
    assert breaker.admit(300.0, second) is not None

    breaker.give_back(300.0, first)
    assert breaker.admit(300.0, second) is None
    breaker.give_back(300.0, first)
    assert breaker.admit(300.0, first) is not None
    assert breaker.alarm is not None


def test_a_try_whose_answer_was_not_waited_for_is_given_back_a_little_later() -> None:
    """It may have made things worse, so not at once; but one who breaks off each of them keeps no one out for the pause."""
    breaker, first = Breaker(pause_seconds=300.0), object()
    breaker.refused(143, "", 0.0)
    breaker.admit(300.0, first)
    breaker.asked()

    breaker.give_back(301.0, first)

    assert breaker.admit(310.0) is not None
    assert breaker.admit(311.0) is None


def test_a_try_that_was_answered_is_not_given_back() -> None:
    """The counter has decided."""
    breaker, first = Breaker(pause_seconds=300.0), object()
    breaker.refused(143, "", 0.0)
    breaker.admit(300.0, first)
    breaker.asked()
    breaker.refused(143, "", 301.0)

    breaker.give_back(302.0, first)

    assert breaker.admit(600.0) is not None
