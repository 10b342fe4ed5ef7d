"""The references of a day: how many there are, whose they are, and which are forgotten."""

from __future__ import annotations

from dataclasses import replace

from relay.counter.ctp.lanes.lane import Action, ActionMap, Lane
from relay.counter.ctp.lanes.ref_map import MapEntry, RefMap
from relay.counter.ctp.lanes.refs import RefCounter, RefSpace, greatest_ref, parse_ref
from tests.relay.counter.ctp.ctp_bodies import investor


def entry(number: int, investor_id: str = "100001", space: RefSpace = RefSpace.ORDER) -> MapEntry:
    return MapEntry(space, 1, 77, number, 5, 9_000, 9_001, str(number), 3, investor_id)


def at_counter(refs: RefMap, number: int) -> MapEntry | None:
    return refs.at_counter(RefSpace.ORDER, 1, 77, number)


def of_lane(refs: RefMap, number: int) -> MapEntry | None:
    return refs.of_lane(RefSpace.ORDER, 9_000, 9_001, number)


def test_every_reference_counts_once_and_for_its_investor() -> None:
    """Also where the same one is restored a second time; those of other kinds count as well."""
    refs = RefMap()
    for one in (entry(1), entry(2), entry(2), entry(1, space=RefSpace.QUOTE), entry(3, "100002")):
        refs.add(one)

    assert (len(refs), refs.used_by("100001"), refs.used_by("100002"), refs.used_by("100003")) == (4, 3, 1, 0)


def test_the_map_is_full_when_one_more_would_be_beyond_the_most() -> None:
    """With 2 of 4 there is room for two, not for three."""
    refs = RefMap()
    refs.add(entry(1))
    refs.add(entry(2))

    assert (refs.full(2, most=4), refs.full(3, most=4)) == (False, True)


def test_a_reference_that_was_never_sent_takes_no_room() -> None:
    """It is found by no name, and its investor has used one less; a second removal changes nothing."""
    refs = RefMap()
    refs.add(entry(1))
    refs.add(entry(2))

    refs.remove(entry(2))
    refs.remove(entry(2))

    assert (len(refs), refs.used_by("100001")) == (1, 1)
    assert (at_counter(refs, 2), of_lane(refs, 2)) == (None, None)
    assert (at_counter(refs, 1), of_lane(refs, 1)) == (entry(1), entry(1))


def test_an_order_of_another_process_is_known_and_takes_no_room() -> None:
    """It hides none of this process's: neither by the counter's name nor by the lane's."""
    refs = RefMap()
    ours = entry(1)
    refs.add(ours)

    refs.recall(replace(entry(1), investor_id="100002"))
    refs.recall(entry(8, "100002"))

    assert (len(refs), refs.used_by("100002")) == (1, 0)
    assert (at_counter(refs, 1), of_lane(refs, 1)) == (ours, ours)
    assert (at_counter(refs, 8), of_lane(refs, 8)) == (entry(8, "100002"), entry(8, "100002"))


def test_a_new_day_knows_nothing() -> None:
    """Neither references nor what investors have used."""
    refs = RefMap()
    refs.add(entry(1))

    refs.clear()

    assert (len(refs), refs.used_by("100001"), at_counter(refs, 1), of_lane(refs, 1)) == (0, 0, None, None)


def cancel(ref: int, mark: int = 5) -> Action:
    return Action(Lane(9_000, 9_001, investor("100001")), ref, 3, mark)


def test_so_many_cancels_are_known_and_the_oldest_are_forgotten_first() -> None:
    """The limit itself fits; one more ends the first."""
    actions = ActionMap(limit=2)
    kept = [cancel(number) for number in range(3)]
    for number, one in enumerate(kept[:2]):
        actions.add(RefSpace.ORDER_ACTION, number, one)
    both = [actions.find(RefSpace.ORDER_ACTION, number, 5) for number in range(2)]
    actions.add(RefSpace.ORDER_ACTION, 2, kept[2])

    assert both == kept[:2]
    assert [actions.find(RefSpace.ORDER_ACTION, number, 5) for number in range(3)] == [None, *kept[1:]]


def test_a_cancel_of_another_program_with_the_same_number_is_none_of_ours() -> None:
    """It is told by its RequestID, and by the kind of what it cancels; a new day forgets all."""
    actions = ActionMap(limit=2)
    actions.add(RefSpace.ORDER_ACTION, 1, cancel(1))

    assert actions.find(RefSpace.ORDER_ACTION, 1, 6) is None
    assert actions.find(RefSpace.QUOTE_ACTION, 1, 5) is None
    actions.clear()
    assert actions.find(RefSpace.ORDER_ACTION, 1, 5) is None


def test_a_reference_has_twelve_digits_or_31_bits() -> None:
    """The last one that the field holds is given out, and none after it."""
    assert greatest_ref(RefSpace.ORDER) == 999_999_999_999
    assert greatest_ref(RefSpace.ORDER_ACTION) == greatest_ref(RefSpace.TRANSFER) == 2**31 - 1
    assert [parse_ref(text) for text in (b"999999999999", b"1000000000000", b"", b" 7 ", b"-1", b"7a")] == [
        999_999_999_999,
        None,
        0,
        7,
        None,
        None,
    ]
    counter = RefCounter()
    counter.used(RefSpace.ORDER, 999_999_999_998)
    assert [counter.next(RefSpace.ORDER), counter.next(RefSpace.ORDER)] == [999_999_999_999, None]


def test_a_reference_that_was_not_sent_is_given_out_again_where_it_was_the_last() -> None:
    """One in the middle is gone; what the terminal chose below the last one changes nothing."""
    counter = RefCounter()
    first, second = counter.next(RefSpace.ORDER), counter.next(RefSpace.ORDER)
    counter.release(RefSpace.ORDER, 1)
    counter.used(RefSpace.ORDER, 1)
    middle = counter.last(RefSpace.ORDER)
    counter.release(RefSpace.ORDER, 2)
    mark = counter.mark()
    again = counter.next(RefSpace.ORDER)
    counter.back_to(mark)

    assert (first, second, middle, again, counter.last(RefSpace.ORDER), counter.last(RefSpace.QUOTE)) == (
        1,
        2,
        2,
        2,
        1,
        0,
    )
