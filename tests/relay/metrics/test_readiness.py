"""Whether a terminal should be sent here: every reason why not, and every fault that stands."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest

from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.metrics.endpoint import MetricsServer
from relay.metrics.readiness import Readiness
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import Refusal

OPERATOR = counter_reasons.operator_refused(counter_reasons.counter_refused(141, "CTP:口令已过期"))


def readiness(
    faults: Faults, unhealthy: str = "", verifier: str = "ready", counter: Refusal | None = None
) -> Readiness:
    judge: Any = SimpleNamespace(state=verifier)
    behind: Any = SimpleNamespace(why_not_ready=counter)
    return Readiness("relay-1", faults, judge, behind, lambda: unhealthy)


def asked(of: Readiness) -> tuple[int, dict[str, Any]]:
    """The answer as a load balancer gets it."""
    server = MetricsServer("127.0.0.1:0", list, str, of.answer)
    server.start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz", timeout=60) as answer:
            return 200, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())
    finally:
        server.stop()


def test_all_reasons_are_named_at_once() -> None:
    """Who mends the first must not find the second only then."""
    faults = Faults()
    faults.begin(Fault.DATABASE_DOWN, "connection refused")
    faults.begin(Fault.CERTIFICATE_EXPIRED, "since yesterday")
    faults.begin(Fault.CLOCK_OFF, "9 s")

    status, state = asked(readiness(faults))

    assert (status, state["ready"], state["relay"]) == (503, False, "relay-1")
    assert state["reasons"] == ["database_down", "certificate_expired"]
    assert [stands["fault"] for stands in state["faults"]] == ["database_down", "certificate_expired", "clock_off"]
    assert "数据库" in state["message"]


def test_a_fault_that_stops_nothing_is_listed_by_a_ready_relay() -> None:
    """So that a person sees it where the relay is looked at anyway."""
    faults = Faults()
    faults.begin(Fault.CERTIFICATE_EXPIRING, "6 days")

    status, state = asked(readiness(faults))

    assert (status, state["ready"], state["reasons"]) == (200, True, [])
    assert state["faults"][0]["fault"] == "certificate_expiring"


def test_a_counter_that_is_not_there_yet_is_a_reason_without_a_fault() -> None:
    """The operator logs in for the first time: nothing is wrong, and no terminal can log in."""
    status, state = asked(readiness(Faults(), counter=OPERATOR))

    assert (status, state["reason"], state["reasons"], state["faults"]) == (
        503,
        "operator_refused",
        ["operator_refused"],
        [],
    )
    assert "口令已过期" in state["message"]


@pytest.mark.parametrize(
    ("unhealthy", "verifier", "counter", "reason"),
    [
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
    assert readiness(Faults(), unhealthy, verifier, counter).answer()["reason"] == reason


def test_a_relay_with_nothing_wrong_is_ready() -> None:
    """And says no more than that."""
    assert asked(readiness(Faults())) == (200, {"ready": True, "relay": "relay-1", "reasons": [], "faults": []})
