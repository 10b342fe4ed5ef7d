"""When the relay stops logging in: one who fails, and everybody after an alarm."""

from __future__ import annotations

import pytest

from relay.domain.breaker import (
    DEFAULT_LIMITS,
    WHOLE_RELAY,
    AttemptLimit,
    Breaker,
    BreakerState,
    LoginAttempts,
    Subject,
)

GUESSER = {Subject.INVESTOR: "9999/10001", Subject.APP_ID: "client_a_1", Subject.IP: "198.51.100.7"}
LIMITS = {
    Subject.INVESTOR: AttemptLimit(3, 60.0, 300.0),
    Subject.APP_ID: AttemptLimit(100, 60.0, 10.0),
    Subject.IP: AttemptLimit(5, 60.0, 30.0),
}


def guess(attempts: LoginAttempts, times: int, who: dict[Subject, str] = GUESSER, start: float = 0.0) -> None:
    for n in range(times):
        attempts.failed(who, start + n)


def test_an_investor_is_locked_before_ctp_locks() -> None:
    """CTP's own lock comes at 6 failures at the earliest; the relay's default comes before."""
    assert DEFAULT_LIMITS[Subject.INVESTOR].failures < 6


def test_a_guesser_is_locked_out_and_told_how_long() -> None:
    """The third failure locks; the refusal says when to come back."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 2)

    assert attempts.refusal(GUESSER, 2.0) is None
    assert attempts.failed(GUESSER, 2.0) == (Subject.INVESTOR,)
    refusal = attempts.refusal(GUESSER, 100.0)
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after_seconds) == ("locked_out", 202)
    assert attempts.refusal(GUESSER, 302.0) is None


def test_the_investor_is_locked_from_every_address_and_others_are_not() -> None:
    """A lock is on the name that failed."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 3)

    assert attempts.refusal({**GUESSER, Subject.IP: "203.0.113.1"}, 3.0)
    assert attempts.refusal({**GUESSER, Subject.INVESTOR: "9999/10002"}, 3.0) is None


def test_an_address_that_tries_many_investors_is_locked() -> None:
    """Behind the relay all share one address towards CTP: whoever tries them all endangers them all."""
    attempts = LoginAttempts(LIMITS)
    for n in range(5):
        attempts.failed({Subject.INVESTOR: f"9999/{n}", Subject.IP: "198.51.100.7"}, float(n))

    assert attempts.refusal({Subject.INVESTOR: "9999/77", Subject.IP: "198.51.100.7"}, 5.0)


def test_old_failures_do_not_count() -> None:
    """Three failures in three days are no guessing."""
    attempts = LoginAttempts(LIMITS)
    for n in range(3):
        attempts.failed(GUESSER, n * 60.0)

    assert attempts.refusal(GUESSER, 121.0) is None


def test_a_success_forgives_the_investor_not_the_address() -> None:
    """Else a guesser with one account of his own could go on for ever."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 2)
    attempts.succeeded(GUESSER)
    guess(attempts, 2, start=10.0)
    assert attempts.refusal(GUESSER, 12.0) is None

    attempts.failed({Subject.IP: GUESSER[Subject.IP]}, 13.0)
    assert attempts.refusal({Subject.IP: GUESSER[Subject.IP]}, 14.0)


def test_an_operator_sees_and_lifts_a_lock() -> None:
    """The list names who and until when."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 3)

    assert attempts.locked(3.0) == ((Subject.INVESTOR, "9999/10001", 302.0),)
    assert attempts.unlock(Subject.INVESTOR, "9999/10001")
    assert attempts.refusal(GUESSER, 3.0) is None
    assert not attempts.unlock(Subject.INVESTOR, "9999/10001")


def test_guessed_names_do_not_fill_the_memory() -> None:
    """The longest unseen are forgotten first."""
    attempts = LoginAttempts(LIMITS, subjects=10)
    for n in range(1000):
        attempts.failed({Subject.INVESTOR: f"{n}"}, float(n))

    assert len(attempts._records) == 10


@pytest.mark.parametrize("error_id", sorted(WHOLE_RELAY))
def test_an_error_of_the_whole_relay_stops_all_logins(error_id: int) -> None:
    """DOMAIN 4.2: each of these gets worse with every further login."""
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
    breaker.succeeded()
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
