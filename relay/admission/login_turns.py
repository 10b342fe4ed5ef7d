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
* At most `MOST_WAITING` wait, and each for `PATIENCE_SECONDS`. Where the room is full, a newcomer takes the place of the
  newest of the place that has the most waiting.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from relay.admission.login_attempts import LoginAttempts, Who
from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal, Refused

MOST_WAITING = 2048
PATIENCE_SECONDS = 60.0
AT_ONCE = 64
"""logins under way; fewer where the relay has room for fewer sessions"""
AT_ONCE_HERE = 32
"""of one place, and never more than half of what there is room for"""
_RETRY_SECONDS = 5.0


@dataclass(eq=False, slots=True)
class _Waiting:
    who: Who
    known: bool
    number: int
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class LoginTurns:
    def __init__(self, attempts: LoginAttempts, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self.room: Callable[[], int] = lambda: AT_ONCE
        """how many sessions there is room for"""
        self.room_of: Callable[[str], int] = lambda _: AT_ONCE
        """how many further sessions this investor may have"""
        self._attempts = attempts
        self._clock = clock
        self._under_way: Counter[tuple[str, ...]] = Counter()
        self._total = 0
        self._waiting: list[_Waiting] = []
        self._last = 0
        self._served: dict[str, int] = {}
        """the number each place was served with last, while it has logins here"""
        self._timer: asyncio.TimerHandle | None = None
        self._earliest: float | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def turn(self, who: Who, *, known: bool) -> AsyncIterator[None]:
        """Wait, then hold a turn as long as the context lasts. Raises Refused where there is none in time.

        `known`: the investor has logged in from there before, so no slowing holds.
        """
        await self._take(who, known)
        try:
            yield
        finally:
            self._give_back(who)

    def go_on(self) -> None:
        """Begin every login that may: something has ended, or was forgotten."""
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
        if self._earliest is not None:
            self._timer = asyncio.get_running_loop().call_later(self._earliest, self.go_on)

    async def _take(self, who: Who, known: bool) -> None:
        self._last += 1
        mine = _Waiting(who, known, self._last)
        self._make_room(mine)
        self._waiting.append(mine)
        self.go_on()
        try:
            await asyncio.wait({mine.turn}, timeout=PATIENCE_SECONDS)
        except asyncio.CancelledError:
            if mine.turn.done() and mine.turn.exception() is None:
                self._give_back(who)
            raise
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)
        if not mine.turn.done():
            raise Refused(_too_many())
        mine.turn.result()

    def _make_room(self, newcomer: _Waiting) -> None:
        if len(self._waiting) < MOST_WAITING:
            return
        waiting = Counter(other.who.place for other in self._waiting)
        place, most = waiting.most_common(1)[0]
        if most <= waiting[newcomer.who.place] + 1:
            raise Refused(_too_many())
        newest = max((other for other in self._waiting if other.who.place == place), key=lambda other: other.number)
        self._waiting.remove(newest)
        newest.turn.set_exception(Refused(_too_many()))

    def _next(self) -> _Waiting | None:
        """The next that may begin; where none may, `_earliest` is when time alone lets one."""
        self._earliest = None
        room = max(1, min(AT_ONCE, self.room()))
        if self._total >= room:
            return None
        best, its_order = None, None
        for waiting in self._waiting:  # a thousand terminals that come back together are served from its beginning
            order = self._order(waiting)
            if (its_order is None or order < its_order) and self._may_begin(waiting, room):
                best, its_order = waiting, order
                if order[:2] == (0, 0):
                    break
        return best

    def _order(self, waiting: _Waiting) -> tuple[int, int, int]:
        place = waiting.who.place
        return self._attempts.failures_at(place), self._served.get(place, 0), waiting.number

    def _may_begin(self, waiting: _Waiting, room: int) -> bool:
        here, now = max(1, min(AT_ONCE_HERE, room // 2)), self._clock()
        at, program, investor, everywhere = _keys(waiting.who)
        if self._under_way[at] >= here or self._under_way[program] >= max(1, here // 2):
            return False
        if self._attempts.refusal(waiting.who, now) is not None:
            return True  # to hear it
        if self._under_way[investor] >= self._attempts.tries_left_here(waiting.who, now):
            return False
        if self._under_way[everywhere] and self._under_way[everywhere] >= self.room_of(waiting.who.investor_id):
            return False
        due = self._due(waiting)
        if due > 0:
            self._earliest = min(due, self._earliest or due)
        return due <= 0

    def _due(self, waiting: _Waiting) -> float:
        """In how many seconds its slowed subjects let it begin."""
        now = self._clock()
        return 0.0 if waiting.known else self._attempts.due(waiting.who, now) - now

    def _begin(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        now = self._clock()
        locked = self._attempts.refusal(waiting.who, now)
        if locked is not None:
            waiting.turn.set_exception(Refused(locked))
            return
        self._served[waiting.who.place] = self._last
        self._last += 1
        self._total += 1
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
        self.go_on()


def _keys(who: Who) -> tuple[tuple[str, ...], ...]:
    """Under which names a login is counted: its place, its app id there, its investor there and everywhere."""
    here = ("at", who.place), ("program", who.app_id, who.place), ("investor", who.investor_id, who.place)
    return (*here, ("everywhere", who.investor_id))


def _too_many() -> Refusal:
    return login_reasons.too_many_logins(seconds=_RETRY_SECONDS)
