"""A limit a second, wherever the second begins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.counter.ctp.pacing.pacing import RateWindow


def test_a_full_second_says_when_there_is_room() -> None:
    """A second after the first of those in it."""
    window = RateWindow(2)
    window.take(10.0)
    window.take(10.4)

    assert window.free_at(10.5) == 11.0
    assert window.free_at(11.0) == 11.0


def test_places_can_be_kept_free() -> None:
    """One who must spare a place is told to wait where another may go; one place is always everybody's."""
    window = RateWindow(2)
    window.take(10.0)

    assert window.free_at(10.1) == 10.1
    assert window.free_at(10.1, spare=1) == 11.0
    assert RateWindow(1).free_at(10.0, spare=5) == 10.0


def test_no_limit_is_no_limit() -> None:
    """0 is how a front says so."""
    window = RateWindow(0)
    for _ in range(1000):
        window.take(1.0)

    assert window.free_at(1.0) == 1.0


@given(st.integers(1, 5), st.lists(st.floats(0, 0.7), max_size=50))
def test_whoever_waits_as_told_never_exceeds_the_limit(limit: int, pauses: list[float]) -> None:
    """For any arrivals, any `limit` + 1 sends take a second at least."""
    window, now = RateWindow(limit), 0.0
    sends = []
    for pause in pauses:
        now = window.free_at(now + pause)
        window.take(now)
        sends.append(now)

    assert all(later - first >= 1.0 - 1e-9 for first, later in zip(sends, sends[limit:], strict=False))


def test_a_window_keeps_no_more_than_its_second() -> None:
    """Each terminal has several, all day long."""
    window = RateWindow(5)
    for tenth in range(10_000):
        if window.free_at(tenth / 10) <= tenth / 10:
            window.take(tenth / 10)

    assert len(window._sent) <= 5
