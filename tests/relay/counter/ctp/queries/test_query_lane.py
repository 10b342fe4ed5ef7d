"""A query that the counter never answers: when it is noticed that the API takes no other, and when that is mended."""

from __future__ import annotations

import pytest

from relay.counter.ctp.queries.query_lane import LaneRules, QueryLane, Unanswered

RULES = LaneRules(suspect=5.0, quiet=1.0, patience=60.0, apart=60.0, longest_apart=1800.0)


@pytest.fixture
def lane() -> QueryLane:
    """One with a query that was given up at 30 s, and another refused with -2 right after it."""
    dead = QueryLane(RULES)
    dead.gave_up(7)
    dead.refused(30.0)
    return dead


def test_a_query_that_was_given_up_alone_is_no_dead_lane() -> None:
    """Only the API's -2 says that it still counts it."""
    lane = QueryLane(RULES)
    lane.gave_up(7)

    assert not lane.is_dead(1000.0)
    assert lane.renew_at(1000.0) is None


def test_a_refusal_after_one_that_was_given_up_is_a_dead_lane(lane: QueryLane) -> None:
    """It stays dead until the session is another."""
    assert lane.is_dead(30.0)
    lane.took()
    assert not lane.is_dead(30.0)


def test_a_late_answer_brings_the_lane_back(lane: QueryLane) -> None:
    """Nothing is renewed then; an answer to another query says nothing."""
    lane.answered(6)
    assert lane.is_dead(31.0)

    lane.answered(7)

    assert not lane.is_dead(31.0)


def test_refusals_that_do_not_end_are_a_dead_lane_even_when_nothing_is_known_to_be_unanswered() -> None:
    """A moment's -2 is nothing: the API may just be taking in an answer."""
    lane = QueryLane(RULES)
    lane.refused(10.0)
    assert not lane.is_dead(14.0)

    lane.refused(15.0)

    assert lane.is_dead(15.0)


def test_the_session_is_renewed_when_no_order_was_just_sent(lane: QueryLane) -> None:
    """It costs everybody's orders a second or two."""
    assert lane.renew_at(30.0) is not None
    assert (lane.renew_at(30.0) or 0) <= 30.0
    lane.sent_other(30.5)
    assert lane.renew_at(30.6) == 31.5
    lane.sent_other(31.4)
    assert lane.renew_at(31.5) == 32.4


def test_where_orders_never_rest_it_is_renewed_all_the_same(lane: QueryLane) -> None:
    """Without positions and funds nobody trades for long."""
    now = 30.0
    lane.sent_other(now)
    while (at := lane.renew_at(now)) is not None and at > now:
        now += 0.5
        lane.sent_other(now)

    assert now == 90.0


def test_renewals_become_rarer_the_more_are_needed(lane: QueryLane) -> None:
    """A query that is never answered must not break everybody's orders once a minute all day."""
    now, gaps = 30.0, []
    for _ in range(10):
        lane.renewed(now)
        lane.took()
        lane.gave_up(8)
        lane.refused(now)
        at = lane.renew_at(now)
        assert at is not None
        gaps.append(at - now)
        now = at

    assert gaps == sorted(gaps)
    assert gaps[0] >= 60.0
    assert gaps[-1] == 1800.0


def test_what_was_not_answered_may_be_asked_again_later_and_less_and_less() -> None:
    """By the one who asked; everybody else's questions go on."""
    held = Unanswered(first=60.0, longest=900.0)
    waits = []
    for number in range(4):
        now = number * 10_000.0
        held.gave_up("mine", now)
        waits.append(held.seconds_left("mine", now))
        assert held.seconds_left("mine", now + waits[-1]) == 0
    assert waits == [60.0, 240.0, 900.0, 900.0]
    assert held.seconds_left("another's", 0.0) == 0

    held.answered("mine")

    assert held.seconds_left("mine", 0.0) == 0


def test_what_is_held_is_bounded() -> None:
    """The oldest are forgotten first."""
    held = Unanswered(most=3)
    for number in range(5):
        held.gave_up(number, 0.0)

    assert [held.seconds_left(number, 0.0) > 0 for number in range(5)] == [False, False, True, True, True]
