"""Where each investor has logged in from: a guesser elsewhere must not lock him out there.

Kept in the directory's database, so that it is known after a restart and to every process of the firm. The places alone
are in memory, too: what decides at the first byte of a connection cannot wait for a database.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, and_, delete, func, select

from relay.counter.port import Investor
from relay.database.database import insert_or_set, writing
from relay.database.schema import KNOWN_PLACE
from relay.database.times import stamp
from relay.directory.access import DirectoryAccess
from relay.directory.grouped import Grouped

KEPT = timedelta(days=90)
GATHER_SECONDS = 0.25
"""how long what is remembered for later logins waits for others, to be one transaction with them"""
_WRITTEN_TODAY = 10_000
_IN_MEMORY = 20_000
"""places; of more the ones that were used last"""


class KnownPlaces:
    """The table of places. The plain methods block and are thread-safe; the others are for the loop."""

    def __init__(self, engine: Engine, access: DirectoryAccess, *, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._access = access
        self._clock = clock
        self._remembered = Grouped(access, self._remember_all, gather_seconds=GATHER_SECONDS)
        self._written: OrderedDict[tuple[Investor, str], str] = OrderedDict()
        """the day each was written last, so that a place is written once a day"""
        self._used: OrderedDict[str, None] = OrderedDict()
        """places in memory, the last one used last"""

    def load(self) -> None:
        """Read the places into memory; blocks."""
        oldest = stamp(self._clock() - KEPT)
        latest = func.max(KNOWN_PLACE.c.seen_at)
        query = select(KNOWN_PLACE.c.place).where(KNOWN_PLACE.c.seen_at >= oldest)
        with self._engine.connect() as connection:
            found = connection.execute(query.group_by(KNOWN_PLACE.c.place).order_by(latest.desc()).limit(_IN_MEMORY))
            places = list(found.scalars())
        self._used = OrderedDict.fromkeys(reversed(places))

    def has_logins(self, place: str) -> bool:
        """Whether any investor has logged in from there, as far as it is in memory."""
        return place in self._used

    async def is_known(self, investor: Investor, place: str) -> bool:
        """Whether the investor has logged in from there; raises DirectoryUnavailable."""
        return await self._access.run(lambda: self.find(investor, place))

    async def logged_in(self, investor: Investor, place: str) -> None:
        """The investor logged in from there; raises DirectoryUnavailable."""
        self._used[place] = None
        self._used.move_to_end(place)
        while len(self._used) > _IN_MEMORY:
            self._used.popitem(last=False)
        today = stamp(self._clock())[:10]
        if self._written.get((investor, place)) == today:
            return
        await self._remembered.run((investor, place))
        self._written[(investor, place)] = today
        while len(self._written) > _WRITTEN_TODAY:
            self._written.popitem(last=False)

    def find(self, investor: Investor, place: str) -> bool:
        """As `is_known`, blocking."""
        oldest = stamp(self._clock() - KEPT)
        with self._engine.connect() as connection:
            seen = connection.execute(select(KNOWN_PLACE.c.seen_at).where(_is(investor, place))).scalar_one_or_none()
        return seen is not None and seen >= oldest

    def remember(self, investor: Investor, place: str) -> None:
        """As `logged_in`, blocking."""
        self._remember_all([(investor, place)])

    def _remember_all(self, logins: Sequence[tuple[Investor, str]]) -> list[None]:
        """In one transaction."""
        now = stamp(self._clock())
        # Each once, and in one order for all processes: two that write the same rows would wait for each other.
        rows = [
            {"broker_id": investor.broker_id, "investor_id": investor.investor_id, "place": place, "seen_at": now}
            for investor, place in sorted(set(logins), key=lambda one: (astuple(one[0]), one[1]))
        ]
        with writing(self._engine) as connection:
            connection.execute(insert_or_set(connection, KNOWN_PLACE, "seen_at"), rows)
        return [None] * len(logins)

    def forget_old(self) -> int:
        """Drop places without a login for long; returns how many."""
        oldest = stamp(self._clock() - KEPT)
        with writing(self._engine) as connection:
            return connection.execute(delete(KNOWN_PLACE).where(KNOWN_PLACE.c.seen_at < oldest)).rowcount


def _is(investor: Investor, place: str) -> ColumnElement[bool]:
    return and_(
        KNOWN_PLACE.c.broker_id == investor.broker_id,
        KNOWN_PLACE.c.investor_id == investor.investor_id,
        KNOWN_PLACE.c.place == place,
    )
