"""Which worker gets a connection, and how long one that ended stays away."""

from __future__ import annotations

from relay.edge.handed import Room
from relay.workers.choice import Seat, best_seat
from relay.workers.pauses import FIRST_SECONDS, GOOD_SECONDS, LONGEST_SECONDS, RestartPauses


def seat(room: int, *, given: int = 0, taken: int | None = None, ready: bool = True) -> Seat:
    return Seat(Room(given if taken is None else taken, room, ready), given)


def test_the_one_with_most_room_gets_it() -> None:
    """Connections on their way count, so a burst does not go to one."""
    assert best_seat({1: seat(10), 2: seat(11)}) == 2
    assert best_seat({1: seat(10), 2: seat(11, given=5, taken=3)}) == 1


def test_of_equals_the_one_given_fewest_gets_it() -> None:
    """So that equal workers take turns."""
    assert best_seat({1: seat(10, given=7), 2: seat(10, given=6), 3: seat(10, given=6)}) == 2


def test_a_full_one_gets_it_only_where_all_are_full() -> None:
    """It says that the relay is full; a connection that nobody takes says nothing."""
    assert best_seat({1: seat(0), 2: seat(1, given=90)}) == 2
    assert best_seat({1: seat(0), 2: seat(-1)}) == 1


def test_one_that_takes_no_logins_gets_it_only_where_none_does() -> None:
    """Room is of no use where a login would be refused."""
    assert best_seat({1: seat(50, ready=False), 2: seat(1)}) == 2
    assert best_seat({1: seat(50, ready=False), 2: seat(60, ready=False)}) == 2
    assert best_seat({}) is None


def test_each_early_end_doubles_the_pause() -> None:
    """Up to a bound; who served for long begins anew."""
    pauses = RestartPauses()
    found = [pauses.after(1.0) for _ in range(9)]
    again = pauses.after(GOOD_SECONDS)

    assert found[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert found[-1] == LONGEST_SECONDS
    assert again == FIRST_SECONDS
