"""Whose failed logins lock whom, and how few wrong passwords reach the counter."""

from __future__ import annotations

from relay.admission.login_attempts import AttemptLimit, CounterTries, LoginAttempts, Subject, Turn, Who

CTP_LOCKS_AT = 6
GUESSER = Who("10001", "client_a_1", "198.51.100.7")
ALL = tuple(Subject)
LIMITS = {
    Subject.INVESTOR_HERE: AttemptLimit(3, 60.0, 300.0),
    Subject.APP_ID_HERE: AttemptLimit(100, 60.0, 10.0),
    Subject.ADDRESS: AttemptLimit(5, 60.0, 30.0),
    Subject.INVESTOR: AttemptLimit(10, 60.0, 300.0),
}


def guess(attempts: LoginAttempts, times: int, who: Who = GUESSER, start: float = 0.0) -> None:
    for n in range(times):
        attempts.failed(who, ALL, start + n)


def tries(**more: float) -> CounterTries:
    return CounterTries(5, kept=2, memory_seconds=more.get("memory_seconds", 86400.0))


def test_a_guesser_is_locked_out_and_told_how_long() -> None:
    """The third failure locks; the refusal says when to come back."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 2)

    assert attempts.refusal(GUESSER, ALL, 2.0) is None
    assert [lock.subject for lock in attempts.failed(GUESSER, ALL, 2.0)] == ["investor_at_address"]
    refusal = attempts.refusal(GUESSER, ALL, 100.0)
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after_seconds) == ("locked_out", 202)
    assert attempts.refusal(GUESSER, ALL, 302.0) is None


def test_a_lock_is_on_the_investor_at_his_address() -> None:
    """Neither the investor elsewhere nor others at this address are shut out by three wrong passwords."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 3)

    assert attempts.refusal(GUESSER, ALL, 3.0)
    assert attempts.refusal(Who("10001", "client_a_1", "203.0.113.1"), ALL, 3.0) is None
    assert attempts.refusal(Who("10002", "client_a_1", "198.51.100.7"), ALL, 3.0) is None


def test_guesses_from_many_addresses_lock_the_investor_far_later() -> None:
    """For those who ask about the investor as a whole; at a known address nobody does."""
    attempts = LoginAttempts(LIMITS)
    for n in range(10):
        attempts.failed(Who("10001", "client_a_1", f"203.0.113.{n}"), ALL, float(n))

    anywhere = Who("10001", "client_a_1", "192.0.2.1")
    assert attempts.refusal(anywhere, ALL, 10.0)
    assert attempts.refusal(anywhere, (Subject.INVESTOR_HERE,), 10.0) is None


def test_an_address_that_tries_many_investors_is_locked() -> None:
    """No single investor reaches a limit."""
    attempts = LoginAttempts(LIMITS)
    for n in range(5):
        attempts.failed(Who(f"{n}", "client_a_1", "198.51.100.7"), (Subject.ADDRESS,), float(n))

    assert attempts.refusal(Who("77", "other", "198.51.100.7"), ALL, 5.0)


def test_old_failures_do_not_count() -> None:
    """Three failures in three days are no guessing."""
    attempts = LoginAttempts(LIMITS)
    for n in range(3):
        attempts.failed(GUESSER, ALL, n * 60.0)

    assert attempts.refusal(GUESSER, ALL, 121.0) is None


def test_a_success_forgives_the_investor_not_the_address() -> None:
    """Else a guesser with one account of his own could go on for ever."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 2)
    attempts.succeeded(GUESSER)
    guess(attempts, 2, start=10.0)
    assert attempts.refusal(GUESSER, ALL, 12.0) is None

    attempts.failed(GUESSER, (Subject.ADDRESS,), 13.0)
    assert attempts.refusal(GUESSER, ALL, 14.0)


def test_an_operator_sees_and_lifts_a_lock() -> None:
    """By the investor, the app id or the address; nobody else's."""
    attempts = LoginAttempts(LIMITS)
    guess(attempts, 3)
    guess(attempts, 3, Who("10002", "client_a_1", "203.0.113.1"))

    (first, second) = attempts.locked(3.0)
    assert (first.subject, first.name, first.seconds_left) == ("investor_at_address", "10001 198.51.100.7", 299.0)
    assert second.name == "10002 203.0.113.1"
    assert {lock.subject for lock in attempts.lift("10001")} == {"investor_at_address", "investor"}
    assert attempts.refusal(GUESSER, ALL, 3.0) is None
    assert [lock.name for lock in attempts.locked(3.0)] == ["10002 203.0.113.1"]
    assert attempts.lift("203.0.113.1")
    assert attempts.locked(3.0) == ()
    assert attempts.lift("10001") == ()


def test_guessed_names_do_not_fill_the_memory() -> None:
    """The longest unseen are forgotten first."""
    attempts, counter = LoginAttempts(LIMITS, records=10), CounterTries(5, kept=2, memory_seconds=9.0, investors=10)
    for n in range(1000):
        attempts.failed(Who(f"{n}", "a", "b"), (Subject.INVESTOR,), float(n))
        counter.begun(f"{n}")
        counter.wrong(f"{n}", float(n))

    assert len(attempts._records) == 10
    assert len(counter._tries) == 10


def test_fewer_wrong_passwords_reach_the_counter_than_it_locks_at() -> None:
    """From however many addresses, and however long they wait between them."""
    counter, sent = tries(), 0
    for hour in range(20):
        for known in (False, True):
            if counter.turn("10001", hour * 3600.0, known=known) is Turn.GO:
                counter.begun("10001")
                counter.wrong("10001", hour * 3600.0)
                sent += 1

    assert sent == 5 < CTP_LOCKS_AT


def test_strangers_leave_the_last_tries_to_places_the_investor_is_known_from() -> None:
    """Nobody elsewhere can shut him out there; his right password gives everybody a new count, as at the counter."""
    counter = tries()
    for _ in range(3):
        counter.begun("10001")
        counter.wrong("10001", 0.0)

    assert counter.turn("10001", 1.0, known=False) is Turn.LOCKED
    assert counter.seconds_left("10001", 1.0, known=False) == 86399.0
    assert counter.turn("10001", 1.0, known=True) is Turn.GO
    assert counter.turn("10002", 1.0, known=False) is Turn.GO
    counter.begun("10001")
    counter.right("10001")
    assert counter.turn("10001", 2.0, known=False) is Turn.GO
    assert counter._tries == {}


def test_attempts_under_way_count_until_they_are_judged() -> None:
    """A burst of wrong passwords would pass the limit together; right ones only wait for one another."""
    counter = tries()
    for _ in range(3):
        assert counter.turn("10001", 0.0, known=False) is Turn.GO
        counter.begun("10001")

    assert counter.turn("10001", 0.0, known=False) is Turn.WAIT
    counter.unjudged("10001")
    assert counter.turn("10001", 0.0, known=False) is Turn.GO
    counter.begun("10001")
    counter.wrong("10001", 0.0)
    assert counter.turn("10001", 0.0, known=False) is Turn.WAIT
    counter.right("10001")
    assert counter.turn("10001", 0.0, known=False) is Turn.GO


def test_what_the_counter_has_forgotten_is_forgotten() -> None:
    """After the time it is taken to remember."""
    counter = tries(memory_seconds=100.0)
    for second in range(3):
        counter.begun("10001")
        counter.wrong("10001", float(second))

    assert counter.turn("10001", 99.0, known=False) is Turn.LOCKED
    assert counter.turn("10001", 100.0, known=False) is Turn.GO


def test_the_operator_sees_and_lifts_the_counters_tries() -> None:
    """And reads whether the investor is shut out everywhere or at new addresses only."""
    counter = tries()
    for _ in range(3):
        counter.begun("10001")
        counter.wrong("10001", 0.0)
    assert [lock.subject for lock in counter.locked(0.0)] == ["investor_at_counter_from_new_addresses"]
    for _ in range(2):
        counter.begun("10001")
        counter.wrong("10001", 0.0)

    assert [(lock.subject, lock.name) for lock in counter.locked(0.0)] == [("investor_at_counter", "10001")]
    assert counter.lift("10001")
    assert counter.turn("10001", 0.0, known=False) is Turn.GO
    assert counter.lift("10001") == ()
