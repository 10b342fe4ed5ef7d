"""Whose failed logins lock or slow whom, and that made-up names push out no one else's."""

from __future__ import annotations

from relay.admission.login_attempts import FIRST_PAUSE_SECONDS, AttemptLimit, LoginAttempts, Subject, Who

GUESSER = Who("10001", "client_a_1", "198.51.100.7")
ALL = tuple(Subject)
LIMITS = {
    Subject.INVESTOR_HERE: AttemptLimit(3, 60.0, 300.0),
    Subject.APP_ID_HERE: AttemptLimit(100, 60.0, 4.0),
    Subject.ADDRESS: AttemptLimit(5, 60.0, 4.0),
    Subject.INVESTOR: AttemptLimit(10, 60.0, 4.0),
}


def guess(attempts: LoginAttempts, times: int, who: Who = GUESSER, start: float = 0.0) -> None:
    for n in range(times):
        attempts.failed(who, ALL, start + n)


def test_a_guesser_is_locked_out_and_hears_how_long() -> None:
    """The third failure locks; the refusal says when to come back."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 2)

    assert attempts.refusal(GUESSER, 2.0) is None
    assert attempts.tries_left_here(GUESSER, 2.0) == 1
    assert [lock.subject for lock in attempts.failed(GUESSER, ALL, 2.0)] == ["investor_at_address"]
    refusal = attempts.refusal(GUESSER, 100.0)
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after_seconds) == ("locked_out", 202)
    assert attempts.refusal(GUESSER, 302.0) is None


def test_a_lock_is_on_the_investor_at_his_address() -> None:
    """Neither the investor elsewhere nor others at this address are shut out by three wrong passwords."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 3)

    assert attempts.refusal(GUESSER, 3.0)
    assert attempts.refusal(Who("10001", "client_a_1", "203.0.113.1"), 3.0) is None
    assert attempts.refusal(Who("10002", "client_a_1", "198.51.100.7"), 3.0) is None


def test_guesses_from_many_addresses_slow_the_investor_and_lock_him_nowhere() -> None:
    """Each pause is twice the one before, up to a bound, and one login goes after the other."""
    attempts, pauses = LoginAttempts(LIMITS), []
    anywhere = Who("10001", "client_a_1", "192.0.2.1")
    for n in range(17):
        if attempts.is_slowed(anywhere, 10.0):
            attempts.begun(anywhere, 10.0)
            pauses.append(attempts.due(anywhere, 10.0) - 10.0)
        attempts.failed(Who("10001", "client_a_1", f"203.0.113.{n}"), ALL, 10.0)

    assert pauses == [FIRST_PAUSE_SECONDS, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert attempts.refusal(anywhere, 10.0) is None
    assert attempts.due(Who("10002", "client_a_1", "192.0.2.1"), 10.0) == 10.0


def test_an_address_that_tries_many_investors_is_slowed() -> None:
    """No single investor reaches a limit; another address is not slowed."""
    attempts = LoginAttempts(LIMITS)
    for n in range(5):
        attempts.failed(Who(f"{n}", "client_a_1", "198.51.100.7"), (Subject.ADDRESS,), float(n))

    assert attempts.is_slowed(Who("77", "other", "198.51.100.7"), 5.0)
    assert not attempts.is_slowed(Who("77", "other", "198.51.100.8"), 5.0)
    assert attempts.failures_at("198.51.100.7") == 5


def test_old_failures_do_not_count() -> None:
    """Three failures in three days are no guessing, and slowing ends with the window."""
    attempts = LoginAttempts(LIMITS)
    for n in range(3):
        attempts.failed(GUESSER, ALL, n * 60.0)
    guess(attempts, 5, Who("7", "b", "203.0.113.1"), start=200.0)

    assert attempts.refusal(GUESSER, 121.0) is None
    assert attempts.is_slowed(Who("8", "b", "203.0.113.1"), 205.0)
    assert not attempts.is_slowed(Who("8", "b", "203.0.113.1"), 300.0)


def test_a_success_forgives_the_investor_not_the_address() -> None:
    """Else a guesser with one account of his own could go on at full speed."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 2)
    attempts.succeeded(GUESSER)
    guess(attempts, 2, start=10.0)
    assert attempts.refusal(GUESSER, 12.0) is None

    attempts.failed(GUESSER, (Subject.ADDRESS,), 13.0)
    assert attempts.is_slowed(GUESSER, 14.0)


def test_an_operator_sees_locks_and_slowing_and_lifts_them() -> None:
    """By the investor, the app id or the address; no one else's."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 3)
    guess(attempts, 3, Who("10002", "client_a_1", "203.0.113.1"))
    for n in range(5):
        attempts.failed(Who(f"{n}", "b", "192.0.2.1"), (Subject.ADDRESS,), float(n))

    first, second, slowed = attempts.locked(4.0)
    assert (first.subject, first.name, first.seconds_left) == ("investor_at_address", "10001 198.51.100.7", 298.0)
    assert second.name == "10002 203.0.113.1"
    assert (slowed.subject, slowed.name, slowed.seconds_left) == ("address_slowed", "192.0.2.1", 56.0)
    assert {lock.subject for lock in attempts.lift("10001")} == {"investor_at_address", "investor_slowed"}
    assert attempts.refusal(GUESSER, 3.0) is None
    assert attempts.lift("203.0.113.1")
    assert attempts.lift("192.0.2.1")
    assert attempts.locked(3.0) == ()
    assert attempts.lift("10001") == ()


def test_made_up_names_push_out_neither_locks_nor_failures_of_others() -> None:
    """A place has a share of the table; what it makes up drives out its own records, and its own locks last."""
    attempts = LoginAttempts(LIMITS, share=10, places=100)
    guess(attempts, 3)
    guess(attempts, 2, Who("10002", "client_a_1", "192.0.2.5"))
    flood = "203.0.113.1"
    guess(attempts, 3, Who("10003", "a", flood))
    for n in range(1000):
        attempts.failed(Who(f"made-up-{n}", "a", flood), ALL, 5.0)

    assert len(attempts) == 18
    assert attempts.refusal(GUESSER, 6.0), "another place's lock"
    assert attempts.tries_left_here(Who("10002", "client_a_1", "192.0.2.5"), 6.0) == 1, "another place's failures"
    assert attempts.refusal(Who("10003", "a", flood), 6.0), "the flooding place's own lock"


def test_many_places_that_flood_make_room_among_themselves() -> None:
    """What failed longest ago goes first, locks last of all."""
    attempts = LoginAttempts(LIMITS, share=10, places=10)
    guess(attempts, 3)
    for n in range(500):
        attempts.failed(Who(f"made-up-{n}", "a", f"203.0.113.{n % 50}"), (Subject.INVESTOR,), 5.0)

    assert len(attempts) == 10
    assert attempts.refusal(GUESSER, 6.0)


def test_only_the_failure_that_locks_says_so() -> None:
    """An operator's log would have a lock for every wrong password."""
    attempts = LoginAttempts(LIMITS)

    said = [attempts.failed(GUESSER, ALL, float(n)) for n in range(3)]

    assert [[lock.subject for lock in locks] for locks in said] == [[], [], ["investor_at_address"]]
