"""What finds a fault at its work, and what looks for it without work, are of one mind about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, text

from relay.faults.faults import FaultEdge, Faults
from relay.faults.table import Fault
from relay.hearing import hear
from relay.ledger.ledger import Ledger
from relay.ledger.spool import Spool
from relay.watch.watching import Watching
from tests.relay.conftest import HandClock

_FULL = "CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'disk full'); END"


async def test_a_look_that_finds_nothing_does_not_end_what_the_ledger_meets(
    sqlite_engine: Engine, clock: HandClock, tmp_path: Path
) -> None:
    """A database that answers and takes no entry: one beginning and one end, however often it is looked at meanwhile."""
    faults, edges = Faults(), list[FaultEdge]()
    faults.listen(edges.append)
    shared: Any = SimpleNamespace(faults=faults, order_map=SimpleNamespace(), watch=None, clock=None, alarms=None)
    with Ledger(sqlite_engine, "relay", spool=Spool(tmp_path / "spool.jsonl"), clock=clock) as ledger:
        watching = Watching(SimpleNamespace(), hear(shared, sqlite_engine, ledger, None, None, lambda: None))  # type: ignore[arg-type]
        await asyncio.to_thread(_run, sqlite_engine, _FULL)
        for _ in range(3):
            await ledger.note("refused", "", {})
            await _until(lambda: faults.stands(Fault.DATABASE_DOWN))
            await asyncio.to_thread(watching.database)
        during = [(edge.of.fault, edge.is_end) for edge in edges if edge.of.fault is Fault.DATABASE_DOWN]
        await asyncio.to_thread(_run, sqlite_engine, "DROP TRIGGER full")
        await _until(lambda: not faults.now())
        await asyncio.to_thread(watching.database)

    assert during == [(Fault.DATABASE_DOWN, False)]
    assert not faults.now()


def _run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - the ledger's writer is a thread
            await asyncio.sleep(0.01)
