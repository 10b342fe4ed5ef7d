"""Databases for the services' tests: each test that asks for `engine` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, make_url

from relay.database.database import open_database, upgrade
from tests.postgres import PostgresServer, postgres_server, postgres_url
from tests.relay.evidence import KeptEvidence

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the relay's tables, which tests copy: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("tables")
    folder.chmod(0o700)
    made = open_database(SecretStr(f"sqlite:///{folder / 'relay.sqlite3'}"))
    upgrade(made)
    made.dispose()
    return folder / "relay.sqlite3"


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: PostgresServer) -> str:
    """The same on PostgreSQL: the name of the database."""
    url = postgres_server.new_database()
    made = open_database(SecretStr(url))
    upgrade(made)
    made.dispose()
    return str(make_url(url).database)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> SecretStr:
    """The URL of a database: an empty one, or `engine`'s."""
    if request.param == "sqlite":
        return SecretStr(f"sqlite:///{tmp_path / 'state' / 'relay.sqlite3'}")
    if "engine" not in request.fixturenames:
        return SecretStr(request.getfixturevalue("postgres_url"))
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return SecretStr(server.new_database(like=request.getfixturevalue("postgres_tables")))


@pytest.fixture
def engine(request: pytest.FixtureRequest, database_url: SecretStr) -> Iterator[Engine]:
    """A database with the relay's tables."""
    opened = open_database(database_url)
    if opened.dialect.name == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_tables"), str(opened.url.database))
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path, sqlite_tables: Path) -> Iterator[Engine]:
    """As `engine`, where one kind of database is enough."""
    opened = open_database(SecretStr(f"sqlite:///{tmp_path / 'relay.sqlite3'}"))
    shutil.copyfile(sqlite_tables, tmp_path / "relay.sqlite3")
    yield opened
    opened.dispose()


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    at: dt.datetime = dt.datetime(2026, 11, 22, 1, 0, 0, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def kept() -> KeptEvidence:
    """A ledger in memory."""
    return KeptEvidence()
