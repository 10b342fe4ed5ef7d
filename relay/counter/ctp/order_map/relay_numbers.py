"""A number for every start of a relay process, taken from the database and not given twice.

It becomes the FrontID of the process's lanes, so two processes can never name two orders alike, whether both
run, one took over from the other, or one is the other's restart. Nothing is leased, so nothing can lapse under a
process that still uses it. After `FRONTS` starts the numbers begin again.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import SQLAlchemyError

from relay.counter.ctp.lanes.lane import FRONTS
from relay.database.database import DatabaseUnusable, brief, insert_new, writing
from relay.database.schema import RELAY_NUMBER

_ROW = 1


def take_number(engine: Engine) -> int:
    """The next number, 0 <= number < FRONTS. Raises DatabaseUnusable."""
    try:
        with writing(engine) as connection:
            return _moved_on(connection) % FRONTS
    except SQLAlchemyError as error:
        raise DatabaseUnusable(f"no number for this process: {brief(error)}") from None


def _moved_on(connection: Connection) -> int:
    # Each database begins somewhere else: two relays that share none will hardly meet either.
    connection.execute(insert_new(connection, RELAY_NUMBER).values(id=_ROW, last=secrets.randbelow(FRONTS)))
    # Locks the row: of two processes that start together one waits here for the other's commit.
    connection.execute(update(RELAY_NUMBER).values(last=RELAY_NUMBER.c.last + 1))
    last: int = connection.execute(select(RELAY_NUMBER.c.last)).scalar_one()
    return last
