"""Changes of the directory that PostgreSQL announces: with the commit, to every process, also after a break."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Engine, text

from relay.database.database import open_database, upgrade, writing
from relay.directory.announcements import listening
from relay.directory.secrets_box import SecretsBox
from relay.directory.terminals import Terminals
from tests.relay.conftest import HandClock


@pytest.fixture
def shared(postgres_url: str) -> Iterator[Engine]:
    engine = open_database(SecretStr(postgres_url))
    upgrade(engine)
    yield engine
    engine.dispose()


class Ear:
    """Counts what is heard, and waits for it."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[int] = asyncio.Queue()

    def hear(self) -> None:
        self._heard.put_nowait(1)

    async def once(self) -> None:
        await asyncio.wait_for(self._heard.get(), 20)

    @property
    def more(self) -> int:
        return self._heard.qsize()


def terminals(engine: Engine, clock: HandClock) -> Terminals:
    return Terminals(engine, SecretsBox(Fernet.generate_key()), clock=clock)


async def test_a_change_is_heard_with_its_commit_and_not_before(shared: Engine, clock: HandClock) -> None:
    """One that is rolled back was none."""
    ear, table = Ear(), terminals(shared, clock)
    await asyncio.to_thread(table.add, "terminal_1.0", "TERMINAL00000001")
    async with listening(shared, ear.hear):
        await ear.once()  # it listens

        with pytest.raises(ZeroDivisionError):
            _disable_and_fail(shared, clock)
        await asyncio.to_thread(table.set_enabled, "terminal_1.0", False)
        await ear.once()

    assert ear.more == 0


async def test_after_a_break_it_listens_again_and_says_so(shared: Engine, clock: HandClock) -> None:
    """Something may have been changed meanwhile, so whoever hears looks."""
    ear, table = Ear(), terminals(shared, clock)
    await asyncio.to_thread(table.add, "terminal_1.0", "TERMINAL00000001")
    async with listening(shared, ear.hear):
        await ear.once()

        await asyncio.to_thread(_break_connections, shared)
        await ear.once()
        await asyncio.to_thread(table.rotate, "terminal_1.0", "TERMINAL00000002")
        await ear.once()


async def test_on_sqlite_nothing_listens(sqlite_engine: Engine, clock: HandClock) -> None:
    """And a change is made as ever."""
    async with listening(sqlite_engine, lambda: pytest.fail("nothing can be heard")):
        table = terminals(sqlite_engine, clock)
        table.add("terminal_1.0", "TERMINAL00000001")
        table.set_enabled("terminal_1.0", False)


def _disable_and_fail(engine: Engine, clock: HandClock) -> None:
    with writing(engine) as connection:
        Terminals(engine, SecretsBox.without_key(), clock=clock, within=connection).set_enabled("terminal_1.0", False)
        raise ZeroDivisionError


def _break_connections(engine: Engine) -> None:
    listens = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    with engine.connect() as connection:
        connection.execute(text(listens))


def test_the_url_of_the_engine_is_one_that_the_driver_takes(postgres_url: str) -> None:
    """With its query, which may say where the certificates are."""
    engine = open_database(SecretStr(postgres_url + "?application_name=relay-7"))
    arguments, named = engine.dialect.create_connect_args(engine.url)

    with psycopg.connect(*arguments, **named) as connection:
        row = connection.execute("SHOW application_name").fetchone()

    assert row == ("relay-7",)
    engine.dispose()
