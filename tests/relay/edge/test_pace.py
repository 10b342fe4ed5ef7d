"""Who goes to gRPC next: places in turn, each at its own rate, all at one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.edge import pace as pace_module
from relay.edge.pace import AT_ONCE, Pace, PaceLimits

LIMITS = PaceLimits(total=100.0, at_place=20.0)


def went(pace: Pace[str], now: float) -> list[str]:
    going = []
    while (one := pace.next(now)) is not None:
        going.append(one)
    return going


def went_within(pace: Pace[str], begin: float, seconds: float) -> list[str]:
    now, going = begin, went(pace, begin)
    while (wait := pace.wait(now)) is not None and now + wait <= begin + seconds:
        now += max(wait, 1e-6)
        going += went(pace, now)
    return going


def test_a_branch_office_goes_at_the_rate_of_all() -> None:
    """Fifty terminals behind one address; few at once, so that their handshakes hold up no order."""
    pace: Pace[str] = Pace(LIMITS)
    for number in range(50):
        pace.ask(f"{number}", "office", known=False)

    assert len(went(pace, 0.0)) == 10
    assert went_within(pace, 0.0, 0.41) == [f"{number}" for number in range(10, 50)]
    assert pace.wait(0.5) is None


def test_a_place_that_has_used_up_its_own_waits_and_others_do_not() -> None:
    """At its own rate from then on."""
    pace: Pace[str] = Pace(LIMITS)
    for number in range(AT_ONCE + 40):
        pace.ask(f"flood {number}", "flood", known=False)
    before = len(went_within(pace, 0.0, 1.0))
    assert AT_ONCE <= before <= AT_ONCE + 20

    pace.ask("home", "home", known=False)

    assert went(pace, 1.0) == ["home"]
    assert abs(len(went_within(pace, 1.0, 0.5)) - 10) <= 1


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.0])
def test_among_many_a_newcomer_is_next(seconds: float) -> None:
    """A hundred addresses wait behind one that comes later, whether or not they went before."""
    pace: Pace[str] = Pace(LIMITS)
    flood = [f"flood {number}" for number in range(100)]
    for number in range(4):
        for place in flood:
            pace.ask(f"{place} {number}", place, known=False)
    went_within(pace, 0.0, seconds)
    pace.ask("home", "home", known=False)

    assert went(pace, seconds + 0.011)[0] == "home"


def test_known_places_go_before_others_and_have_a_rate_of_their_own() -> None:
    """A thousand terminals that come back after a restart are not held up by strangers."""
    pace: Pace[str] = Pace(LIMITS)
    for number in range(1000):
        pace.ask(f"stranger {number}", f"strange {number}", known=False)
        pace.ask(f"terminal {number}", f"office {number % 40}", known=True)

    first = went(pace, 0.0)
    later = went_within(pace, 0.0, 1.0)

    assert [one.startswith("terminal") for one in first] == [True] * 40 + [False] * 10
    assert abs(sum(one.startswith("terminal") for one in later) - 400) <= 1
    assert abs(sum(one.startswith("stranger") for one in later) - 100) <= 1


def test_a_newcomer_is_looked_at_only_where_its_own_turn_may_have_come() -> None:
    """What known places have left does not make each stranger of a flood a look at all that wait."""
    pace: Pace[str] = Pace(LIMITS)
    for number in range(400):
        pace.ask(f"{number}", f"place {number}", known=False)
    went(pace, 0.0)
    pace.ask("home", "home", known=True)
    pace.ask("alone", "alone", known=False)

    assert not pace.is_ready("alone", 0.0)
    assert pace.is_ready("home", 0.0)
    assert pace.is_ready("alone", 0.02)
    assert not pace.is_ready("elsewhere", 0.02)


def test_a_place_beyond_its_rate_is_not_looked_at_though_others_may_go() -> None:
    """A flood from one address costs no look at each of its connections."""
    pace: Pace[str] = Pace(LIMITS)
    for number in range(AT_ONCE + 5):
        pace.ask(f"{number}", "flood", known=False)
    went(pace, 0.0)

    assert not pace.is_ready("flood", 0.0)


def test_one_that_leaves_takes_no_turn() -> None:
    """It hung up while it waited."""
    pace: Pace[str] = Pace(LIMITS)
    pace.ask("gone", "home", known=False)
    pace.ask("there", "home", known=False)
    pace.leave("gone")
    pace.leave("gone")

    assert went(pace, 0.0) == ["there"]
    assert len(pace) == 0


def test_places_are_forgotten_in_the_order_they_went() -> None:
    """A flood from made-up networks takes no memory."""
    pace: Pace[str] = Pace(PaceLimits(1e6, 1e6))
    for number in range(pace_module._REMEMBERED + 500):
        pace.ask("one", f"{number}", known=False)
        assert went(pace, 0.0) == ["one"]

    assert len(pace._buckets) <= pace_module._REMEMBERED + 1
    assert len(pace._turns) <= pace_module._REMEMBERED + 1


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 0.5)), min_size=1, max_size=150))
def test_no_place_exceeds_its_rate_and_no_one_is_forgotten(asks: list[tuple[int, float]]) -> None:
    """However they come; everybody goes in the end, each place in its own order."""
    pace: Pace[tuple[int, int]] = Pace(PaceLimits(total=10.0, at_place=2.0))
    now, gone, times = 0.0, list[tuple[int, int]](), dict[int, int]()
    for number, (place, after) in enumerate(asks):
        now += after
        pace.ask((place, number), f"{place}", known=place == 0)
        while (one := pace.next(now)) is not None:
            gone.append(one)
            times[one[0]] = times.get(one[0], 0) + 1
            assert times[one[0]] <= AT_ONCE + 2.0 * now + 1
    while (wait := pace.wait(now)) is not None:
        now += max(wait, 1e-6)
        while (one := pace.next(now)) is not None:
            gone.append(one)

    assert len(gone) == len(asks)
    assert all(
        [number for at, number in gone if at == place] == sorted(number for at, number in gone if at == place)
        for place in range(5)
    )


def test_another_pace_holds_at_once() -> None:
    """After a reload."""
    pace: Pace[str] = Pace(LIMITS)
    for number in range(300):
        pace.ask(f"{number}", f"place {number % 10}", known=False)
    assert len(went_within(pace, 0.0, 1.0)) > 100

    pace.take_limits(PaceLimits(total=10.0, at_place=20.0))

    assert len(went_within(pace, 1.0, 1.0)) <= 11
