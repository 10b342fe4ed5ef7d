"""Each start of a relay process gets a number that no other has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, update

from relay.counter.ctp.lanes.lane import FRONTS, virtual_front
from relay.counter.ctp.order_map.relay_numbers import take_number
from relay.database.database import DatabaseUnusable, open_database, upgrade, writing
from relay.database.schema import RELAY_NUMBER


def test_processes_that_start_together_get_different_numbers(engine: Engine) -> None:
    """Whether the database is fresh or not: the first ones race for the row itself."""
    with ThreadPoolExecutor(8) as starting:
        numbers = list(starting.map(lambda _: take_number(engine), range(40)))

    assert len(set(numbers)) == 40
    assert all(virtual_front(number) for number in numbers)


def test_after_the_last_number_comes_the_first(sqlite_engine: Engine) -> None:
    """A million starts later nothing of the first one is known any more."""
    take_number(sqlite_engine)
    with writing(sqlite_engine) as connection:
        connection.execute(update(RELAY_NUMBER).values(last=FRONTS - 2))

    assert [take_number(sqlite_engine) for _ in range(3)] == [FRONTS - 1, 0, 1]


def test_databases_that_know_nothing_of_each_other_begin_somewhere_else(tmp_path: Path) -> None:
    """Two relays with a SQLite file each, at one counter: their terminals' orders are told apart all the same."""
    numbers = []
    for name in ("one", "other", "third"):
        engine = open_database(SecretStr(f"sqlite:///{tmp_path / name}"))
        upgrade(engine)
        numbers.append(take_number(engine))
        engine.dispose()

    assert len(set(numbers)) > 1


def test_a_database_without_the_table_is_named_as_the_trouble(tmp_path: Path) -> None:
    """And not as a traceback of the driver."""
    engine = open_database(SecretStr(f"sqlite:///{tmp_path / 'empty'}"))

    with pytest.raises(DatabaseUnusable, match="no number for this process"):
        take_number(engine)
    engine.dispose()
