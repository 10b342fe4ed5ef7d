"""Opening databases and their tables."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Engine, event, insert, select, text
from sqlalchemy.exc import DatabaseError

from relay.database.database import (
    VERSIONS,
    DatabaseUnusable,
    brief,
    open_database,
    prepare,
    require_current,
    revisions,
    upgrade,
    writing,
)
from relay.database.migrating import newest_revision
from relay.database.schema import LEDGER, LEDGER_HEAD, METADATA, TERMINAL

ENTRY = {
    "chain": "c", "sequence": 1, "at": "t", "kind": "k", "session": "", "data": "{}", "previous_hash": "0", "hash": "h",
}  # fmt: skip


def test_the_migrations_make_the_tables_the_code_uses(engine: Engine) -> None:
    """Nothing is missing and nothing is too much, on both databases."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, METADATA) == []


def test_an_upgrade_done_again_changes_nothing(engine: Engine) -> None:
    """The command may be run at every start."""
    upgrade(engine)

    present, wanted = revisions(engine)
    assert present == wanted
    require_current(engine)


def test_the_newest_revision_is_the_one_that_alembic_finds() -> None:
    """A start looks at the files' names alone."""
    assert max(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py")) == newest_revision()


def test_terminals_from_before_the_kinds_send_ordinary_reports(database_url: SecretStr) -> None:
    """An upgrade gives none of them the right to reports that are not judged."""
    opened = open_database(database_url)
    upgrade(opened, "0004")
    columns = "app_id, auth_code, modes, enabled, created_at, rotated_at"
    with writing(opened) as connection:
        connection.execute(text(f"INSERT INTO terminal ({columns}) VALUES ('a', 'x', 'many_to_one', true, 't', 't')"))

    upgrade(opened)

    with opened.connect() as connection:
        assert connection.execute(select(TERMINAL.c.app_id, TERMINAL.c.kinds)).all() == [("a", "ordinary")]
    require_current(opened)
    opened.dispose()


def test_a_database_without_tables_names_the_command(database_url: SecretStr) -> None:
    """Nothing is created behind the operator's back in a shared database."""
    opened = open_database(database_url)

    with pytest.raises(DatabaseUnusable, match=r"has no tables.*ctp-relay database upgrade"):
        require_current(opened)
    opened.dispose()


def test_sqlite_is_made_ready_by_itself(tmp_path: Path) -> None:
    """One process, one file: there is nobody to coordinate with."""
    opened = open_database(SecretStr(f"sqlite:///{tmp_path / 'new' / 'relay.sqlite3'}"))
    prepare(opened)

    require_current(opened)
    assert (tmp_path / "new" / "relay.sqlite3").stat().st_mode & 0o077 == 0
    opened.dispose()


def test_sqlite_keeps_what_it_committed_through_a_power_cut(sqlite_engine: Engine) -> None:
    """Written through at every commit, with a log that readers do not block."""
    with sqlite_engine.connect() as connection:
        synchronous = connection.execute(text("PRAGMA synchronous")).scalar_one()
        journal = connection.execute(text("PRAGMA journal_mode")).scalar_one()

    assert (synchronous, journal) == (2, "wal")


@pytest.mark.postgres
def test_postgresql_is_not_upgraded_by_a_starting_relay(postgres_url: str) -> None:
    """Of several relays the first to start would change the tables under the others."""
    opened = open_database(SecretStr(postgres_url))

    with pytest.raises(DatabaseUnusable, match="database upgrade"):
        prepare(opened)
    opened.dispose()


@pytest.mark.parametrize("statement", ["UPDATE ledger SET kind = 'x'", "DELETE FROM ledger", "DELETE FROM ledger_head"])
def test_the_ledger_is_append_only(engine: Engine, statement: str) -> None:
    """The database itself refuses to change or remove entries and heads."""
    with writing(engine) as connection:
        connection.execute(insert(LEDGER).values(ENTRY))
        connection.execute(insert(LEDGER_HEAD).values(chain="c", sequence=1, hash="h"))

    with pytest.raises(DatabaseError, match="append-only"), writing(engine) as connection:
        connection.execute(text(statement))


def test_a_head_does_not_move_back(engine: Engine) -> None:
    """Neither back nor to another chain."""
    with writing(engine) as connection:
        connection.execute(insert(LEDGER_HEAD).values(chain="c", sequence=5, hash="h"))

    for statement in ("UPDATE ledger_head SET sequence = 4", "UPDATE ledger_head SET chain = 'd', sequence = 6"):
        with pytest.raises(DatabaseError, match="only moves forward"), writing(engine) as connection:
            connection.execute(text(statement))


@pytest.mark.postgres
def test_the_ledger_cannot_be_truncated(postgres_url: str) -> None:
    """TRUNCATE fires no row trigger; it has a trigger of its own."""
    opened = open_database(SecretStr(postgres_url))
    upgrade(opened)

    with pytest.raises(DatabaseError, match="append-only"), writing(opened) as connection:
        connection.execute(text("TRUNCATE ledger"))
    opened.dispose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("no url", "cannot be read"),
        ("mysql://u:hunter2@h/d", "mysql is not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:////proc/no/such/place.sqlite3", "place.sqlite3"),
    ],
)
def test_unusable_urls_are_explained_without_their_password(url: str, says: str) -> None:
    """What is wrong, and what a right one looks like."""
    with pytest.raises(DatabaseUnusable, match=says) as caught:
        open_database(SecretStr(url))

    assert "hunter2" not in str(caught.value)


def test_a_server_that_does_not_answer_is_told(free_port: int) -> None:
    """Within the time a connection may take, without the password."""
    opened = open_database(SecretStr(f"postgresql+psycopg://u:hunter2@127.0.0.1:{free_port}/d"))

    with pytest.raises(DatabaseUnusable, match="does not answer") as caught:
        require_current(opened)
    assert "hunter2" not in str(caught.value)
    opened.dispose()


def test_what_a_database_said_is_one_line() -> None:
    """For the log."""
    assert brief(ValueError("a\n  b")) == "a b"
    assert brief(ValueError()) == "ValueError"


def test_postgresql_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install ctp-relay` alone brings no driver; SQLite needs none."""
    monkeypatch.setattr("relay.database.database.find_spec", lambda _: None)

    with pytest.raises(DatabaseUnusable, match=re.escape("pip install 'ctp-relay[postgresql]'")):
        open_database(SecretStr("postgresql+psycopg://u:hunter2@127.0.0.1/d"))


def test_writers_of_one_process_take_turns(tmp_path: Path) -> None:
    """One that waits begins as soon as the one before it ends; SQLite alone would let it sleep and try again, in no order."""
    engine = open_database(SecretStr(f"sqlite:///{tmp_path / 'x.sqlite3'}"))
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=0").close())

    def write(_: int) -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(32)))
    with engine.connect() as connection:
        written = connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one()
    engine.dispose()

    assert written == 32
