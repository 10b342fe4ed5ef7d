"""One verification of the ledger at a time, in a thread of its own, with its progress for the page.

It reads what stood in the ledger when it began. It goes on when the person leaves the page, and its result is kept until the
next one begins.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine

from relay.database.database import brief
from relay.ledger.chain import Entry, verify
from relay.ledger.kept_seals import SealAudit
from relay.ledger.reader import RequiredHeads, Stretch, read, stretches

_log = structlog.get_logger(__name__)
_MOST_PROBLEMS = 100


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
    _required: RequiredHeads = field(default_factory=RequiredHeads)

    @property
    def running(self) -> bool:
        return self.ended_at is None

    def check(self, engine: Engine, clock: Callable[[], dt.datetime], seals: Callable[[], SealAudit]) -> None:
        """Recompute every hash; where it is about everything, the heads that days were sealed with must be there. Blocks."""
        self.failed = True  # until it came to its end: what stopped half way has proved nothing
        try:
            sealed = seals() if not self.day else None
            self._required = RequiredHeads((), sealed.pinned if sealed is not None else ())
            parts = stretches(engine, since=self.day, until=_day_after(self.day))
            self.total = sum(part.after.sequence - part.before.sequence for part in parts.values())
            for name, part in parts.items():
                self._required.begin(part.before)
                self._check_chain(engine, name, part)
            if sealed is not None:
                self.problems += [*sealed.problems, *self._required.missing()]
            self.failed = False
        except Exception as error:  # noqa: BLE001  # whatever it was, the page says that it could not be verified
            _log.warning("console_verification_failed", why=brief(error), error=type(error).__name__)
        finally:
            self.ended_at = clock()

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
            self.checked += 1
            self._required.see(entry)
            yield entry


class LedgerVerifications:
    """At most one runs."""

    def __init__(self, engine: Engine, clock: Callable[[], dt.datetime], seals: Callable[[], SealAudit]) -> None:
        self._engine = engine
        self._clock = clock
        self._seals = seals
        self._lock = threading.Lock()
        self.latest: LedgerVerification | None = None

    def begin(self, day: str = "") -> LedgerVerification:
        """Begin one; where one runs, that one."""
        with self._lock:
            if self.latest is not None and self.latest.running:
                return self.latest
            self.latest = run = LedgerVerification(day, self._clock())
            thread = threading.Thread(
                target=run.check, args=(self._engine, self._clock, self._seals), name="verify ledger", daemon=True
            )
            thread.start()
            return run


def _day_after(day: str) -> str:
    return (dt.date.fromisoformat(day) + dt.timedelta(days=1)).isoformat() if day else ""
