"""Places for strangers: a flood takes room from itself."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from relay.edge.shares import KNOWN_FREE, ShareLimits, Shares

PLACES = st.sampled_from([f"203.0.113.{number}" for number in range(6)])
STEPS = st.lists(st.tuples(st.sampled_from(["enter", "leave"]), PLACES, st.booleans()), max_size=120)


def shares(total: int = 6, at_place: int = 4) -> Shares[int]:
    return Shares(ShareLimits(total, at_place))


@given(STEPS)
def test_bounds_hold_whatever_comes(steps: list[tuple[str, str, bool]]) -> None:
    """In all and for each place; the one that gives way is of a place that held most, and its oldest."""
    of, held = shares(), dict[int, str]()
    known = {place: number % 2 == 0 for number, place in enumerate(sorted({place for _, place, _ in steps}))}
    for key, (step, place, first) in enumerate(steps):
        mine = [other for other, where in held.items() if where == place]
        if step == "leave" and mine:
            of.leave(mine[0] if first else mine[-1])
            del held[mine[0] if first else mine[-1]]
        elif step == "enter":
            gives_way = of.enter(key, place, known=known[place])
            if gives_way is None:
                continue
            held[key] = place
            for other in gives_way:
                counts = Counter(held.values())
                strange = [count for where, count in counts.items() if not known[where]]
                where = held.pop(other)
                assert not known[where] or not strange
                assert known[where] or counts[where] == max(strange)
                assert all(before > other for before, at in held.items() if at == where)
        assert len(of) == len(held) <= 6
        assert all(of.held_at(where) == count <= 4 for where, count in Counter(held.values()).items())


def test_a_flood_from_one_place_takes_room_from_itself() -> None:
    """It is the fullest."""
    of = shares(total=10, at_place=8)
    for number in range(8):
        assert of.enter(number, "flood") == []
    of.enter(100, "office")
    of.enter(101, "office")

    assert of.enter(102, "home") == [0]
    assert of.enter(103, "home") == [1]
    assert of.held_at("flood") == 6


def test_a_place_at_its_bound_is_refused() -> None:
    """And nothing of another place gives way for it."""
    of = shares(total=10, at_place=2)
    of.enter(1, "flood")
    of.enter(2, "flood")

    assert of.enter(3, "flood") is None
    assert len(of) == 2


def test_a_known_place_counts_with_what_it_holds_beyond_a_branch_office() -> None:
    """A flood from strange addresses takes nothing from it; a flood from its own address does."""
    of = shares(total=KNOWN_FREE + 2, at_place=KNOWN_FREE + 2)
    for number in range(KNOWN_FREE):
        of.enter(number, "office", known=True)
    of.enter(1000, "flood 1")
    of.enter(1001, "flood 2")
    assert of.enter(1002, "flood 3") == [1000]

    crowded = shares(total=KNOWN_FREE + 4, at_place=KNOWN_FREE + 4)
    for number in range(KNOWN_FREE + 3):
        crowded.enter(number, "office", known=True)
    crowded.enter(1000, "home")

    assert crowded.enter(1001, "another home") == [0]


def test_where_all_are_known_a_stranger_is_refused() -> None:
    """Known places give way last."""
    of = shares(total=2)
    of.enter(1, "office", known=True)
    of.enter(2, "home", known=True)

    assert of.enter(3, "stranger") is None
    assert len(of) == 2


def test_known_places_do_not_push_each_other_out() -> None:
    """A thousand terminals that come back together: those that are let in are served, the others come again."""
    of = shares(total=20)

    let_in = [number for number in range(1000) if of.enter(number, f"home {number}", known=True) == []]

    assert let_in == list(range(20))
    of.leave(7)
    assert of.enter(1000, "home 1000", known=True) == []


def test_a_known_place_gives_way_to_one_that_holds_less() -> None:
    """Somebody who shares an investor's address does not hold the places of all."""
    of = shares(total=8, at_place=8)
    for number in range(8):
        of.enter(number, "shared", known=True)

    assert of.enter(100, "home", known=True) == [0]
    assert of.enter(8, "shared", known=True) is None
    assert of.held_at("home") == 1


def test_who_would_be_the_fullest_is_refused_and_ends_no_other() -> None:
    """A flood that has its share makes no churn; somebody who comes alone still gets in."""
    held: Shares[str] = Shares(ShareLimits(total=4, at_place=4))
    for name in ("a1", "b1", "a2", "b2"):
        assert held.enter(name, name[0]) == []

    assert held.enter("a3", "a") is None
    assert [name in held for name in ("a1", "a2", "b1", "b2")] == [True] * 4
    assert len(held.enter("c1", "c") or ()) == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
def test_what_is_refused_for_sure_is_refused(steps: list[tuple[int, bool]]) -> None:
    """And of a place that is not known nothing else is."""
    held = shares(8, 4)
    for number, (place, leaves) in enumerate(steps):
        known = place == 0
        refused = held.refuses(f"{place}", known=known)
        entered = held.enter(number, f"{place}", known=known)
        assert (entered is None) or not refused
        assert refused or known or entered is not None
        if leaves:
            held.leave(number // 2)
