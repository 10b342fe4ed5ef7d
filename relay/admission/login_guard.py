"""Login attempts, counted where they fail: a name is locked before CTP locks every terminal behind this relay.

Only failures that are the terminal's own doing count: a wrong proof, an unknown investor, a wrong password. What is
kept, all of it in memory:

* `_attempts`: failures and locks of an investor at one address, an app id at one address, an address, and an
  investor at all addresses. A lock of the last three does not hold for an investor at a place (an address, of IPv6 the
  /64) from which he has logged in before, because others can cause it from elsewhere.
* `_tries` (many-to-many): how many wrong passwords of an investor in a row the counter has seen from this relay. CTP
  locks an investor for the relay's one address after 6 to 10 of them; the relay stops before.
* `_breaker`: the counter refused the relay itself (its address, its app id). Then no login is tried for a while, and
  one decides.

One login, in order: `check` before anything is verified; then the terminal's own checks; then `at_counter` around the
attempt at the counter. Inside it, `_take_turn` counts the attempt as a wrong one *before* it is sent.

What holds between two events:

* An attempt under way counts as wrong until the counter has judged it. So a burst of parallel logins cannot pass the
  limit together: further attempts of the same investor wait for the earlier ones (`_ends`), at most `_TURN_SECONDS`.
* Every attempt that began ends in exactly one of: right, wrong, not judged (a timeout, a counter that is not ready).
  A login that was broken off counts as wrong, because its password may have arrived.
* After a success the counts begin anew, as CTP's own count does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from relay.admission.known_places import KnownPlaces
from relay.admission.login_attempts import AttemptLimit, CounterTries, Lock, LoginAttempts, Subject, Turn, Who
from relay.admission.origin.trusted_proxies import Origin
from relay.counter.breaker import Breaker
from relay.counter.port import Investor
from relay.directory.access import DirectoryUnavailable
from relay.refusals import counter_reasons, login_reasons
from relay.refusals.refusal import Refusal, Refused, Source, refuse
from relay.settings.settings import Limits
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)

_WRONG_PROOF = frozenset({"unknown_terminal", "wrong_proof", "challenge_replayed"})
_WRONG_AT_THE_RELAY = frozenset({"investor_unknown", "wrong_investor_password"})
_KEPT_FOR_KNOWN_PLACES = 2
_TURN_SECONDS = 60.0
"""how long a login may wait for the investor's others; each of them has deadlines of its own"""
_HERE = (Subject.INVESTOR_HERE,)
_FROM_ELSEWHERE = (Subject.APP_ID_HERE, Subject.ADDRESS, Subject.INVESTOR)


class Attempt(Protocol):
    @property
    def app_id(self) -> str: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def investor(self) -> Investor: ...


class LoginGuard:
    def __init__(
        self,
        limits: Limits,
        places: KnownPlaces,
        clock: Callable[[], float],
        *,
        counter_knows_passwords: bool,
        breaker: Breaker | None = None,
    ) -> None:
        """`clock` gives monotonic seconds. In many-to-one the counter never sees an investor's password.

        `breaker` is the counter sessions', where a terminal's login is one at the counter; None makes it the guard's own.
        """
        window, lock = limits.window_seconds, limits.lock_out_seconds
        self._attempts = LoginAttempts(
            {
                Subject.INVESTOR_HERE: AttemptLimit(limits.login_failures_per_investor, window, lock),
                Subject.APP_ID_HERE: AttemptLimit(limits.login_failures_per_app_id, window, lock),
                Subject.ADDRESS: AttemptLimit(limits.login_failures_per_ip, window, lock),
                Subject.INVESTOR: AttemptLimit(limits.login_failures_per_investor_everywhere, window, lock),
            }
        )
        self._tries: CounterTries | None = None
        if counter_knows_passwords:
            most, memory = limits.login_failures_at_counter, limits.counter_memory_seconds
            self._tries = CounterTries(most, kept=_KEPT_FOR_KNOWN_PLACES, memory_seconds=memory)
        self._breaker = breaker or Breaker(pause_seconds=limits.breaker_pause_seconds)
        self._places = places
        self._clock = clock
        self._ends: dict[Investor, asyncio.Event] = {}
        """set when the next attempt of this investor at the counter has ended"""
        self._tasks = Tasks()

    async def check(self, attempt: Attempt) -> Refusal | None:
        """Why this login is not even tried."""
        who, now = _who(attempt), self._clock()
        if here := self._attempts.refusal(who, _HERE, now):
            return here
        elsewhere = self._attempts.refusal(who, _FROM_ELSEWHERE, now)
        if elsewhere is not None and not await self._is_known(attempt):
            return elsewhere
        return self._breaker.refusal(now)

    def failed(self, attempt: Attempt, refusal: Refusal) -> None:
        """A login was refused; counts against the names that caused it."""
        now = self._clock()
        for lock in self._attempts.failed(_who(attempt), _blamed(refusal), now):
            _log.warning("login_locked", subject=lock.subject, name=lock.name, seconds=lock.seconds_left)
        if refusal.source is Source.COUNTER:
            alarm = self._breaker.refused(refusal.code, refusal.message, now)
            if alarm is not None:
                _log.critical("logins_stopped", error_id=alarm.error_id, text=alarm.text)

    @asynccontextmanager
    async def at_counter(self, attempt: Attempt) -> AsyncIterator[None]:
        """Around the attempt at the counter, which ends it by Refused or takes the login. Raises Refused itself."""
        await self._take_turn(attempt)
        investor_id = attempt.investor.investor_id
        try:
            yield
        except Refused as refused:
            self.failed(attempt, refused.refusal)
            self._judged(attempt, wrong=_is_wrong_password(refused.refusal))
            raise
        except asyncio.CancelledError:
            # The password may be on its way. If it did not count, a guesser could break off every attempt in time.
            self._judged(attempt, wrong=True)
            raise
        except BaseException:
            self._judged(attempt, wrong=False)
            raise
        if self._tries is not None:
            self._tries.right(investor_id)
        self._ended(attempt)
        self._breaker.reset()
        self._attempts.succeeded(_who(attempt))
        self._tasks.start(self._remember(attempt), "remember a known place")

    def locks(self) -> tuple[Lock, ...]:
        """Every lock that holds, the breaker too."""
        now = self._clock()
        locks = self._attempts.locked(now) + (self._tries.locked(now) if self._tries else ())
        if self._breaker.alarm is not None:
            locks += (Lock("all_logins", f"CTP {self._breaker.alarm.error_id}", self._breaker.seconds_left(now)),)
        return locks

    def lift(self, name: str) -> tuple[Lock, ...]:
        """Forget the failures of this investor, app id or address, and the locks they brought; returns them."""
        lifted = self._attempts.lift(name) + (self._tries.lift(name) if self._tries else ())
        for investor in tuple(self._ends):
            self._ends.pop(investor).set()
        return lifted

    def resume_logins(self) -> tuple[Lock, ...]:
        """Try logins again at once after the counter refused the relay itself."""
        alarm = self._breaker.alarm
        self._breaker.reset()
        return () if alarm is None else (Lock("all_logins", f"CTP {alarm.error_id}", 0.0),)

    async def _take_turn(self, attempt: Attempt) -> None:
        """Wait until an attempt more cannot reach the counter's own lock, and count it. Raises Refused."""
        if self._tries is not None:
            await self._wait_for_a_try(self._tries, attempt)
        refuse(self._breaker.admit(self._clock()))
        if self._tries is not None:
            self._tries.begun(attempt.investor.investor_id)

    async def _wait_for_a_try(self, tries: CounterTries, attempt: Attempt) -> None:
        investor, known = attempt.investor, False
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                while (turn := tries.turn(investor.investor_id, self._clock(), known=known)) is not Turn.GO:
                    if not known and (known := await self._is_known(attempt)):
                        continue
                    if turn is Turn.LOCKED:
                        left = tries.seconds_left(investor.investor_id, self._clock(), known=known)
                        raise Refused(login_reasons.locked_out(what="investor", seconds=left))
                    await self._ends.setdefault(investor, asyncio.Event()).wait()
        except TimeoutError:
            raise Refused(login_reasons.locked_out(what="investor", seconds=_TURN_SECONDS)) from None

    def _judged(self, attempt: Attempt, *, wrong: bool) -> None:
        if self._tries is not None:
            investor_id = attempt.investor.investor_id
            if wrong:
                self._tries.wrong(investor_id, self._clock())
            else:
                self._tries.unjudged(investor_id)
        self._ended(attempt)

    def _ended(self, attempt: Attempt) -> None:
        if ended := self._ends.pop(attempt.investor, None):
            ended.set()

    async def _is_known(self, attempt: Attempt) -> bool:
        try:
            return await self._places.is_known(attempt.investor, attempt.origin.place)
        except DirectoryUnavailable as unavailable:
            _log.warning("known_places_unavailable", why=unavailable.why)
            return False

    async def _remember(self, attempt: Attempt) -> None:
        try:
            await self._places.logged_in(attempt.investor, attempt.origin.place)
        except DirectoryUnavailable as unavailable:
            _log.warning("known_place_not_kept", why=unavailable.why)


def _who(attempt: Attempt) -> Who:
    return Who(attempt.investor.investor_id, attempt.app_id, attempt.origin.place)


def _blamed(refusal: Refusal) -> tuple[Subject, ...]:
    """Whose failure it is. A terminal that fails its proof says nothing about the investor it names."""
    if refusal.source is Source.RELAY and refusal.reason in _WRONG_PROOF:
        return (Subject.APP_ID_HERE, Subject.ADDRESS)
    if _is_wrong_password(refusal):
        return (Subject.INVESTOR_HERE, Subject.ADDRESS, Subject.INVESTOR)
    return ()


def _is_wrong_password(refusal: Refusal) -> bool:
    if refusal.source is Source.RELAY:
        return refusal.reason in _WRONG_AT_THE_RELAY
    return counter_reasons.is_wrong_login(refusal)
