"""The ledger a page at a time: whose entries are found, in which order, and that no page is without an end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from relay.database.database import open_database, prepare, writing
from relay.database.times import COUNTER_ZONE, stamp
from relay.ledger.chain import canonical
from relay.ledger.history import HistoryAsked, PageTurn, entry, page, turn_of
from relay.ledger.ledger import append

START = dt.datetime(2026, 1, 5, 8, 57, tzinfo=COUNTER_ZONE)
ASKED = HistoryAsked(since="2026-01-05")


@pytest.fixture
def engine(state_dir: Path) -> Engine:
    engine = open_database(SecretStr(f"sqlite:///{state_dir / 'relay.sqlite3'}"))
    prepare(engine)
    return engine


def write(engine: Engine, *rows: tuple[str, str, dict[str, object]], chain: str = "a") -> None:
    """Rows of kind, session and data, a second apart."""
    with writing(engine) as connection:
        append(
            connection,
            chain,
            [
                (stamp(START + dt.timedelta(seconds=number)), kind, session, canonical(data))
                for number, (kind, session, data) in enumerate(rows)
            ],
        )


def kinds(engine: Engine, asked: HistoryAsked) -> list[str]:
    return [one.kind for one in page(engine, asked)[0]]


def test_an_investors_entries_are_those_of_its_sessions(engine: Engine) -> None:
    """Also entries that do not name it; none of an investor whose id only begins alike."""
    write(
        engine,
        ("terminal_admitted", "s1", {"investor_id": "1000", "app_id": "x_1.0"}),
        ("counter_login", "s1", {"error": 0}),
        ("terminal_admitted", "s2", {"investor_id": "10001", "app_id": "x_1.0"}),
        ("counter_login", "s2", {"error": 3}),
        ("admin_investor_disable", "", {"investor_id": "1000"}),
    )

    assert kinds(engine, HistoryAsked("2026-01-05", investor_id="1000")) == [
        "admin_investor_disable",
        "counter_login",
        "terminal_admitted",
    ]
    assert len(kinds(engine, HistoryAsked("2026-01-05", app_id="x_1.0"))) == 4
    assert kinds(engine, HistoryAsked("2026-01-05", session="s2", kinds=("counter_login",))) == ["counter_login"]
    assert kinds(engine, HistoryAsked("2026-01-06")) == []
    assert kinds(engine, HistoryAsked("2026-01-05", until="2026-01-05T08:57:01", investor_id="1000")) == [
        "terminal_admitted"
    ]


@pytest.mark.parametrize("text", ["%", "_", '"', "\\", "1000%", "' OR 1=1 --", '1000","x":"'])
def test_what_a_person_types_is_no_pattern(engine: Engine, text: str) -> None:
    write(engine, ("terminal_admitted", "s1", {"investor_id": "1000", "x": "1"}))

    assert kinds(engine, HistoryAsked("2026-01-05", investor_id=text)) == []


def test_pages_follow_each_other_without_a_gap(engine: Engine) -> None:
    """Also where two chains have entries of the same moment."""
    for chain in ("a", "b"):
        write(engine, *[(f"{chain}{number}", "", {}) for number in range(7)], chain=chain)
    found, turn = page(engine, ASKED, most=3)
    while turn is not None:
        more, turn = page(engine, ASKED, after=turn_of(str(turn)), most=3)
        found += more

    assert [one.kind for one in found] == [f"{chain}{number}" for number in range(6, -1, -1) for chain in "ba"]


def test_a_page_is_bounded(engine: Engine) -> None:
    write(engine, *[("x", "", {}) for _ in range(600)])

    assert len(page(engine, ASKED, most=10_000)[0]) == 500


@pytest.mark.parametrize("text", ["", "x", "a~1", "a~~b", "a~-1~b", "a~1x~b", "~1~b", "a~" + "9" * 40 + "~b", "a~²~b"])
def test_a_turn_that_was_made_up_is_none(text: str) -> None:
    assert turn_of(text) is None


def test_one_entry_is_found(engine: Engine) -> None:
    write(engine, ("x", "s", {"a": 1}))

    found = entry(engine, "a", 1)
    assert found is not None
    assert (found.kind, entry(engine, "a", 2)) == ("x", None)
    assert turn_of("2026~1~a") == PageTurn("2026", "a", 1)


@pytest.mark.parametrize("member", ["investor_id", "user_id", "terminal_app_id", "app_id", "public_ip", "place"])
def test_whoever_an_entry_concerns_it_is_found_by_that(engine: Engine, member: str) -> None:
    """Support has an investor, an app id or an address, and does not know which entries name it how."""
    write(engine, ("one", "s1", {member: "198.51.100.7"}), ("other", "s2", {"reason": "198.51.100.7"}))

    assert kinds(engine, HistoryAsked("2026-01-05", about="198.51.100.7")) == ["one"]
