"""One verification of the ledger at a time, in a thread of its own, with its progress for the page.

It reads what stood in the ledger when it began. It goes on when the person leaves the page, and its result is kept until the
next one begins. One that came no further for a minute is given up and said to be none: a database that hangs sends not even
an error.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import Engine

from relay.database.database import brief
from relay.ledger.chain import Entry, verify
from relay.ledger.kept_seals import SealAudit
from relay.ledger.reader import RequiredHeads, Stretch, read, stretches

_log = structlog.get_logger(__name__)
_MOST_PROBLEMS = 100
LONGEST_STAND_SECONDS: Final = 60.0
"""without one entry more; a statement of a database that answers has 5"""
_MOST_HANGING = 3
"""threads whose database never answered; until one of them ends, no further verification begins"""


@dataclass(frozen=True, slots=True)
class ChainVerified:
    name: str
    entries: int
    head: str
    whole: bool


@dataclass(slots=True)
class LedgerVerification:
    """Written by its thread, read by pages."""

    day: str
    """the day it is about; empty for everything"""
    begun_at: dt.datetime
    total: int = 0
    checked: int = 0
    problems: list[str] = field(default_factory=list)
    more_problems: int = 0
    chains: list[ChainVerified] = field(default_factory=list)
    ended_at: dt.datetime | None = None
    failed: bool = False
    """it could not be carried out"""
    moved_at: float = field(default_factory=time.monotonic)
    """when it came further last: where a database hangs, nothing comes back, not even an error"""
    given_up: bool = False
    _required: RequiredHeads = field(default_factory=RequiredHeads)

    @property
    def running(self) -> bool:
        return self.ended_at is None

    def give_up(self, now: dt.datetime) -> None:
        """Its thread may hang for ever; what it still finds counts no more, and it ends where it can."""
        self.failed, self.given_up, self.ended_at = True, True, now

    def check(self, engine: Engine, clock: Callable[[], dt.datetime], seals: Callable[[], SealAudit]) -> None:
        """Recompute every hash; where it is about everything, the heads that days were sealed with must be there. Blocks."""
        self.failed = True  # until it came to its end: what stopped half way has proved nothing
        try:
            sealed = seals() if not self.day else None
            self._required = RequiredHeads((), sealed.pinned if sealed is not None else ())
            parts = stretches(engine, since=self.day, until=_day_after(self.day))
            self.moved_at = time.monotonic()
            self.total = sum(part.after.sequence - part.before.sequence for part in parts.values())
            for name, part in parts.items():
                self._required.begin(part.before)
                self._check_chain(engine, name, part)
            if sealed is not None:
                self.problems += [*sealed.problems, *self._required.missing()]
            self.failed = self.given_up
        except _GivenUp:
            _log.info("console_verification_given_up", checked=self.checked)
        except Exception as error:  # noqa: BLE001  # whatever it was, the page says that it could not be verified
            _log.warning("console_verification_failed", why=brief(error), error=type(error).__name__)
        finally:
            self.ended_at = self.ended_at or clock()

    def _check_chain(self, engine: Engine, name: str, part: Stretch) -> None:
        before, found = self.checked, 0
        entries = self._counted(read(engine, {name: part}))
        for problem in verify(name, entries, part.after, start=part.before):
            found += 1
            if len(self.problems) < _MOST_PROBLEMS:
                self.problems.append(str(problem))
            else:
                self.more_problems += 1
        self.chains.append(ChainVerified(name, self.checked - before, part.after.hash, found == 0))

    def _counted(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if self.given_up:
                raise _GivenUp
            self.checked += 1
            self.moved_at = time.monotonic()
            self._required.see(entry)
            yield entry


class _GivenUp(Exception):
    """The verification is no longer waited for."""


class LedgerVerifications:
    """At most one runs; one that comes no further is given up, and its thread left to hang."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], dt.datetime],
        seals: Callable[[], SealAudit],
        longest_stand: float = LONGEST_STAND_SECONDS,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._seals = seals
        self._longest_stand = longest_stand
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._latest: LedgerVerification | None = None

    @property
    def latest(self) -> LedgerVerification | None:
        """The newest one; given up where it stood still for too long."""
        run = self._latest
        if run is not None and run.running and time.monotonic() - run.moved_at > self._longest_stand:
            run.give_up(self._clock())
            _log.warning("console_verification_stands", checked=run.checked, seconds=round(self._longest_stand))
        return run

    def begin(self, day: str = "") -> LedgerVerification:
        """Begin one; where one runs, or as many threads hang as may, the latest."""
        with self._lock:
            latest = self.latest
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if latest is not None and (latest.running or len(self._threads) >= _MOST_HANGING):
                return latest
            self._latest = run = LedgerVerification(day, self._clock())
            thread = threading.Thread(
                target=run.check, args=(self._engine, self._clock, self._seals), name="verify ledger", daemon=True
            )
            self._threads.append(thread)
            thread.start()
            return run


def _day_after(day: str) -> str:
    return (dt.date.fromisoformat(day) + dt.timedelta(days=1)).isoformat() if day else ""
