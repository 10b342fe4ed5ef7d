"""When logging in stops: for one investor, app id or address that keeps failing, and for the whole relay.

Behind a relay all investors share one address towards CTP. Its lock-outs (75 per investor and address after 6 to 10
failures, 143 after about 5000 a day, 4060 for authentication; DOMAIN 1.5, 4.2) hit everybody, so the relay locks
the one who fails before CTP locks all.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from relay.domain import reasons
from relay.errors import Refusal


class Subject(StrEnum):
    """Whose failures are counted."""

    INVESTOR = "investor"
    APP_ID = "app_id"
    IP = "ip"


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """So many failures within the window lock for a time."""

    failures: int
    window_seconds: float
    lock_seconds: float


DEFAULT_LIMITS: Mapping[Subject, AttemptLimit] = {
    # CTP locks an investor at 6 at the earliest; a success at CTP clears its count, so does one here.
    Subject.INVESTOR: AttemptLimit(5, 600.0, 900.0),
    Subject.APP_ID: AttemptLimit(50, 600.0, 60.0),
    Subject.IP: AttemptLimit(20, 600.0, 600.0),
}


@dataclass(slots=True)
class _Record:
    failures: deque[float] = field(default_factory=deque)
    locked_until: float = 0.0


class LoginAttempts:
    """Failed logins by investor, app id and address. Bounded: the longest unseen are forgotten first."""

    def __init__(self, limits: Mapping[Subject, AttemptLimit] = DEFAULT_LIMITS, *, subjects: int = 100_000) -> None:
        self._limits = dict(limits)
        self._most = subjects
        self._records: OrderedDict[tuple[Subject, str], _Record] = OrderedDict()

    def refusal(self, who: Mapping[Subject, str], now: float) -> Refusal | None:
        """Why this login is not even tried; says how long to wait."""
        for subject, name in who.items():
            record = self._records.get((subject, name))
            if record is not None and now < record.locked_until:
                return reasons.locked_out(subject.value, record.locked_until - now)
        return None

    def failed(self, who: Mapping[Subject, str], now: float) -> tuple[Subject, ...]:
        """A login failed through the terminal's fault; returns who is locked by it."""
        return tuple(subject for subject, name in who.items() if self._count(subject, name, now))

    def succeeded(self, who: Mapping[Subject, str]) -> None:
        """A login succeeded: the investor's failures are forgotten. The address's are not: it may be guessing others."""
        name = who.get(Subject.INVESTOR)
        if name is not None:
            self._records.pop((Subject.INVESTOR, name), None)

    def locked(self, now: float) -> tuple[tuple[Subject, str, float], ...]:
        """Who is locked, and until when."""
        return tuple((*who, r.locked_until) for who, r in self._records.items() if now < r.locked_until)

    def unlock(self, subject: Subject, name: str) -> bool:
        """An operator lifts a lock; False where there was none."""
        return self._records.pop((subject, name), None) is not None

    def _count(self, subject: Subject, name: str, now: float) -> bool:
        limit = self._limits.get(subject)
        if limit is None:
            return False
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


class BreakerState(StrEnum):
    CLOSED = "closed"
    """logins go on"""
    OPEN = "open"
    """no login is tried"""
    HALF_OPEN = "half_open"
    """one login is tried; it decides"""


WHOLE_RELAY = frozenset({63, 143, 144, 145, 3039, 3040, 4040, 4042, 4060})
"""CTP's ErrorIDs that concern the relay itself, not one investor: each further login makes it worse (DOMAIN 4.2)"""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What operations must know at once."""

    error_id: int
    text: str
    at: float


class Breaker:
    """Stops all new logins of the process after an error that concerns the whole relay."""

    def __init__(self, *, pause_seconds: float = 300.0) -> None:
        self._pause = pause_seconds
        self._state = BreakerState.CLOSED
        self._since = 0.0
        self._alarm: Alarm | None = None

    @property
    def alarm(self) -> Alarm | None:
        """The latest reason the breaker opened; None while it is closed."""
        return self._alarm

    def state(self, now: float) -> BreakerState:
        if self._state is BreakerState.OPEN and now - self._since >= self._pause:
            return BreakerState.HALF_OPEN
        return self._state

    def admit(self, now: float) -> Refusal | None:
        """May a login be tried now? In half-open the first caller is let through and the next have to wait."""
        match self.state(now):
            case BreakerState.CLOSED:
                return None
            case BreakerState.HALF_OPEN if self._state is BreakerState.OPEN:
                self._state, self._since = BreakerState.HALF_OPEN, now
                return None
            case BreakerState.HALF_OPEN if now - self._since >= self._pause:
                self._since = now  # the one that was let through never told how it went
                return None
            case _:
                return reasons.counter_unavailable(f"(CTP {self._alarm.error_id})" if self._alarm else "")

    def refused(self, error_id: int, text: str, now: float) -> Alarm | None:
        """The counter refused a login or an authentication; returns the alarm to raise, None where it is one user's."""
        if error_id not in WHOLE_RELAY:
            if self._state is BreakerState.HALF_OPEN:
                self.reset()  # the counter answers about a user again, so it admits the relay
            return None
        self._state, self._since = BreakerState.OPEN, now
        self._alarm = Alarm(error_id, text, now)
        return self._alarm

    def succeeded(self) -> None:
        """A login went through."""
        self.reset()

    def reset(self) -> None:
        """Closed again: by a success, or by an operator who mended the cause."""
        self._state, self._alarm = BreakerState.CLOSED, None
