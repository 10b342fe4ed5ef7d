"""How the relay's databases are opened, and whether their tables are those this version needs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from relay.settings.file_modes import why_changeable

VERSIONS = Path(__file__).parent / "migrations" / "versions"
"""each file's name begins with its revision, and the highest is this version's"""
_STATEMENT_MILLISECONDS = 5000


_TURN = "ctp_relay_turn"
"""where an engine keeps its `_WritersTurn`"""


class DatabaseUnusable(Exception):
    """The database cannot be used as it is; the message says what to do and shows no password."""


class _WritersTurn:
    """One writer of this process after the other. SQLite itself lets each sleep and try again, in no order, up to 0.1 s at a time."""

    def __init__(self) -> None:
        self._held = threading.Lock()

    def __enter__(self) -> None:
        if not self._held.acquire(timeout=_STATEMENT_MILLISECONDS / 1000):
            raise OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("database is locked"))

    def __exit__(self, *_: object) -> None:
        self._held.release()


def open_database(url: SecretStr) -> Engine:
    """An engine for a SQLite or PostgreSQL URL; connects when it is first used. Raises DatabaseUnusable."""
    try:
        parsed = make_url(url.get_secret_value())
    except ArgumentError:
        raise DatabaseUnusable("the database URL cannot be read; e.g. postgresql+psycopg://user@host/name") from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _open_sqlite(url.get_secret_value(), parsed.database)
        case "postgresql+psycopg":
            if find_spec("psycopg") is None:
                raise DatabaseUnusable("PostgreSQL needs a package more; run: pip install 'ctp-relay[postgresql]'")
            return create_engine(
                parsed,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_timeout=_STATEMENT_MILLISECONDS / 1000,
                connect_args={
                    "connect_timeout": 5,
                    "options": f"-c statement_timeout={_STATEMENT_MILLISECONDS} -c lock_timeout={_STATEMENT_MILLISECONDS}",
                },
            )
        case _:
            raise DatabaseUnusable(f"{parsed.drivername} is not supported; sqlite and postgresql+psycopg are")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; committed at the end, rolled back by an exception."""
    turn: AbstractContextManager[object] = engine.get_execution_options().get(_TURN) or nullcontext()
    with turn, engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


def insert_new(connection: Connection, table: Table) -> Insert:
    """An insert that leaves a row as it is where there is one already, as this database says it."""
    insert: Insert = _insert_of(connection, table).on_conflict_do_nothing()
    return insert


def insert_or_set(connection: Connection, table: Table, column: str) -> Insert:
    """An insert that sets this column where the row is there already. Of the rows given none may be there twice."""
    new = _insert_of(connection, table)
    insert: Insert = new.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={column: new.excluded[column]}
    )
    return insert


def _insert_of(connection: Connection, table: Table) -> Any:
    # The other dialect costs 50 ms to import.
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to this version, or to an earlier one; does nothing where they are."""
    with engine.connect().execution_options(writes=True) as connection:
        # A start at tables that are right, the usual one, does without alembic: it costs 0.1 s to import.
        import_module("relay.database.migrating").migrate(connection, revision)
        connection.commit()


def prepare(engine: Engine) -> None:
    """Make the database ready for use: SQLite's tables are brought up to date, PostgreSQL's must be already.

    Raises DatabaseUnusable. A shared database is upgraded by its administrator, not by the process that starts first.
    """
    try:
        if engine.dialect.name == "sqlite" and len(set(revisions(engine))) > 1:
            upgrade(engine)
    except SQLAlchemyError as error:
        raise DatabaseUnusable(f"the database cannot be used: {brief(error)}") from None
    require_current(engine)


def revisions(engine: Engine) -> tuple[str | None, str]:
    """The tables' revision, None where there are no tables, and the revision this version needs."""
    wanted = max(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None, wanted
        return connection.scalar(text("SELECT version_num FROM alembic_version")), wanted


def require_current(engine: Engine) -> None:
    """Raise DatabaseUnusable unless the database answers and has this version's tables."""
    try:
        present, wanted = revisions(engine)
    except SQLAlchemyError as error:
        raise DatabaseUnusable(f"the database does not answer: {brief(error)}") from None
    if present != wanted:
        has = f"is at revision {present}" if present else "has no tables"
        raise DatabaseUnusable(f"the database {has}, {wanted} is needed; run: ctp-relay database upgrade")


def brief(error: Exception) -> str:
    """What the database said, in one line, without statement and parameters."""
    text = str(getattr(error, "orig", None) or error)
    return " ".join(text.split()) or type(error).__name__


def _open_sqlite(url: str, path: str | None) -> Engine:
    if not path or path == ":memory:":
        raise DatabaseUnusable("SQLite needs a file: sqlite:////var/lib/ctp-relay/relay.sqlite3")
    file = Path(path)
    if why := why_changeable(file):
        raise DatabaseUnusable(why)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What SQLite makes beside it (-wal, -shm) takes over the file's mode.
        file.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise DatabaseUnusable(f"{file}: {error.strerror}") from None
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_timeout=_STATEMENT_MILLISECONDS / 1000,
        execution_options={_TURN: _WritersTurn()},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # Transactions are begun by _begin_sqlite: the driver's own would begin too late to keep readers out of our way.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={_STATEMENT_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: upgrading a read lock later can fail without waiting.
    writes: Any = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
