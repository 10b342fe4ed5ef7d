"""Lanes take turns."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.counter.ctp.pacing.turns import Turns


def test_each_lane_is_served_once_a_round() -> None:
    """Two items of one sender have another sender's item between them."""
    turns: Turns[str] = Turns()
    for sender, item in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")):
        turns.push(sender, item)

    assert [turns.pop() for _ in range(4)] == ["a1", "b1", "a2", "a3"]


def test_what_is_pushed_back_is_next() -> None:
    """It had its turn already."""
    turns: Turns[str] = Turns()
    turns.push("a", "a1")
    turns.push("b", "b1")
    turns.push_back("b", "again")

    assert [turns.pop() for _ in range(3)] == ["again", "a1", "b1"]


def test_the_urgent_goes_first_within_its_lane_only() -> None:
    """Another sender is served in its turn."""
    turns: Turns[str] = Turns()
    for sender, item, urgency in (("a", "a later", 1), ("b", "b later", 1), ("a", "a now", 0), ("a", "a also now", 0)):
        turns.push(sender, item, urgency)

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
    """The sender's own items that go first; and one item more than those of each other sender, as far as it has them."""
    turns: Turns[int] = Turns()
    model: dict[int, tuple[str, int]] = {}
    for number, (step, (sender, urgency)) in enumerate(steps):
        mine = [item for item, who in model.items() if who == (sender, urgency)]
        if step.startswith("push"):
            getattr(turns, step)(sender, number, urgency)
            model[number] = sender, urgency
        elif step == "pop" and model:
            del model[turns.pop()]
        elif step == "remove" and mine:
            turns.remove(sender, mine[0], urgency)
            del model[mine[0]]
        elif step == "drop":
            for item in turns.drop(sender):
                del model[item]

    waiting = Counter(sender for sender, _ in model.values())
    own = sum(sender == new[0] and urgency <= new[1] for sender, urgency in model.values())
    others = sum(min(waiting[sender], own + 1) for sender in "abc" if sender != new[0])
    assert turns.ahead(*new) == own + others
    assert ({sender: turns.of(sender) for sender in waiting}, len(turns)) == (waiting, len(model))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=30), st.sampled_from("abc"))
def test_nothing_is_lost_and_each_lane_keeps_its_order(items: list[tuple[str, int]], dropped: str) -> None:
    """For any items: dropping one sender leaves the others' as they came."""
    turns: Turns[tuple[str, int]] = Turns()
    for item in items:
        turns.push(item[0], item)

    assert list(turns.drop(dropped)) == [item for item in items if item[0] == dropped]
    rest = [turns.pop() for _ in range(len(turns))]
    for sender in "abc":
        assert [i for i in rest if i[0] == sender] == [i for i in items if i[0] == sender and sender != dropped]
