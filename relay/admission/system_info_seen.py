"""Which system info was used before: the collector never makes the same bytes twice, so a second time is a replay.

CTP fact 41.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete

from relay.database.database import insert_new, writing
from relay.database.schema import SYSTEM_INFO_SEEN
from relay.database.times import stamp


class SystemInfoSeen:
    """The table of digests, shared by all processes of the relay."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def remember(self, system_info: bytes, session: str) -> bool:
        """Keep the bytes' digest; False when it was there before. Of two at the same time one is new."""
        values = {
            "sha256": hashlib.sha256(system_info).hexdigest(),
            "seen_at": stamp(self._clock()),
            "session": session,
        }
        with writing(self._engine) as connection:
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
