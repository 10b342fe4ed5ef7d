"""Which system info was used before: the collector never makes the same bytes twice, so a second time is a replay.

That holds for the whole and for its first block, which has random bytes of its own (CTP facts 39 and 41). The library looks at
that block only, so without this one genuine block would do for any number of made-up rests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete

from relay.database.database import insert_new, writing
from relay.database.schema import SYSTEM_INFO_SEEN
from relay.database.times import stamp

_KEPT_BEYOND_AGE = timedelta(days=2)
_KEPT_UNDATED = timedelta(days=366)


def kept_for(max_age_seconds: float | None) -> timedelta:
    """How long digests are kept; None where a collection's age is not known, as of every collector but CTP's.

    With a greatest age what is older is refused for it. Without one a replay is found for a year, and the table has an end.
    """
    if max_age_seconds is None:
        return _KEPT_UNDATED
    return _KEPT_BEYOND_AGE + timedelta(seconds=max_age_seconds)


class SystemInfoSeen:
    """The table of digests, shared by all processes of the relay."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def remember(self, system_info: bytes, session: str, *, first_block: bytes = b"") -> bool:
        """Keep the digests; False when one was there before. Of two at the same time one is new.

        `first_block` is given where the vendor's library found it genuine; other bytes may begin alike by themselves.
        """
        with writing(self._engine) as connection:
            is_new = [self._keep(connection, part, session) for part in (system_info, first_block) if part]
        return all(is_new)

    def _keep(self, connection: Connection, part: bytes, session: str) -> bool:
        values = {"sha256": hashlib.sha256(part).hexdigest(), "seen_at": stamp(self._clock()), "session": session}
        stored = connection.execute(
            insert_new(connection, SYSTEM_INFO_SEEN)
            .values(values)
            # A row comes back only when it was stored; not every driver counts inserted rows.
            .returning(SYSTEM_INFO_SEEN.c.sha256)
        )
        return stored.one_or_none() is not None

    def forget_older_than(self, age: timedelta) -> int:
        """Drop what is too old to be accepted anyway; returns how many."""
        oldest = stamp(self._clock() - age)
        with writing(self._engine) as connection:
            return connection.execute(delete(SYSTEM_INFO_SEEN).where(SYSTEM_INFO_SEEN.c.seen_at < oldest)).rowcount
