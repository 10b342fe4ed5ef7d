"""Lanes take turns."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.counter.ctp.pacing.turns import Turns


def test_each_lane_is_served_once_a_round() -> None:
    """Two items of one lane have another lane's item between them."""
    turns: Turns[str] = Turns()
    for lane, item in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")):
        turns.push(lane, item)

    assert [turns.pop() for _ in range(4)] == ["a1", "b1", "a2", "a3"]


def test_what_is_pushed_back_is_next() -> None:
    """It had its turn already."""
    turns: Turns[str] = Turns()
    turns.push("a", "a1")
    turns.push("b", "b1")
    turns.push_back("b", "again")

    assert [turns.pop() for _ in range(3)] == ["again", "a1", "b1"]


def test_the_urgent_goes_first_within_its_lane_only() -> None:
    """Another lane is served in its turn."""
    turns: Turns[str] = Turns()
    for lane, item, urgency in (("a", "a later", 1), ("b", "b later", 1), ("a", "a now", 0), ("a", "a also now", 0)):
        turns.push(lane, item, urgency)

    assert turns.ahead("b") == 1
    assert turns.ahead("a", 1) == 4
    assert [turns.pop() for _ in range(4)] == ["a now", "b later", "a also now", "a later"]


def test_removing_what_does_not_wait_is_an_error() -> None:
    """The caller has lost count."""
    with pytest.raises(ValueError, match="not in deque"):
        Turns[str]().remove("a", "a1")


_WHO = st.tuples(st.sampled_from("abc"), st.integers(0, 2))


@given(st.lists(st.tuples(st.sampled_from(["push", "push_back", "pop", "drop", "remove"]), _WHO), max_size=60), _WHO)
def test_how_many_are_ahead_is_known_without_looking_at_all(
    steps: list[tuple[str, tuple[str, int]]], new: tuple[str, int]
) -> None:
    """The lane's own items that go first; and one item more than those of each other lane, as far as it has them."""
    turns: Turns[int] = Turns()
    model: dict[int, tuple[str, int]] = {}
    for number, (step, (lane, urgency)) in enumerate(steps):
        mine = [item for item, who in model.items() if who == (lane, urgency)]
        if step.startswith("push"):
            getattr(turns, step)(lane, number, urgency)
            model[number] = lane, urgency
        elif step == "pop" and model:
            del model[turns.pop()]
        elif step == "remove" and mine:
            turns.remove(lane, mine[0], urgency)
            del model[mine[0]]
        elif step == "drop":
            for item in turns.drop(lane):
                del model[item]

    waiting = Counter(lane for lane, _ in model.values())
    own = sum(lane == new[0] and urgency <= new[1] for lane, urgency in model.values())
    others = sum(min(waiting[lane], own + 1) for lane in "abc" if lane != new[0])
    assert turns.ahead(*new) == own + others
    assert ({lane: turns.of(lane) for lane in waiting}, len(turns)) == (waiting, len(model))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=30), st.sampled_from("abc"))
def test_nothing_is_lost_and_each_lane_keeps_its_order(items: list[tuple[str, int]], dropped: str) -> None:
    """For any items: dropping one lane leaves the others' as they came."""
    turns: Turns[tuple[str, int]] = Turns()
    for item in items:
        turns.push(item[0], item)

    assert list(turns.drop(dropped)) == [item for item in items if item[0] == dropped]
    rest = [turns.pop() for _ in range(len(turns))]
    for lane in "abc":
        assert [i for i in rest if i[0] == lane] == [i for i in items if i[0] == lane and lane != dropped]
