"""A field number, once given, is never another field's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.field_numbers import FieldNumbers, NameCollision

NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)


def test_numbers_follow_the_first_order() -> None:
    """A new message's fields are numbered from 1 as they stand in the struct."""
    assert FieldNumbers().number("Leg", ["b", "a"]) == {"b": 1, "a": 2}


@given(st.lists(NAMES, min_size=1))
def test_a_number_never_changes_hands(upgrades: list[list[str]]) -> None:
    """Through any number of upgrades, by way of the file, each name keeps its number and no number has two names."""
    numbers = FieldNumbers()
    seen: dict[str, int] = {}

    for names in upgrades:
        given_now = numbers.number("Leg", names)
        assert given_now | seen == seen | given_now
        seen |= given_now
        assert len(set(seen.values())) == len(seen)
        assert numbers.retired("Leg", names) == {n: seen[n] for n in seen if n not in names}
        numbers = FieldNumbers.from_json(numbers.to_json())


def test_a_field_that_comes_back_has_its_number() -> None:
    """CTP removed it in one version and brought it back in the next."""
    numbers = FieldNumbers({"Leg": {"a": 1, "b": 2}})

    numbers.number("Leg", ["b", "c"])

    assert numbers.number("Leg", ["a", "b", "c"]) == {"a": 1, "b": 2, "c": 3}


def test_messages_that_are_gone_stay_in_the_file() -> None:
    """Their numbers wait for them."""
    numbers = FieldNumbers({"Gone": {"a": 7}})
    numbers.number("Leg", ["a"])

    assert FieldNumbers.from_json(numbers.to_json()).number("Gone", ["b", "a"]) == {"b": 8, "a": 7}


def test_two_fields_of_one_name_stop_the_generator() -> None:
    """CTP's names may differ only in capitals; the messages' may not."""
    with pytest.raises(NameCollision, match="message Leg: two fields are called broker_id"):
        FieldNumbers().number("Leg", ["broker_id", "price", "broker_id"])
