"""What is new in the ledger since one looked last."""

from __future__ import annotations

from sqlalchemy import Engine

from relay.ledger.ledger import record_now
from relay.ledger.news import chain_names, entries_after
from tests.relay.conftest import HandClock


def test_each_entry_is_new_once(engine: Engine, clock: HandClock) -> None:
    """Of the kinds that are asked for, whichever chain it is in; the console counts refusals by it."""
    seen: dict[str, int] = {}

    def news() -> list[tuple[str, int]]:
        return [(entry.chain, entry.sequence) for entry in entries_after(engine, seen, "2026-01-01", ["k"])]

    for chain in ("one", "two", "one"):
        record_now(engine, chain, clock, "k", {})
    first = news()
    nothing = news()
    record_now(engine, "one", clock, "k", {})
    record_now(engine, "one", clock, "other", {})
    second = news()

    assert sorted(first) == [("one", 1), ("one", 2), ("two", 1)]
    assert (nothing, second, news()) == ([], [("one", 3)], [])
    assert chain_names(engine) == ["one", "two"]
