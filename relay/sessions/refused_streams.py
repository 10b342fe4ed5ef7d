"""Refused streams in the ledger and the log: a stranger without a secret cannot fill either.

How much one is worth a line of its own depends on how far its terminal came (`Standing`):

    STRANGER   no auth code proved yet: the first of a place in a minute, the others are counted
    PROVED     the auth code was right, the login was not: so many of a place in a minute, the others are counted
    ADMITTED   its admission, or its session, is in the ledger, so its end is as well: every one

An entry of its own (`terminal_refused`) is committed before the terminal hears of the refusal. A counted one is not waited
for: its minute ends with one entry for each place (`terminals_refused`) with what was refused how often.

What is bounded: the places that are counted in a minute (others are counted together), what is kept of each, and the
entries of refusals that wait for the ledger at a time. Where that many wait, refusals are counted, whatever the standing
but the last one, so that the ledger's queue stays open for logins.

A minute begins with the first refusal after the last one ended. A process that is killed loses what it has counted in it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

import structlog

from relay.counter.port import Evidence
from relay.database.times import stamp
from relay.settings.ledger_section import LedgerSettings
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)

MINUTE_SECONDS = 60.0
MOST_PLACES = 256
OTHER_PLACES = "other addresses"
"""in the place of an address, for those beyond `MOST_PLACES`"""
_MOST_WAITING = 64
_APP_IDS = 5
_SHORT = 16


class Standing(Enum):
    """How far the terminal of a refused stream came."""

    STRANGER = auto()
    PROVED = auto()
    ADMITTED = auto()


@dataclass(frozen=True, slots=True)
class RefusalShares:
    """What refusals may have of the ledger and the log."""

    strangers: int = 1
    """entries of their own for each place and minute"""
    proved: int = 60
    waiting: int = _MOST_WAITING
    """entries of refusals that may wait for the ledger at a time"""

    def of(self, standing: Standing) -> int:
        return self.strangers if standing is Standing.STRANGER else self.proved


def shares_of(ledger: LedgerSettings) -> RefusalShares:
    waiting = min(_MOST_WAITING, max(1, ledger.queue_entries // 4))
    return RefusalShares(ledger.stranger_refusals_per_minute, ledger.proved_refusals_per_minute, waiting)


@dataclass(slots=True)
class _Place:
    """One place's minute."""

    own: Counter[Standing] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    app_ids: dict[str, None] = field(default_factory=dict)
    """a few of the counted ones, shortened, in the order they came"""

    def count(self, reason: str, app_id: str) -> None:
        self.reasons[reason] += 1
        if app_id and len(self.app_ids) < _APP_IDS:
            self.app_ids[_shortened(app_id)] = None


class RefusedStreams:
    """For the loop."""

    def __init__(
        self, evidence: Evidence, clock: Callable[[], dt.datetime], shares: RefusalShares | None = None
    ) -> None:
        """`clock` gives aware times."""
        self._evidence = evidence
        self._clock = clock
        self.shares = shares or RefusalShares()
        self._places: dict[str, _Place] = {}
        self._since = ""
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._end: asyncio.TimerHandle | None = None
        self._tasks = Tasks()

    async def add(self, standing: Standing, name: str, place: str, facts: Mapping[str, object], why: str = "") -> None:
        """One refused stream; `facts` has its reason and `terminal_app_id`. In the ledger, or counted, on return.

        `why` is what is wrong inside the relay, for the log.
        """
        if not self._may_have_its_own(standing, place):
            self.count(place, str(facts["reason"]), str(facts["terminal_app_id"]))
            return
        _log.info("terminal_refused", session=name, **facts, **({"why": why} if why else {}))
        self._waiting += 1
        try:
            await self._evidence.note("terminal_refused", name, facts)
        finally:
            self._waiting -= 1

    def count(self, place: str, reason: str, app_id: str) -> None:
        """One that gets no entry of its own."""
        self._at(place).count(reason, app_id)

    async def flush(self) -> None:
        """End the minute now: everything counted is in the ledger and the log on return."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        places, self._places, since, until = self._places, {}, self._since, stamp(self._clock())
        async with self._turn:  # the one of the minute before may be under way
            for place, counted in places.items():
                await self._write(place, counted, since, until)

    async def _write(self, place: str, counted: _Place, since: str, until: str) -> None:
        if counted.reasons:
            facts = {
                "place": place,
                "since": since,
                "until": until,
                "count": counted.reasons.total(),
                # No mapping: a reason's word may sound like a secret, which no key of the ledger may.
                "reasons": [{"reason": word, "count": many} for word, many in counted.reasons.most_common()],
                "app_ids": list(counted.app_ids),
            }
            _log.info("terminals_refused", **facts)
            await self._evidence.note("terminals_refused", "", facts)  # one at a time: the queue is for logins

    def _may_have_its_own(self, standing: Standing, place: str) -> bool:
        if standing is Standing.ADMITTED:
            return True
        at = self._at(place)
        if self._waiting >= self.shares.waiting or at.own[standing] >= self.shares.of(standing):
            return False
        at.own[standing] += 1
        return True

    def _at(self, place: str) -> _Place:
        if self._end is None:
            self._since = stamp(self._clock())
            self._end = asyncio.get_running_loop().call_later(MINUTE_SECONDS, self._minute_over)
        if place not in self._places and len(self._places) >= MOST_PLACES:
            place = OTHER_PLACES
        return self._places.setdefault(place, _Place())

    def _minute_over(self) -> None:
        self._tasks.start(self.flush(), "refused streams of a minute")


def _shortened(app_id: str) -> str:
    shown = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in app_id[: _SHORT + 1])
    return shown if len(shown) <= _SHORT else shown[:_SHORT] + "…"
