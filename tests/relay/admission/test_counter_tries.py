"""How few wrong passwords reach the counter, and who may send one when strangers have used up their share."""

from __future__ import annotations

from relay.admission.counter_tries import ALL_PLACES, PLACE_SHARE, CounterTries, Try, Turn

CTP_LOCKS_AT, CTP_LOCKS_THE_ADDRESS_AT = 6, 5000
STRANGER = Try("10001", "198.51.100.7")
AT_HOME = Try("10001", "192.0.2.1", known=True)
GUESS, RIGHT = Try("10001", "198.51.100.7", right=False), Try("10001", "203.0.113.9", right=True)
TYPED_WRONG = Try("10001", "192.0.2.1", known=True, right=False)


def tries(**more: float) -> CounterTries:
    return CounterTries(5, kept=2, memory_seconds=more.get("memory_seconds", 86400.0))


def sent(counter: CounterTries, attempt: Try, times: int, now: float = 0.0) -> int:
    """How many of these wrong passwords reach the counter."""
    count = 0
    for _ in range(times):
        if counter.turn(attempt, now) is Turn.GO:
            counter.begun(attempt.investor_id, now)
            counter.wrong(attempt, now)
            count += 1
    return count


def test_fewer_wrong_passwords_reach_the_counter_than_it_locks_at() -> None:
    """From however many addresses, however long they wait, whether or not the right one is known."""
    for attempts in ((STRANGER, AT_HOME), (GUESS, TYPED_WRONG, RIGHT), (STRANGER, AT_HOME, GUESS, TYPED_WRONG, RIGHT)):
        counter, count = tries(), 0
        for hour in range(20):
            count += sum(sent(counter, attempt, 2, hour * 3600.0) for attempt in attempts)

        assert count == 5 < CTP_LOCKS_AT


def test_strangers_leave_the_last_tries_to_places_the_investor_is_known_from() -> None:
    """No one elsewhere can shut him out there; his right password gives all a new count, as at the counter."""
    counter = tries()

    assert sent(counter, STRANGER, 9) == 3
    assert counter.turn(STRANGER, 1.0) is Turn.LOCKED
    assert counter.seconds_left(STRANGER, 1.0) == 86399.0
    assert counter.turn(AT_HOME, 1.0) is Turn.GO
    assert counter.turn(Try("10002", "198.51.100.7"), 1.0) is Turn.GO
    counter.begun("10001", 1.0)
    counter.right("10001")
    assert counter.turn(STRANGER, 2.0) is Turn.GO
    assert counter._tries == {}


def test_the_right_password_goes_to_the_counter_from_everywhere() -> None:
    """Strangers have used up theirs, and he mistyped at home as often as he may: the last try is the right one's."""
    counter = tries()
    assert sent(counter, GUESS, 9) == 2
    assert sent(counter, TYPED_WRONG, 9) == 2

    assert counter.turn(TYPED_WRONG, 1.0) is Turn.LOCKED
    assert counter.turn(RIGHT, 1.0) is Turn.GO
    assert sent(counter, RIGHT, 9) == 1, "it was changed elsewhere: not even this one reaches the counter's lock"
    assert counter.turn(RIGHT, 1.0) is Turn.LOCKED


def test_attempts_under_way_count_until_they_are_judged() -> None:
    """A burst of wrong passwords would pass the limit together; right ones only wait for one another."""
    counter = tries()
    for _ in range(3):
        assert counter.turn(STRANGER, 0.0) is Turn.GO
        counter.begun("10001", 0.0)

    assert counter.turn(STRANGER, 0.0) is Turn.WAIT
    counter.unjudged("10001")
    assert counter.turn(STRANGER, 0.0) is Turn.GO
    counter.begun("10001", 0.0)
    counter.wrong(STRANGER, 0.0)
    assert counter.turn(STRANGER, 0.0) is Turn.WAIT
    counter.right("10001")
    assert counter.turn(STRANGER, 0.0) is Turn.GO


def test_what_the_counter_has_forgotten_is_forgotten() -> None:
    """After the time it is taken to remember."""
    counter = tries(memory_seconds=100.0)
    sent(counter, STRANGER, 3)

    assert counter.turn(STRANGER, 99.0) is Turn.LOCKED
    assert counter.turn(STRANGER, 100.0) is Turn.GO


def test_made_up_investors_make_the_table_forget_no_one() -> None:
    """A record that were pushed out would let the next guesses pass the counter's own limit."""
    counter = tries()
    sent(counter, STRANGER, 3)
    for n in range(10_000):
        sent(counter, Try(f"made-up-{n}", f"203.0.{n % 100}.1"), 1)

    assert counter.turn(STRANGER, 1.0) is Turn.LOCKED
    assert len(counter._tries) <= ALL_PLACES


def test_strangers_cannot_lock_the_relays_address_at_the_counter() -> None:
    """It counts all wrong passwords of a day; a place has a share of them, and where the investor is known none is taken."""
    counter = tries()
    from_one = sum(sent(counter, Try(f"a{n}", "203.0.113.1"), 1) for n in range(1000))
    assert from_one == PLACE_SHARE
    assert counter.turn(Try("b", "203.0.113.2"), 0.0) is Turn.GO
    from_all = from_one + sum(sent(counter, Try(f"c{n}", f"198.51.{n % 200}.1"), 1) for n in range(9000))

    assert from_all == ALL_PLACES < CTP_LOCKS_THE_ADDRESS_AT
    assert counter.turn(Try("b", "203.0.113.2"), 0.0) is Turn.LOCKED
    assert counter.turn(Try("b", "203.0.113.2", right=True), 0.0) is Turn.GO
    assert counter.turn(Try("b", "203.0.113.2", known=True), 0.0) is Turn.GO
    assert {lock.subject for lock in counter.locked(0.0)} == {"new_investors_from_address", "new_investors"}
    assert [lock.subject for lock in counter.lift("203.0.113.1")] == ["new_investors_from_address"]
    assert counter.turn(Try("b", "203.0.113.2"), 0.0) is Turn.GO
    assert counter.turn(Try("b", "203.0.113.2"), 86401.0) is Turn.GO
    assert counter.locked(86401.0) == ()


def test_what_is_over_is_swept_out() -> None:
    """Names are not kept longer than the counter is taken to remember."""
    counter = tries(memory_seconds=10.0)
    for n in range(1500):
        sent(counter, Try(f"made-up-{n}", f"203.0.{n % 100}.1"), 1, now=float(n))

    assert len(counter._tries) < 600


def test_the_operator_sees_and_lifts_the_counters_tries() -> None:
    """And reads whether the investor is shut out everywhere or at new addresses only."""
    counter = tries()
    sent(counter, STRANGER, 3)
    assert [lock.subject for lock in counter.locked(0.0)] == ["investor_at_counter_from_new_addresses"]
    sent(counter, AT_HOME, 2)

    assert [(lock.subject, lock.name) for lock in counter.locked(0.0)] == [("investor_at_counter", "10001")]
    assert counter.lift("10001")
    assert counter.turn(STRANGER, 0.0) is Turn.GO
    assert counter.lift("10001") == ()
