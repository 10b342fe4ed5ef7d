"""The exposition has the types, names and texts of the table."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from relay.figures.figures import Histogram
from relay.metrics.measures import _of_what_is_kept, families
from relay.metrics.rows import PREFIX, ROWS, MetricRow


class _Shown:
    def collect(self) -> object:
        seconds = Histogram((0.1, 1.0))
        seconds.observe(0.2)
        return families([("ledger_entries_lost", (), 3), ("fault", ("front_down",), 1), ("login_seconds", (), seconds)])


def exposition() -> str:
    registry = CollectorRegistry()
    registry.register(_Shown())  # type: ignore[arg-type]
    return generate_latest(registry).decode()


def test_a_count_a_state_and_a_latency_are_what_they_are() -> None:
    """rate() of a gauge, or a quantile of one, says nothing."""
    text = exposition()

    assert "# TYPE ctp_relay_ledger_entries_lost_total counter\nctp_relay_ledger_entries_lost_total 3.0" in text
    assert '# TYPE ctp_relay_fault gauge\nctp_relay_fault{fault="front_down"} 1.0' in text
    assert 'ctp_relay_login_seconds_bucket{le="0.1"} 0.0\nctp_relay_login_seconds_bucket{le="1.0"} 1.0' in text
    assert "ctp_relay_login_seconds_count 1.0\nctp_relay_login_seconds_sum 0.2" in text


def test_what_is_shown_can_be_read_and_every_metric_is_explained() -> None:
    """By Prometheus' own reader; also those that have no series yet."""
    read = {family.name: family.documentation for family in text_string_to_metric_families(exposition())}

    assert {name.removeprefix(PREFIX) for name in read} == ROWS.keys()
    assert all(read.values())


@pytest.mark.parametrize(("name", "row"), ROWS.items())
def test_names_follow_the_convention(name: str, row: MetricRow) -> None:
    """Units at the end, no type in the name; the library adds _total."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", name)
    assert not name.endswith(("_total", "_count", "_milliseconds", "_ms", "_kb"))
    assert row.kind != "histogram" or name.endswith("_seconds")


@pytest.mark.parametrize("on", [True, False])
def test_what_the_orders_stream_loses_is_a_figure(*, on: bool) -> None:
    """Where it is switched off there is none."""

    def counting(**counts: int) -> SimpleNamespace:
        return SimpleNamespace(statistics=lambda: counts, shared=None)

    trail = counting(waiting=3, committed=7, lost=2) if on else None
    of = SimpleNamespace(ledger=counting(), order_map=counting(failed=0, bad_lines=0), trail=trail)
    found = {name: value for name, _, value in _of_what_is_kept(of)}  # type: ignore[arg-type]

    assert {name: value for name, value in found.items() if name.startswith("order_trail")} == (
        {"order_trail_waiting": 3, "order_trail_committed": 7, "order_trail_lost": 2} if on else {}
    )
    assert found.keys() <= ROWS.keys()
