"""Failed logins, counted so that the one who fails is locked and no other.

Two things are kept apart. `LoginAttempts` slows guessing down: failures of one investor from one place, wrong proofs of
one app id from one place, failures from one place, failures of one investor from all places he never logged in from.
`CounterTries` keeps the relay below the counter's own lock: behind a relay all investors share one address towards CTP,
which locks an investor there after 6 to 10 wrong passwords in a row, no matter who typed them. So few reach the counter, and
of those the last are kept for places the investor is known from: a stranger elsewhere can use up his own share only.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal


class Subject(StrEnum):
    INVESTOR_HERE = "investor_at_address"
    APP_ID_HERE = "app_id_at_address"
    ADDRESS = "address"
    INVESTOR = "investor"
    """from all places together; holds where the investor is not known from"""


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
    """So many failures within the window lock for a time."""

    failures: int
    window_seconds: float
    lock_seconds: float


@dataclass(frozen=True, slots=True)
class Lock:
    subject: str
    name: str
    seconds_left: float


@dataclass(slots=True)
class _Record:
    failures: deque[float] = field(default_factory=deque)
    locked_until: float = 0.0


class LoginAttempts:
    """Failed logins by subject. Bounded: the longest unseen are forgotten first."""

    def __init__(self, limits: Mapping[Subject, AttemptLimit], *, records: int = 100_000) -> None:
        self._limits = dict(limits)
        self._most = records
        self._records: OrderedDict[tuple[Subject, str], _Record] = OrderedDict()

    def refusal(self, who: Who, subjects: tuple[Subject, ...], now: float) -> Refusal | None:
        """Why this login is not even tried; says how long to wait."""
        for subject in subjects:
            record = self._records.get((subject, who.name_of(subject)))
            if record is not None and now < record.locked_until:
                return login_reasons.locked_out(what=subject.value, seconds=record.locked_until - now)
        return None

    def failed(self, who: Who, subjects: tuple[Subject, ...], now: float) -> tuple[Lock, ...]:
        """A login failed through its own fault; returns the locks this brings."""
        return tuple(
            Lock(subject.value, who.name_of(subject), self._limits[subject].lock_seconds)
            for subject in subjects
            if self._count(subject, who.name_of(subject), now)
        )

    def succeeded(self, who: Who) -> None:
        """The investor's failures from here are forgotten. The address's are not: it may be guessing others."""
        self._records.pop((Subject.INVESTOR_HERE, who.name_of(Subject.INVESTOR_HERE)), None)

    def locked(self, now: float) -> tuple[Lock, ...]:
        return tuple(
            Lock(subject.value, name, record.locked_until - now)
            for (subject, name), record in self._records.items()
            if now < record.locked_until
        )

    def lift(self, part: str) -> tuple[Lock, ...]:
        """Forget the failures of every subject with this investor, app id or address in its name; returns them."""
        found = [key for key in self._records if part in key[1].split(" ")]
        for key in found:
            del self._records[key]
        return tuple(Lock(subject.value, name, 0.0) for subject, name in found)

    def _count(self, subject: Subject, name: str, now: float) -> bool:
        limit = self._limits[subject]
        record = self._records.setdefault((subject, name), _Record())
        self._records.move_to_end((subject, name))
        while len(self._records) > self._most:
            self._records.popitem(last=False)
        while record.failures and record.failures[0] <= now - limit.window_seconds:
            record.failures.popleft()
        record.failures.append(now)
        if len(record.failures) < limit.failures:
            return False
        record.failures.clear()
        record.locked_until = now + limit.lock_seconds
        return True


class Turn(StrEnum):
    GO = "go"
    WAIT = "wait"
    """the attempts under way may use up what is left: until one of them has ended"""
    LOCKED = "locked"


@dataclass(slots=True)
class _Tries:
    wrong: deque[float] = field(default_factory=deque)
    under_way: int = 0


class CounterTries:
    """Wrong passwords in a row that reached the counter, for each investor; attempts under way count as wrong.

    `most` stays below the counter's own lock. Places the investor is not known from share `most - kept` of them.
    """

    def __init__(self, most: int, *, kept: int, memory_seconds: float, investors: int = 100_000) -> None:
        self._most = most
        self._kept = min(kept, most - 1)
        self._memory = memory_seconds
        self._investors = investors
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def turn(self, investor_id: str, now: float, *, known: bool) -> Turn:
        """Whether an attempt may go to the counter now."""
        tries = self._tries.get(investor_id)
        if tries is None:
            return Turn.GO
        self._forget_old(tries, now)
        most = self._most if known else self._most - self._kept
        if len(tries.wrong) >= most:
            return Turn.LOCKED
        return Turn.WAIT if len(tries.wrong) + tries.under_way >= most else Turn.GO

    def seconds_left(self, investor_id: str, now: float, *, known: bool) -> float:
        """How long until there is a try again, if the lock is not lifted and no login succeeds."""
        wrong = self._tries[investor_id].wrong
        most = self._most if known else self._most - self._kept
        return wrong[len(wrong) - most] + self._memory - now

    def begun(self, investor_id: str) -> None:
        self._tries.setdefault(investor_id, _Tries()).under_way += 1
        self._tries.move_to_end(investor_id)
        while len(self._tries) > self._investors:
            self._tries.popitem(last=False)

    def right(self, investor_id: str) -> None:
        """The counter took the password: it begins to count anew, and so do we."""
        self._end(investor_id).wrong.clear()
        self._drop_if_empty(investor_id)

    def wrong(self, investor_id: str, now: float) -> None:
        """The counter refused the password, or its answer was not waited for."""
        self._end(investor_id).wrong.append(now)

    def unjudged(self, investor_id: str) -> None:
        """The password was not judged: no answer, or a refusal for another reason."""
        self._end(investor_id)
        self._drop_if_empty(investor_id)

    def locked(self, now: float) -> tuple[Lock, ...]:
        """The investors of whom no stranger's attempt reaches the counter."""
        locks = []
        for investor_id in tuple(self._tries):
            if self.turn(investor_id, now, known=False) is Turn.LOCKED:
                known = self.turn(investor_id, now, known=True) is Turn.LOCKED
                subject = "investor_at_counter" if known else "investor_at_counter_from_new_addresses"
                locks.append(Lock(subject, investor_id, self.seconds_left(investor_id, now, known=known)))
        return tuple(locks)

    def lift(self, investor_id: str) -> tuple[Lock, ...]:
        """Forget the wrong passwords of this investor: the counter's own count was lifted, or is known to be lower."""
        tries = self._tries.get(investor_id)
        if tries is None or not tries.wrong:
            return ()
        tries.wrong.clear()
        self._drop_if_empty(investor_id)
        return (Lock("investor_at_counter", investor_id, 0.0),)

    def _end(self, investor_id: str) -> _Tries:
        tries = self._tries.setdefault(investor_id, _Tries())  # forgotten meanwhile, where strangers filled the table
        tries.under_way = max(0, tries.under_way - 1)
        return tries

    def _drop_if_empty(self, investor_id: str) -> None:
        tries = self._tries[investor_id]
        if not tries.wrong and not tries.under_way:
            del self._tries[investor_id]

    def _forget_old(self, tries: _Tries, now: float) -> None:
        while tries.wrong and tries.wrong[0] <= now - self._memory:
            tries.wrong.popleft()
