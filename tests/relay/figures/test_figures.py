"""Counts and latencies as Prometheus wants them."""

from __future__ import annotations

from relay.figures.figures import Figures, Histogram


def test_a_bucket_has_all_that_are_at_most_its_bound() -> None:
    """Each bucket has those of the ones before it as well."""
    seconds = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        seconds.observe(value)

    assert list(seconds.cumulative()) == [("0.1", 2), ("1.0", 3), ("+Inf", 4)]
    assert seconds.total == 7.65


def test_what_is_counted_is_split_by_reason_and_by_what_the_api_returned() -> None:
    """A series for each that has happened."""
    figures = Figures()
    for code in (0, 0, -3):
        figures.called("ReqOrderInsert", code)
    figures.refused("too_fast")

    assert figures.calls == {("ReqOrderInsert", 0): 2, ("ReqOrderInsert", -3): 1}
    assert figures.refusals == {"too_fast": 1}
