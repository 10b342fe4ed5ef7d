"""The charts of orders and events: from what a relay's status calls its figures."""

from __future__ import annotations

from relay.console.overview_view import RATE_FIGURES
from relay.console.rates import Rates
from relay.console.relays import RATED, counters_of
from relay.metrics.rows import ROWS


def test_what_the_charts_look_for_is_what_relays_count() -> None:
    """A status names figures as the table of metrics does, without Prometheus' ending; another name would draw nothing for ever."""
    assert set(ROWS) >= RATED
    assert {name for names in RATE_FIGURES.values() for name in names} == RATED


def test_events_are_counted_over_time() -> None:
    """Two looks ten seconds apart are one step."""
    rates = Rates()
    for at, count in ((1000.0, 5.0), (1010.0, 45.0)):
        rates.add(
            at, counters_of({"figures": [{"name": "events", "value": count}, {"name": "sessions", "value": 3.0}]})
        )

    assert rates.names() == ["events"]
    assert rates.series("events", 1010.0)[-2:] == [0.0, 40.0]
