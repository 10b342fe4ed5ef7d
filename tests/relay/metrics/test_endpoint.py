"""/metrics and /healthz as Prometheus and a supervisor see them."""

from __future__ import annotations

import asyncio
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from relay.metrics.endpoint import MetricsServer, Read, why_not_healthy
from relay.metrics.measures import families


@contextmanager
def serving(read: Read, why_not_healthy: Callable[[], str]) -> Iterator[MetricsServer]:
    server = MetricsServer("127.0.0.1:0", read, why_not_healthy, lambda: {"ready": True})
    server.start()
    try:
        yield server
    finally:
        server.stop()


def fetch(server: MetricsServer, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def test_the_figures_are_those_of_the_moment_of_the_scrape() -> None:
    """Nothing is counted twice and nothing is cached."""
    sessions = [3]
    with serving(lambda: families([("sessions", (), sessions[0])]), str) as server:
        before = fetch(server, "/metrics")
        sessions[0] = 4
        after = fetch(server, "/metrics")

    assert "ctp_relay_sessions 3.0" in before
    assert "ctp_relay_sessions 4.0" in after


def test_a_draining_relay_is_not_healthy() -> None:
    """So that a load balancer sends new terminals elsewhere."""
    with serving(list, lambda: "draining") as server:
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(server, "/healthz")
        refused.value.close()

    assert refused.value.code == 503


async def test_a_loop_that_does_not_answer_is_not_healthy() -> None:
    """The thread that answers runs on when the relay does not: it has to ask."""
    sessions: Any = SimpleNamespace(draining=False)
    loop = asyncio.get_running_loop()
    answers: list[str] = []
    asked = threading.Thread(target=lambda: answers.append(why_not_healthy(loop, sessions, 0.05)))

    well = await asyncio.to_thread(why_not_healthy, loop, sessions, 30.0)
    asked.start()
    asked.join()  # the loop is held up for as long as it is asked

    assert well == ""
    assert answers[0].startswith("stuck")


async def test_a_relay_that_drains_or_has_stopped_says_which() -> None:
    """For the operator who asks why no terminal comes any more."""
    sessions: Any = SimpleNamespace(draining=True)
    loop = asyncio.get_running_loop()
    closed = asyncio.new_event_loop()
    closed.close()

    assert await asyncio.to_thread(why_not_healthy, loop, sessions, 30.0) == "draining"
    assert why_not_healthy(closed, sessions) == "stopped"
