"""A verification that the console begins asks for the heads that days were sealed with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from relay.console.verification import LedgerVerification
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
