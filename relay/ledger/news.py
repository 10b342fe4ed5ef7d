"""What is new in the ledger since one looked last, of some kinds; the names of its chains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, select

from relay.database.schema import LEDGER, LEDGER_HEAD
from relay.ledger.chain import Entry
from relay.ledger.reader import is_here

_ROWS_AT_A_TIME = 1000


def chain_names(engine: Engine) -> list[str]:
    """All chains there are."""
    with engine.connect() as connection:
        return sorted(connection.execute(select(LEDGER_HEAD.c.chain)).scalars())


def entries_after(engine: Engine, seen: dict[str, int], since: str, kinds: Sequence[str]) -> Iterator[Entry]:
    """Entries of these kinds since a time that stand behind `seen` (chain → sequence), each chain in its order.

    `seen` is moved on to each chain's head, so that the next call reads what is new.
    """
    with engine.connect() as connection:
        heads = connection.execute(select(LEDGER_HEAD.c.chain, LEDGER_HEAD.c.sequence)).all()
        for chain, head in heads:
            last = seen.get(chain, 0)
            if head <= last:
                continue
            between = (LEDGER.c.chain == chain, LEDGER.c.sequence > last, LEDGER.c.sequence <= head)
            wanted = select(LEDGER).where(is_here(LEDGER), *between, LEDGER.c.at >= since, LEDGER.c.kind.in_(kinds))
            rows = connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(wanted.order_by(LEDGER.c.sequence))
            for row in rows:
                yield Entry(*row)
            seen[chain] = head
