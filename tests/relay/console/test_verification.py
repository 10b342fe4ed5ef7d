"""A verification that the console begins asks for the heads that days were sealed with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from relay.console import verification
from relay.console.verification import LedgerVerification, LedgerVerifications
from relay.ledger import reader
from relay.ledger.chain import Head
from relay.ledger.ledger import record_now
from relay.ledger.reader import PinnedHead
from tests.relay.conftest import HandClock


@pytest.mark.parametrize(("day", "problems"), [("", 2), ("2026-11-22", 0)], ids=["everything", "a day"])
def test_sealed_heads_are_demanded_of_everything(
    sqlite_engine: Engine, clock: HandClock, day: str, problems: int
) -> None:
    """What a seal demands and is not there, and what is wrong with a seal; one day's part cannot have it."""
    clock = HandClock()
    record_now(sqlite_engine, "one", clock, "k", {})
    head = record_now(sqlite_engine, "one", clock, "k", {})
    there, gone = PinnedHead(head, "day 2026-11-20"), PinnedHead(Head("one", 9, "f" * 64), "day 2026-11-21")
    seals: Any = SimpleNamespace(pinned=[there, gone], problems=["seal of day 2026-11-19: was changed"])
    run = LedgerVerification(day, clock())
    run.check(sqlite_engine, clock, lambda: seals)

    assert (len(run.problems), run.failed, [chain.whole for chain in run.chains]) == (problems, False, [True])


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every read of entries hangs until this is set."""
    answers = threading.Event()
    read = reader.read

    def hang(*asked: Any) -> Any:
        assert answers.wait(60)
        return read(*asked)

    monkeypatch.setattr(verification, "read", hang)
    yield answers
    answers.set()


def test_a_database_that_hangs_leaves_no_verification_running(sqlite_engine: Engine, hanging: threading.Event) -> None:
    """It is given up and says that nothing is proved, also when the database answers later; another one may begin, but not for ever."""
    clock = HandClock()
    record_now(sqlite_engine, "one", clock, "k", {})
    seals: Any = SimpleNamespace(pinned=[], problems=[])
    runs = LedgerVerifications(sqlite_engine, clock, lambda: seals, longest_stand=0.0)
    begun = [runs.begin() for _ in range(5)]
    latest = runs.latest
    threads = list(runs._threads)
    hanging.set()
    for thread in threads:
        thread.join(60)

    assert latest is not None
    assert (len({id(run) for run in begun}), len(threads)) == (3, 3), "three may hang"
    assert [(run.running, run.failed, run.chains) for run in begun] == [(False, True, [])] * 5
    afterwards = LedgerVerifications(sqlite_engine, clock, lambda: seals)
    whole = afterwards.begin()
    afterwards._threads[0].join(60)
    assert (whole.running, whole.failed, whole.checked) == (False, False, 1)
