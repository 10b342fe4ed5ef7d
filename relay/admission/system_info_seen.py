"""Which system info was used before: the collector never makes the same bytes twice, so a second time is a replay.

That holds for the whole and for its first block, which has random bytes of its own (CTP facts 39 and 41). The library looks at
that block only, so without this one genuine block would do for any number of made-up rests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete

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


@dataclass(frozen=True, slots=True)
class Shown:
    """System info that a login shows."""

    system_info: bytes = field(repr=False)
    session: str
    first_block: bytes = field(default=b"", repr=False)
    """given where the vendor's library found it genuine; other bytes may begin alike by themselves"""

    def digests(self) -> list[str]:
        return [hashlib.sha256(part).hexdigest() for part in (self.system_info, self.first_block) if part]


class SystemInfoSeen:
    """The table of digests, shared by all processes of the relay."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def remember(self, system_info: bytes, session: str, *, first_block: bytes = b"") -> bool:
        """As `remember_all`, of one."""
        return self.remember_all([Shown(system_info, session, first_block)])[0]

    def remember_all(self, shown: Sequence[Shown]) -> list[bool]:
        """Keep the digests, in one transaction; False where one was there before. Of two at the same time one is new."""
        digests, now = [one.digests() for one in shown], stamp(self._clock())
        session_of = {digest: one.session for one, own in zip(shown, digests, strict=True) for digest in own}
        rows = [{"sha256": digest, "seen_at": now, "session": session_of[digest]} for digest in sorted(session_of)]
        with writing(self._engine) as connection:
            # A row comes back only when it was stored; not every driver counts inserted rows.
            kept = insert_new(connection, SYSTEM_INFO_SEEN).returning(SYSTEM_INFO_SEEN.c.sha256)
            fresh = set(connection.execute(kept, rows).scalars())
        return [_are_fresh(own, fresh) for own in digests]

    def forget_older_than(self, age: timedelta) -> int:
        """Drop what is too old to be accepted anyway; returns how many."""
        oldest = stamp(self._clock() - age)
        with writing(self._engine) as connection:
            return connection.execute(delete(SYSTEM_INFO_SEEN).where(SYSTEM_INFO_SEEN.c.seen_at < oldest)).rowcount


def _are_fresh(digests: Sequence[str], fresh: set[str]) -> bool:
    """Whether all are, which none is a second time."""
    found = [digest in fresh for digest in digests]
    fresh.difference_update(digests)
    return all(found) and len(set(digests)) == len(digests)
