"""/metrics and /healthz as Prometheus and a supervisor see them."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from relay.rpc.metrics_http import MetricsServer, Reading


def fetch(server: MetricsServer, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_the_figures_are_those_of_the_moment_of_the_scrape() -> None:
    """Nothing is counted twice and nothing is cached."""
    sessions = [3]
    with MetricsServer("127.0.0.1:0", lambda: [Reading("sessions", "how many", sessions[0])], lambda: True) as server:
        before = fetch(server, "/metrics")
        sessions[0] = 4
        after = fetch(server, "/metrics")

    assert "ctp_relay_sessions 3.0" in before
    assert "ctp_relay_sessions 4.0" in after


def test_a_draining_relay_is_not_healthy() -> None:
    """So that a load balancer sends new terminals elsewhere."""
    with MetricsServer("127.0.0.1:0", list, lambda: False) as server:
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(server, "/healthz")
        refused.value.close()

    assert refused.value.code == 503
