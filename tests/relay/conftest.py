"""Databases for the services' tests: each test that asks for `engine` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from relay.database.database import open_database, upgrade
from tests.postgres import postgres_server, postgres_url
from tests.relay.evidence import KeptEvidence

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> SecretStr:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return SecretStr(f"sqlite:///{tmp_path / 'state' / 'relay.sqlite3'}")
    return SecretStr(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(database_url: SecretStr) -> Iterator[Engine]:
    """A database with the relay's tables."""
    opened = open_database(database_url)
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """As `engine`, where one kind of database is enough."""
    opened = open_database(SecretStr(f"sqlite:///{tmp_path / 'relay.sqlite3'}"))
    upgrade(opened)
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
