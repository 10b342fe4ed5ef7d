"""/metrics and /healthz as Prometheus and a supervisor see them."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from relay.metrics.endpoint import MetricsServer, why_not_healthy, why_not_ready
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import Refusal


@contextmanager
def serving(*args: Any) -> Iterator[MetricsServer]:
    server = MetricsServer("127.0.0.1:0", *args)
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
    with serving(lambda: [("sessions", "how many", sessions[0])], str) as server:
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


def ready(server: MetricsServer) -> tuple[int, dict[str, Any]]:
    try:
        return 200, json.loads(fetch(server, "/readyz"))
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


def test_a_supervisor_hears_why_no_login_can_succeed() -> None:
    """The process runs and answers, and still nobody can log in: a restart is no remedy, a person is."""
    why: list[Refusal | None] = [
        counter_reasons.operator_refused(counter_reasons.counter_refused(141, "CTP:口令已过期"))
    ]
    with serving(list, str, lambda: why[0]) as server:
        refused, told = ready(server)
        why[0] = None
        well = ready(server)

    assert (refused, told["ready"], told["reason"]) == (503, False, "operator_refused")
    assert "口令已过期" in told["message"]
    assert well == (200, {"ready": True})


@pytest.mark.parametrize(
    ("unhealthy", "verifier", "counter", "reason"),
    [
        ("", "ready", None, ""),
        ("draining", "ready", None, "relay_draining"),
        ("stuck: no answer", "ready", None, "relay_stuck"),
        ("", "down", None, "verifier_unavailable"),
        ("", "ready", relay_reasons.counter_unavailable(why="no front answered"), "counter_unavailable"),
    ],
)
def test_readiness_is_that_of_every_part_a_login_needs(
    unhealthy: str, verifier: str, counter: Refusal | None, reason: str
) -> None:
    """The first that stands in the way is named."""
    parts: Any = SimpleNamespace(
        verifier=SimpleNamespace(state=verifier), counter=SimpleNamespace(why_not_ready=counter)
    )

    refusal = why_not_ready(parts, lambda: unhealthy)

    assert (refusal.reason if refusal else "") == reason


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
