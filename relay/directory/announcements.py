"""Changes of the directory, announced by PostgreSQL to every relay process that shares it.

A change sends a notification inside its transaction, so it arrives with the commit and not without. A process listens on
a connection of its own. While that connection is broken, or where something in between does not pass notifications on
(a pooler in transaction mode), a process finds changes by its look every `directory.look_seconds`.

On SQLite there is nothing to listen to: one machine has it, and a command tells the relay there through its control socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, text

from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_CHANNEL = "ctp_relay_directory"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_ALIVE = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""a connection whose other end is gone without a word is noticed within a minute"""


def announce(connection: Connection) -> None:
    """With the commit of this transaction every process that listens hears of it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": _CHANNEL})


@asynccontextmanager
async def listening(engine: Engine, on_change: Callable[[], object]) -> AsyncIterator[None]:
    """`on_change` is called after each change, and whenever it begins to listen: something may have happened before."""
    tasks = Tasks()
    if engine.dialect.name == "postgresql":
        tasks.start(_listen(engine, on_change), "changes of the directory")
    try:
        yield
    finally:
        await tasks.cancel()


async def _listen(engine: Engine, on_change: Callable[[], object]) -> None:
    driver: Any = import_module("psycopg")  # an extra: a relay on SQLite may run without it
    arguments, named = engine.dialect.create_connect_args(engine.url)
    pause = _FIRST_PAUSE
    while True:
        try:
            async with await driver.AsyncConnection.connect(
                *arguments, autocommit=True, **{**_ALIVE, **named}
            ) as there:
                await there.execute(f"LISTEN {_CHANNEL}")
                pause = _FIRST_PAUSE
                on_change()
                async for _ in there.notifies():
                    on_change()
        except driver.Error as error:
            _log.warning("directory_changes_not_heard", why=type(error).__name__, next_try_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
