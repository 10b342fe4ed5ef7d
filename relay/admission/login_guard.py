"""Logins of proved terminals, counted where they fail: the one who guesses is locked or slowed, before CTP locks all.

Only failures that are the terminal's own doing count: an unknown investor, a wrong password, system info that is not its
own. Wrong proofs never come here. What is kept, all of it in memory:

* `_attempts`: failures of an investor at one place, which lock there, and failures of a place, of an app id there and of
  an investor everywhere, which slow. A place is an address, of IPv6 the /64. No slowing holds where the investor has
  logged in from before, because others can cause it from elsewhere.
* `_turns`: which login goes on next, and how many at a time.
* `_tries` (many-to-many): how many wrong passwords of an investor in a row the counter has seen from this relay. CTP
  locks an investor for the relay's one address after 6 to 10 of them; the relay stops before.
* `_breaker`: the counter refused the relay itself (its address, its app id). Then no login is tried for a while, and
  one decides.

One login, in order: `turn` around all that follows the proof; then the terminal's own checks; then `at_counter` around the
attempt at the counter. Inside it, `_take_try` counts the attempt as a wrong one *before* it is sent.

Where the machine has several workers, each says what it counted (`tell`), and counts what the others say (`hear`): together
they let no more wrong passwords pass than one process would, but for attempts that are under way at two of them in the same moment.

What holds between two events:

* An attempt under way counts as wrong until the counter has judged it. So a burst of parallel logins cannot pass the
  limit together: further attempts of the same investor wait for the earlier ones (`_ends`), at most `_TRY_SECONDS`.
* Every attempt that began ends in exactly one of: right, wrong, not judged (a timeout, a counter that is not ready).
  A login that was broken off counts as wrong, because its password may have arrived.
* After a success the counts begin anew, as CTP's own count does.
* The breaker's one try is taken last, when nothing but the counter is left, and given back where it decided nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Protocol

import structlog

from relay.admission.counted import Counted, CountedAs
from relay.admission.counter_tries import CounterTries, Try, Turn
from relay.admission.known_places import KnownPlaces
from relay.admission.login_attempts import AttemptLimit, Lock, LoginAttempts, Subject, Who
from relay.admission.login_turns import LoginTurns, OnWait
from relay.admission.origin.trusted_proxies import Origin
from relay.counter.breaker import Breaker
from relay.counter.port import Investor
from relay.counter.right_passwords import RightPasswords
from relay.directory.access import DirectoryUnavailable
from relay.refusals import counter_reasons, login_reasons
from relay.refusals.refusal import Refusal, Refused, Source, refuse
from relay.settings.limits_section import Limits
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)

_WRONG_AT_THE_RELAY = frozenset({"investor_unknown", "wrong_investor_password"})
_NOT_ITS_OWN = frozenset(
    {
        "system_info_length",
        "system_info_not_genuine",
        "system_info_replayed",
        "system_info_stale",
        "collected_info_length",
        "collected_info_not_text",
    }
)
_KEPT_FOR_KNOWN_PLACES = 2
_TRY_SECONDS = 60.0
"""how long a login may wait for the investor's others; each of them has deadlines of its own"""
_GUESSED = (Subject.INVESTOR_HERE, Subject.APP_ID_HERE, Subject.ADDRESS, Subject.INVESTOR)


class Attempt(Protocol):
    @property
    def app_id(self) -> str: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def investor(self) -> Investor: ...
    @property
    def password(self) -> str: ...


class LoginGuard:
    def __init__(
        self,
        limits: Limits,
        places: KnownPlaces,
        clock: Callable[[], float],
        *,
        counter_knows_passwords: bool,
        breaker: Breaker | None = None,
        passwords: RightPasswords | None = None,
    ) -> None:
        """`clock` gives monotonic seconds. In many-to-one the counter never sees an investor's password.

        `breaker` and `passwords` are the counter sessions', where a terminal's login is one at the counter; None makes
        them the guard's own.
        """
        self._attempts = LoginAttempts(_attempt_limits(limits))
        self._turns = LoginTurns(self._attempts, clock)
        self._tries: CounterTries | None = None
        if counter_knows_passwords:
            most, memory = limits.login_failures_at_counter, limits.counter_memory_seconds
            self._tries = CounterTries(most, kept=_KEPT_FOR_KNOWN_PLACES, memory_seconds=memory)
        self._breaker = breaker or Breaker(pause_seconds=limits.breaker_pause_seconds)
        self._passwords = passwords or RightPasswords()
        self._places = places
        self._clock = clock
        self._locks_counted = 0
        self._ends: dict[Investor, asyncio.Event] = {}
        """set when the next attempt of this investor at the counter has ended"""
        self._tasks = Tasks()
        self.tell: Callable[[Counted], object] = lambda _: None
        """called with what was counted here, where others count as well"""

    def take_limits(self, limits: Limits) -> None:
        """What is counted already stays counted, and is judged by these from now on."""
        self._attempts.limits = _attempt_limits(limits)
        self._breaker.pause_seconds = limits.breaker_pause_seconds
        if self._tries is not None:
            self._tries.take_limits(
                limits.login_failures_at_counter,
                kept=_KEPT_FOR_KNOWN_PLACES,
                memory_seconds=limits.counter_memory_seconds,
            )

    def has_room(self, room: Callable[[], int], room_of: Callable[[str], int]) -> None:
        """How many sessions there is room for, in all and of one investor: no more logins are under way."""
        self._turns.room, self._turns.room_of = room, room_of

    @asynccontextmanager
    async def turn(self, attempt: Attempt, on_wait: OnWait | None = None) -> AsyncIterator[None]:
        """Around a login from its proof to its end. Raises Refused: locked, the counter refuses the relay, too many.

        `on_wait` is called while it waits for its turn.
        """
        who, now = _who(attempt), self._clock()
        refuse(self._attempts.refusal(who, now))
        refuse(self._breaker.refusal(now))
        known = self._attempts.is_slowed(who, now) and await self._is_known(attempt)
        async with self._turns.turn(who, known=known, on_wait=on_wait):
            yield

    def failed(self, attempt: Attempt, refusal: Refusal) -> None:
        """A login was refused; counts against the names that caused it."""
        now = self._clock()
        for lock in self._failed(_who(attempt), _blamed(refusal)):
            event = "login_locked" if lock.subject == Subject.INVESTOR_HERE else "logins_slowed"
            _log.warning(event, subject=lock.subject, name=lock.name, seconds=lock.seconds_left)
        if refusal.source is Source.COUNTER and refusal.code > 0:  # the counter's own; the library's are negative
            alarm = self._breaker.refused(refusal.code, refusal.message, now)
            if alarm is not None:
                _log.critical("logins_stopped", error_id=alarm.error_id, text=alarm.text)

    def hear(self, counted: Counted) -> None:
        """Another worker counted this."""
        who, now, tries = Who(counted.investor_id, counted.app_id, counted.place), self._clock(), self._tries
        match counted.outcome:
            case CountedAs.FAILED:
                self._attempts.failed(who, tuple(map(Subject, counted.subjects)), now)
            case CountedAs.SUCCEEDED:
                self._attempts.succeeded(who)
            case CountedAs.WRONG if tries is not None:
                tries.begun(who.investor_id, now)
                tries.wrong(Try(who.investor_id, who.place, known=counted.known), now)
            case CountedAs.RIGHT if tries is not None:
                tries.begun(who.investor_id, now)
                tries.right(who.investor_id)

    def _failed(self, who: Who, subjects: tuple[Subject, ...]) -> tuple[Lock, ...]:
        if subjects:
            self.tell(Counted(CountedAs.FAILED, **asdict(who), subjects=tuple(one.value for one in subjects)))
        return self._attempts.failed(who, subjects, self._clock())

    @asynccontextmanager
    async def at_counter(self, attempt: Attempt) -> AsyncIterator[None]:
        """Around the attempt at the counter, which ends it by Refused or takes the login. Raises Refused itself."""
        tried = await self._take_try(attempt)
        try:
            yield
        except Refused as refused:
            self.failed(attempt, refused.refusal)
            wrong = _is_wrong_password(refused.refusal)
            if wrong:
                self._passwords.refused(tried.investor_id, attempt.password)
            self._judged(attempt, tried, wrong=wrong)
            raise
        except asyncio.CancelledError:
            # The password may be on its way. If it did not count, a guesser could break off every attempt in time.
            self._judged(attempt, tried, wrong=True)
            raise
        except BaseException:
            self._judged(attempt, tried, wrong=False)
            raise
        self._let_in(attempt, tried)

    def _let_in(self, attempt: Attempt, tried: Try) -> None:
        """The counter took the login."""
        if self._tries is not None:
            self._tries.right(tried.investor_id)
            self.tell(Counted(CountedAs.RIGHT, tried.investor_id))
            self._passwords.took(tried.investor_id, attempt.password)
        self._ended(attempt)
        self._breaker.reset()
        self._attempts.succeeded(_who(attempt))
        self.tell(Counted(CountedAs.SUCCEEDED, **asdict(_who(attempt))))
        self._tasks.start(self._remember(attempt), "remember a known place")

    def count_locks(self) -> int:
        """How many there are, or were a moment ago; may be asked on any thread."""
        with contextlib.suppress(RuntimeError):  # a login is being counted at this very moment
            self._locks_counted = len(self.locks())
        return self._locks_counted

    def locks(self) -> tuple[Lock, ...]:
        """Every lock that holds, who is slowed, and the breaker."""
        now = self._clock()
        locks = self._attempts.locked(now) + (self._tries.locked(now, self._passwords.knows) if self._tries else ())
        if self._breaker.alarm is not None:
            locks += (Lock("all_logins", f"CTP {self._breaker.alarm.error_id}", self._breaker.seconds_left(now)),)
        return locks

    def lift(self, name: str) -> tuple[Lock, ...]:
        """Forget the failures of this investor, app id or address, and what they brought; returns them."""
        lifted = self._attempts.lift(name) + (self._tries.lift(name) if self._tries else ())
        self._turns.go_on()
        for investor in tuple(self._ends):
            self._ends.pop(investor).set()
        return lifted

    def resume_logins(self) -> tuple[Lock, ...]:
        """Try logins again at once after the counter refused the relay itself."""
        alarm = self._breaker.alarm
        self._breaker.reset()
        return () if alarm is None else (Lock("all_logins", f"CTP {alarm.error_id}", 0.0),)

    async def _take_try(self, attempt: Attempt) -> Try:
        """Wait until an attempt more cannot reach the counter's own lock, and count it. Raises Refused."""
        tried = Try(attempt.investor.investor_id, attempt.origin.place)
        if self._tries is not None:
            tried = await self._wait_for_a_try(self._tries, attempt)
        refuse(self._breaker.admit(self._clock(), attempt))
        if self._tries is not None:
            self._tries.begun(tried.investor_id, self._clock())
        return tried

    async def _wait_for_a_try(self, tries: CounterTries, attempt: Attempt) -> Try:
        investor_id, known = attempt.investor.investor_id, await self._is_known(attempt)
        try:
            async with asyncio.timeout(_TRY_SECONDS):
                while True:
                    right = self._passwords.is_right(investor_id, attempt.password)
                    tried = Try(investor_id, attempt.origin.place, known=known, right=right)
                    turn = tries.turn(tried, self._clock())
                    if turn is Turn.GO:
                        return tried
                    if turn is Turn.LOCKED:
                        raise Refused(self._kept_from_counter(tries, attempt, tried))
                    await self._ends.setdefault(attempt.investor, asyncio.Event()).wait()
        except TimeoutError:
            raise Refused(login_reasons.locked_out(what="investor", seconds=_TRY_SECONDS)) from None

    def _kept_from_counter(self, tries: CounterTries, attempt: Attempt, tried: Try) -> Refusal:
        """It counts as a guess, whatever the password: the answer must not be a quicker way to try passwords."""
        self._failed(_who(attempt), _GUESSED)
        seconds = tries.seconds_left(tried, self._clock())
        if tried.known:
            return login_reasons.locked_out(what="investor", seconds=seconds)
        return login_reasons.locked_out_at_new_address(seconds=seconds)

    def _judged(self, attempt: Attempt, tried: Try, *, wrong: bool) -> None:
        if self._tries is not None:
            if wrong:
                self._tries.wrong(tried, self._clock())
                self.tell(Counted(CountedAs.WRONG, tried.investor_id, place=tried.place, known=tried.known))
            else:
                self._tries.unjudged(tried.investor_id)
        self._ended(attempt)
        self._breaker.give_back(self._clock(), attempt)

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


def _attempt_limits(limits: Limits) -> dict[Subject, AttemptLimit]:
    window, slowest = limits.window_seconds, limits.slowest_login_seconds
    return {
        Subject.INVESTOR_HERE: AttemptLimit(limits.login_failures_per_investor, window, limits.lock_out_seconds),
        Subject.APP_ID_HERE: AttemptLimit(limits.failures_before_slowing_app_id, window, slowest),
        Subject.ADDRESS: AttemptLimit(limits.failures_before_slowing_address, window, slowest),
        Subject.INVESTOR: AttemptLimit(limits.failures_before_slowing_investor, window, slowest),
    }


def _who(attempt: Attempt) -> Who:
    return Who(attempt.investor.investor_id, attempt.app_id, attempt.origin.place)


def _blamed(refusal: Refusal) -> tuple[Subject, ...]:
    """Whose failure it is. System info that is not its own says nothing about the investor the terminal names."""
    if _is_wrong_password(refusal):
        return _GUESSED
    not_its_own = refusal.reason in _NOT_ITS_OWN or refusal.source is Source.COLLECTOR
    return (Subject.APP_ID_HERE, Subject.ADDRESS) if not_its_own else ()


def _is_wrong_password(refusal: Refusal) -> bool:
    if refusal.source is Source.RELAY:
        return refusal.reason in _WRONG_AT_THE_RELAY
    return counter_reasons.is_wrong_login(refusal)
