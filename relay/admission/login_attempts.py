"""Failed logins, counted so that the one who fails is locked or slowed, and no other.

Only terminals that have proved their auth code are counted here. One thing locks: wrong passwords of one investor at one
place, and the lock holds there alone. The rest slows: after many failures at a place, of one app id at a place, or of one
investor from everywhere, the next login of that subject waits, each longer than the one before up to a bound. Slowing
does not hold where the investor is known from.

The table is bounded by shares. What a place causes is that place's: its own records make room for it, those under a lock
last of all; so made-up names push out neither locks nor failures of others.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal

FIRST_PAUSE_SECONDS = 0.25
"""what the first slowed login waits behind the one before it; doubled with each further failure"""
_LOOKED_AT = 1000
"""how many of the oldest records are looked at for one that is not needed"""


class Subject(StrEnum):
    INVESTOR_HERE = "investor_at_address"
    """the one that is locked"""
    APP_ID_HERE = "app_id_at_address_slowed"
    ADDRESS = "address_slowed"
    INVESTOR = "investor_slowed"
    """from all places together"""


OF_A_LINE = (Subject.APP_ID_HERE, Subject.ADDRESS)
"""the same for all who wait with one program at one place"""
SLOWED = (*OF_A_LINE, Subject.INVESTOR)


@dataclass(frozen=True, slots=True)
class Who:
    """Who tries to log in; `place` is the address, for IPv6 its network."""

    investor_id: str
    app_id: str
    place: str

    def name_of(self, subject: Subject) -> str:
        match subject:
            case Subject.INVESTOR_HERE:
                return f"{self.investor_id} {self.place}"
            case Subject.APP_ID_HERE:
                return f"{self.app_id} {self.place}"
            case Subject.ADDRESS:
                return self.place
            case Subject.INVESTOR:
                return self.investor_id


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """So many failures within the window lock for `seconds`, or slow, and then `seconds` is the longest pause."""

    failures: int
    window_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Lock:
    subject: str
    name: str
    seconds_left: float


@dataclass(slots=True)
class _Record:
    failures: deque[float] = field(default_factory=deque)
    until: float = 0.0
    """locked until then; of a subject that is slowed, no login before then"""


_Key = tuple[Subject, str]


class LoginAttempts:
    def __init__(self, limits: Mapping[Subject, AttemptLimit], *, share: int = 1000, places: int = 1000) -> None:
        """A place has `share` records at most, and all together `share * places // 10`."""
        self.limits = dict(limits)
        """what changes holds for what is counted from now on, and for locks there are"""
        self._share = share
        self._most = share * places // 10
        self._records: OrderedDict[_Key, _Record] = OrderedDict()
        self._owners: dict[_Key, str] = {}
        self._of_place: dict[str, OrderedDict[_Key, None]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def refusal(self, who: Who, now: float) -> Refusal | None:
        """Why this login is not even tried: the lock of the investor at this place; says how long to wait."""
        record = self._records.get((Subject.INVESTOR_HERE, who.name_of(Subject.INVESTOR_HERE)))
        if record is None or now >= record.until:
            return None
        return login_reasons.locked_out(what=Subject.INVESTOR_HERE.value, seconds=record.until - now)

    def tries_left_here(self, who: Who, now: float) -> int:
        """How many wrong passwords of this investor at this place there may be until they lock."""
        return self.limits[Subject.INVESTOR_HERE].failures - self._failures(Subject.INVESTOR_HERE, who, now)

    def failures_at(self, place: str) -> int:
        """How many failures count against a place at the moment; who has fewer comes first."""
        record = self._records.get((Subject.ADDRESS, place))
        return 0 if record is None else len(record.failures)

    def is_slowed(self, who: Who, now: float) -> bool:
        """Whether the next login waits, where the investor is not known from."""
        return any(self._pause(subject, who, now) > 0 for subject in SLOWED)

    def due(self, who: Who, now: float, subjects: tuple[Subject, ...] = SLOWED) -> float:
        """When the next login of all of these subjects that are slowed may begin; may be past."""
        slowed = [subject for subject in subjects if self._pause(subject, who, now) > 0]
        return max((self._records[subject, who.name_of(subject)].until for subject in slowed), default=now)

    def begun(self, who: Who, now: float) -> None:
        """A login begins that may be slowed: the next one waits behind it."""
        for subject in SLOWED:
            if (pause := self._pause(subject, who, now)) > 0:
                self._records[subject, who.name_of(subject)].until = now + pause

    def failed(self, who: Who, subjects: tuple[Subject, ...], now: float) -> tuple[Lock, ...]:
        """A login failed through its own fault; returns the lock, or the slowing, that begins with it."""
        return tuple(
            Lock(subject.value, who.name_of(subject), self.limits[subject].seconds)
            for subject in subjects
            if self._count(subject, who, now)
        )

    def succeeded(self, who: Who) -> None:
        """The investor's failures from here are forgotten. The address's are not: it may be guessing others."""
        self._drop((Subject.INVESTOR_HERE, who.name_of(Subject.INVESTOR_HERE)))

    def locked(self, now: float) -> tuple[Lock, ...]:
        """Every lock, and every subject that is slowed with the time until it would not be."""
        found = []
        for (subject, name), record in self._records.items():
            limit = self.limits[subject]
            until = record.until
            if subject in SLOWED:
                slow = len(record.failures) >= limit.failures
                until = record.failures[-limit.failures] + limit.window_seconds if slow else 0.0
            if now < until:
                found.append(Lock(subject.value, name, until - now))
        return tuple(found)

    def lift(self, part: str) -> tuple[Lock, ...]:
        """Forget the failures of every subject with this investor, app id or address in its name; returns them."""
        found = [key for key in self._records if part in key[1].split(" ")]
        for key in found:
            self._drop(key)
        return tuple(Lock(subject.value, name, 0.0) for subject, name in found)

    # Counting ------------------------------------------------------------------------------------------------

    def _failures(self, subject: Subject, who: Who, now: float) -> int:
        record = self._records.get((subject, who.name_of(subject)))
        if record is None:
            return 0
        while record.failures and record.failures[0] <= now - self.limits[subject].window_seconds:
            record.failures.popleft()
        return len(record.failures)

    def _pause(self, subject: Subject, who: Who, now: float) -> float:
        limit, failures = self.limits[subject], self._failures(subject, who, now)
        if failures < limit.failures:
            return 0.0
        grown = FIRST_PAUSE_SECONDS * 2.0 ** min(failures - limit.failures, 16)
        return min(grown, limit.seconds)

    def _count(self, subject: Subject, who: Who, now: float) -> bool:
        limit, before = self.limits[subject], self._failures(subject, who, now)
        record = self._record(subject, who, now)
        record.failures.append(now)
        if len(record.failures) > 4 * limit.failures + 64:
            record.failures.popleft()
        if subject in SLOWED:
            return before < limit.failures <= len(record.failures)
        if len(record.failures) < limit.failures:
            return False
        record.failures.clear()
        record.until = now + limit.seconds
        return True

    # Room ----------------------------------------------------------------------------------------------------

    def _record(self, subject: Subject, who: Who, now: float) -> _Record:
        key = subject, who.name_of(subject)
        if key not in self._records:
            self._records[key] = _Record()
            self._owners[key] = who.place
            self._of_place.setdefault(who.place, OrderedDict())
        of_place = self._of_place[self._owners[key]]
        of_place[key] = None
        of_place.move_to_end(key)
        self._records.move_to_end(key)
        while len(of_place) > self._share:
            self._drop(self._least_needed(of_place, now, key))
        while len(self._records) > self._most:
            self._drop(self._least_needed(islice(self._records, _LOOKED_AT), now, key))
        return self._records[key]

    def _least_needed(self, keys: Iterable[_Key], now: float, spared: _Key) -> _Key:
        """The one that failed longest ago and locks or slows no one; where all do, the one that ends first."""
        others = [key for key in keys if key != spared] or [spared]
        for key in others:
            record, limit = self._records[key], self.limits[key[0]]
            slows = key[0] in SLOWED and len(record.failures) >= limit.failures
            if now >= record.until and not slows:
                return key
        return min(others, key=lambda key: self._records[key].until)

    def _drop(self, key: _Key) -> None:
        if self._records.pop(key, None) is None:
            return
        owner = self._owners.pop(key)
        of_place = self._of_place[owner]
        del of_place[key]
        if not of_place:
            del self._of_place[owner]
