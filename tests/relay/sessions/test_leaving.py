"""Who leaves a relay that stops, and when."""

from __future__ import annotations

import datetime as dt

import pytest

from relay.sessions.leaving import leave_words, moments


@pytest.mark.parametrize(("sessions", "seconds"), [(1, 30.0), (20, 30.0), (1000, 30.0), (3, 0.0)])
def test_each_has_a_moment_of_its_own_inside_the_time(sessions: int, seconds: float) -> None:
    """The last one has time left for its login. Without a successor the first one waits until a balancer sends it elsewhere."""
    each = moments([False] * sessions, seconds, successor=True)
    elsewhere = moments([False] * sessions, seconds, successor=False)

    assert each[0] == 0.0
    assert elsewhere[0] == min(3.0, 0.3 * seconds)
    assert max(each + elsewhere) <= 0.6 * seconds
    assert len(set(each)) == (sessions if seconds else 1)


def test_those_with_requests_under_way_leave_last() -> None:
    """Their answers come on the session they have."""
    each = moments([True, False, True, False], 30.0, successor=True)

    assert max(each[1], each[3]) < min(each[0], each[2])


@pytest.mark.parametrize(
    ("successor", "words"), [(True, ("更新", "is being updated")), (False, ("即将停机", "about to stop"))]
)
def test_the_words_say_by_when(successor: bool, words: tuple[str, str]) -> None:
    """In Chinese and English."""
    chinese, english = leave_words(dt.datetime(2026, 11, 26, 15, 30, 5), successor=successor).split(" / ")  # noqa: DTZ001 - shown only

    assert ("15:30:05" in chinese, "15:30:05" in english) == (True, True)
    assert (words[0] in chinese, words[1] in english) == (True, True)
