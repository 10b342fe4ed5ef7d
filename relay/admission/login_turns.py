"""Whose login goes on next: few at a time for each place and app id there, and one after the other where it is slowed.

A login that waits here has proved its auth code and holds nothing else: no place among the sessions, no try at the
counter, no probe. What holds between two events:

* `_under_way` are the logins that go on, `_waiting` those that do not yet. A login goes on as soon as there is room in all,
  room for its place and for its app id there, and no slowed subject of its own makes it wait (`LoginAttempts`).
* Of those that may go on, the place with the fewest failures comes first, then the place served longest ago, then who
  came first. So a place that sends many takes turns with a place that sends one.
* Of one investor no more logins are under way than he may have further sessions, so that strangers who fail take none of
  them: the others wait. Of one investor at one place no more are under way than wrong passwords are left before the lock there: a burst cannot
  pass it together.
* After `AT_ONCE` at once, no more than `MOST_A_SECOND` begin: the rest of the loop's time is for the orders of those who are in.
* Those who wait begin together, at beats (`BEAT_SECONDS`), so that they ask the verifier, the directory and the ledger together: one
  message and one transaction are for all. Who comes while nobody waits begins at once.
* Who waits hears every `TOLD_EVERY_SECONDS` how many came before him and wait as well, where he wants to.
* At most `MOST_WAITING` wait, and each for `PATIENCE_SECONDS`. Where the room is full, a newcomer takes the place of the
  newest of the place that has the most waiting.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from relay.admission.login_attempts import OF_A_LINE, LoginAttempts, Subject, Who
from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal, Refused

MOST_WAITING = 2048
PATIENCE_SECONDS = 60.0
AT_ONCE = 64
"""logins under way; fewer where the relay has room for fewer sessions"""
AT_ONCE_HERE = 32
"""of one place, and never more than half of what there is room for"""
MOST_A_SECOND = 140.0
"""a thousand are in after seven seconds, for which a loop needs about half its time"""
BEAT_SECONDS = 0.05
TOLD_EVERY_SECONDS = 2.0
_RETRY_SECONDS = 5.0

OnWait = Callable[[int, int], object]
"""takes the place in the order of arrival, 1 the first, and how many wait"""


@dataclass(eq=False, slots=True)
class _Waiting:
    who: Who
    known: bool
    number: int
    line: tuple[str, str]
    """its program and place: who waits there differs in the investor alone"""
    on_wait: OnWait | None = None
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True)
class _Look:
    """A look at those who wait, of whom a thousand may be alike: what holds for all of these is found out once."""

    room: int
    now: float
    full: set[tuple[str, str]] = field(default_factory=set)
    slowed: set[tuple[str, str]] = field(default_factory=set)
    behind: set[Who] = field(default_factory=set)
    """who has too many of the same investor before him"""

    @property
    def room_here(self) -> int:
        """Of one place."""
        return max(1, min(AT_ONCE_HERE, self.room // 2))


class _Pace:
    """How many more may begin by now."""

    def __init__(self, now: float) -> None:
        self._left, self._at = float(AT_ONCE), now

    def has_one(self, now: float) -> bool:
        self._left = min(float(AT_ONCE), self._left + (now - self._at) * MOST_A_SECOND)
        self._at = now
        return self._left >= 1

    def begun(self) -> None:
        self._left -= 1


class LoginTurns:
    def __init__(self, attempts: LoginAttempts, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self.room: Callable[[], int] = lambda: AT_ONCE
        """how many sessions there is room for"""
        self.room_of: Callable[[str], int] = lambda _: AT_ONCE
        """how many further sessions this investor may have"""
        self._attempts = attempts
        self._clock = clock
        self._pace = _Pace(clock())
        self._under_way: Counter[tuple[str, ...]] = Counter()
        self._total = 0
        self._waiting: list[_Waiting] = []
        """in the order in which they came"""
        self._waiting_at: Counter[str] = Counter()
        """how many of them at each place"""
        self._last = 0
        self._served: dict[str, int] = {}
        """the number each place was served with last, while it has logins here"""
        self._timer: asyncio.TimerHandle | None = None
        self._earliest: float | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._no_room = False
        """whether the last look ended because there was no room in all"""
        self._beat: asyncio.TimerHandle | None = None
        """when those who wait are looked at again: one has ended, or enough have begun for now"""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def turn(self, who: Who, *, known: bool, on_wait: OnWait | None = None) -> AsyncIterator[None]:
        """Wait, then hold a turn as long as the context lasts. Raises Refused where there is none in time.

        `known`: the investor has logged in from there before, so no slowing holds. `on_wait` is called while it waits.
        """
        await self._take(who, known, on_wait)
        try:
            yield
        finally:
            self._give_back(who)

    def go_on(self) -> None:
        """Begin every login that may: something has ended, or was forgotten."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while (following := self._next()) is not None:
            self._begin(following)
        if len(self._served) > 2 * (len(self._waiting) + self._total):
            here = {waiting.who.place for waiting in self._waiting} | {
                key[1] for key in self._under_way if key[0] == "at"
            }
            self._served = {place: number for place, number in self._served.items() if place in here}
        self._look_in_time()

    def _look_in_time(self) -> None:
        if self._earliest is None:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + self._earliest
        if self._timer is not None and self._timer.when() > at:
            self._timer.cancel()
            self._timer = None
        self._timer = self._timer or loop.call_at(at, self.go_on)

    async def _take(self, who: Who, known: bool, on_wait: OnWait | None) -> None:
        self._last += 1
        mine = _Waiting(who, known, self._last, (who.app_id, who.place), on_wait)
        self._make_room(mine)
        self._waiting.append(mine)
        self._waiting_at[who.place] += 1
        self._came(mine)
        self._tell_in_time()
        try:
            await asyncio.wait({mine.turn}, timeout=PATIENCE_SECONDS)
        except asyncio.CancelledError:
            if mine.turn.done() and mine.turn.exception() is None:
                self._give_back(who)
            raise
        finally:
            if mine in self._waiting:
                self._stands_no_more(mine)
        if not mine.turn.done():
            raise Refused(_too_many())
        mine.turn.result()

    def _tell_in_time(self) -> None:
        if self._waiting and self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TOLD_EVERY_SECONDS, self._tell)

    def _tell(self) -> None:
        """Say to all who wait where they stand."""
        self._telling = None
        for place, waiting in enumerate(self._waiting, 1):  # in the order in which they came
            if waiting.on_wait is not None:
                waiting.on_wait(place, len(self._waiting))
        self._tell_in_time()

    def _came(self, newcomer: _Waiting) -> None:
        """Begin it where it may. The others may not, or there was no room: nothing has changed for them."""
        if self._beat is not None:
            return  # it is looked at with them
        if self._no_room:
            self.go_on()
            return
        self._earliest, look = None, self._look()
        if self._has_room(look) and self._may_begin(newcomer, look):
            self._begin(newcomer)
        self._look_in_time()

    def _stands_no_more(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        self._waiting_at[waiting.who.place] -= 1
        if not self._waiting_at[waiting.who.place]:
            del self._waiting_at[waiting.who.place]

    def _make_room(self, newcomer: _Waiting) -> None:
        if len(self._waiting) < MOST_WAITING:
            return
        waiting = Counter(other.who.place for other in self._waiting)
        place, most = waiting.most_common(1)[0]
        if most <= waiting[newcomer.who.place] + 1:
            raise Refused(_too_many())
        newest = max((other for other in self._waiting if other.who.place == place), key=lambda other: other.number)
        self._stands_no_more(newest)
        newest.turn.set_exception(Refused(_too_many()))

    def _next(self) -> _Waiting | None:
        """The next that may begin; where none may, `_earliest` is when time alone lets one."""
        self._earliest, look = None, self._look()
        if not self._has_room(look):
            return None
        best, its_order = None, None
        for waiting in self._waiting:  # a thousand terminals that come back together are served from its beginning
            if self._is_shut(waiting, look):
                continue
            order = self._order(waiting)
            if (its_order is None or order < its_order) and self._may_begin(waiting, look):
                best, its_order = waiting, order
                if order[:2] == (0, 0) or len(self._waiting_at) == 1:  # of one place, who came first
                    break
        return best

    def _order(self, waiting: _Waiting) -> tuple[int, int, int]:
        place = waiting.who.place
        return self._attempts.failures_at(place), self._served.get(place, 0), waiting.number

    def _look(self) -> _Look:
        return _Look(max(1, min(AT_ONCE, self.room())), self._clock())

    def _has_room(self, look: _Look) -> bool:
        """Whether one more may begin at all."""
        self._no_room = self._total >= look.room
        if self._no_room:
            return False
        if not self._pace.has_one(look.now):
            self._go_on_at_beat()
            return False
        return True

    def _go_on_at_beat(self) -> None:
        if self._waiting and self._beat is None:
            self._beat = asyncio.get_running_loop().call_later(BEAT_SECONDS, self.go_on)

    def _is_shut(self, waiting: _Waiting, look: _Look) -> bool:
        """Whether this look has found out already that it may not begin."""
        if waiting.line in look.full or waiting.who in look.behind:
            return True
        slowed = waiting.line in look.slowed and not waiting.known
        return slowed and self._attempts.refusal(waiting.who, look.now) is None

    def _may_begin(self, waiting: _Waiting, look: _Look) -> bool:
        at, program, investor, everywhere = _keys(waiting.who)
        if self._under_way[at] >= look.room_here or self._under_way[program] >= max(1, look.room_here // 2):
            look.full.add(waiting.line)
            return False
        if self._attempts.refusal(waiting.who, look.now) is not None:
            return True  # to hear it
        here, all_his = self._under_way[investor], self._under_way[everywhere]
        no_try_left = here >= self._attempts.tries_left_here(waiting.who, look.now)
        if no_try_left or (all_his and all_his >= self.room_of(waiting.who.investor_id)):
            look.behind.add(waiting.who)
            return False
        return waiting.known or self._is_due(waiting, look)

    def _is_due(self, waiting: _Waiting, look: _Look) -> bool:
        """Whether its slowed subjects let it begin."""
        of_line = self._attempts.due(waiting.who, look.now, OF_A_LINE) - look.now
        if of_line > 0:
            look.slowed.add(waiting.line)
        due = max(of_line, self._attempts.due(waiting.who, look.now, (Subject.INVESTOR,)) - look.now)
        if due > 0:
            self._earliest = min(due, self._earliest or due)
        return due <= 0

    def _begin(self, waiting: _Waiting) -> None:
        self._stands_no_more(waiting)
        now = self._clock()
        locked = self._attempts.refusal(waiting.who, now)
        if locked is not None:
            waiting.turn.set_exception(Refused(locked))
            return
        self._served[waiting.who.place] = self._last
        self._last += 1
        self._total += 1
        self._pace.begun()
        self._under_way.update(_keys(waiting.who))
        if not waiting.known:
            self._attempts.begun(waiting.who, now)
        waiting.turn.set_result(None)

    def _give_back(self, who: Who) -> None:
        self._total -= 1
        for key in _keys(who):
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
        if self._waiting:
            self._go_on_at_beat()
        else:
            self.go_on()


def _keys(who: Who) -> tuple[tuple[str, ...], ...]:
    """Under which names a login is counted: its place, its app id there, its investor there and everywhere."""
    here = ("at", who.place), ("program", who.app_id, who.place), ("investor", who.investor_id, who.place)
    return (*here, ("everywhere", who.investor_id))


def _too_many() -> Refusal:
    return login_reasons.too_many_logins(seconds=_RETRY_SECONDS)
