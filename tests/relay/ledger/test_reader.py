"""Reading and verifying what is stored."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from relay.database.database import writing
from relay.ledger import reader
from relay.ledger.ledger import record_now
from relay.ledger.reader import audit, read, stretches, tail
from tests.relay.conftest import HandClock

TRIGGERS = {
    "sqlite": [
        f"DROP TRIGGER {name}"
        for name in ("ledger_no_update", "ledger_no_delete", "ledger_head_no_delete", "ledger_head_forward")
    ],
    "postgresql": ["ALTER TABLE ledger DISABLE TRIGGER ALL", "ALTER TABLE ledger_head DISABLE TRIGGER ALL"],
}


@pytest.fixture
def written(engine: Engine, clock: HandClock) -> Engine:
    """Two chains with entries on two days."""
    for number in range(6):
        record_now(engine, "one", clock, "k", {"number": number})
        record_now(engine, "two", clock, "k", {"number": number})
        clock.move(4 * 3600)
    return engine


def tamper(engine: Engine, *statements: str) -> None:
    """What somebody with all rights on the database can do."""
    with writing(engine) as connection:
        for statement in [*TRIGGERS[engine.dialect.name], *statements]:
            connection.execute(text(statement))


def found(engine: Engine) -> list[str]:
    return [str(problem) for chain in audit(engine) for problem in chain.problems]


def test_what_was_written_is_whole(written: Engine) -> None:
    """Both chains, with their heads."""
    assert [(chain.chain, chain.entries, chain.problems) for chain in audit(written)] == [
        ("one", 6, ()),
        ("two", 6, ()),
    ]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE ledger SET data = '[]' WHERE chain = 'one' AND sequence = 3", "one entry 3: was changed"),
        (
            "UPDATE ledger SET at = '2020' || substr(at, 5) WHERE chain = 'two' AND sequence = 1",
            "two entry 1: was changed",
        ),
        ("DELETE FROM ledger WHERE chain = 'one' AND sequence = 2", "one entry 2: entry 2 is missing"),
        (
            "DELETE FROM ledger WHERE chain = 'two' AND sequence > 4",
            "two entry 5: entries 5 to 6 are missing at the end",
        ),
        ("DELETE FROM ledger WHERE chain = 'two'", "two entry 1: entries 1 to 6 are missing at the end"),
        ("DELETE FROM ledger_head WHERE chain = 'one'", "one entry 6: the recorded head of the chain is missing"),
    ],
)
def test_tampering_below_the_triggers_is_named(written: Engine, statement: str, says: str) -> None:
    """Changed, removed inside, cut off at the end, and the head removed; the other chain stays whole."""
    tamper(written, statement)

    assert found(written) == [says]


def test_a_chain_that_vanished_with_its_head_leaves_no_trace(written: Engine) -> None:
    """This is why heads are to be kept elsewhere: nothing in the database can tell."""
    tamper(written, "DELETE FROM ledger WHERE chain = 'two'", "DELETE FROM ledger_head WHERE chain = 'two'")

    assert found(written) == []


def test_entries_of_a_day_are_those_of_the_day_in_utc_plus_8(written: Engine) -> None:
    """09:00 + 4 h steps: four entries of each chain before midnight."""
    day = list(read(written, stretches(written, since="2026-11-22", until="2026-11-23")))

    assert [entry.sequence for entry in day] == [1, 2, 3, 4, 1, 2, 3, 4]


def test_the_newest_entries_come_last(written: Engine) -> None:
    """Of all chains, by time."""
    assert [entry.sequence for entry in tail(written, 3)][-2:] == [6, 6]
    assert len(tail(written, 100)) == 12


def test_a_thoroughly_broken_chain_lists_so_many_problems_and_no_more(written: Engine) -> None:
    """The list is bounded; the verdict is the same."""
    tamper(written, "UPDATE ledger SET kind = 'x'")

    assert [len(chain.problems) for chain in audit(written, most_problems=2)] == [2, 2]


def test_a_long_audit_says_how_far_it_is(written: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Years of entries take minutes."""
    monkeypatch.setattr(reader, "_ROWS_AT_A_TIME", 4)
    heard: list[int] = []

    list(audit(written, progress=heard.append))

    assert heard == [4, 4]
