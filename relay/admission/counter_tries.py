"""How many wrong passwords the counter has seen through this relay: it must see fewer than lock there.

Behind a relay all investors share one address towards CTP. It locks an investor for that address after 6 to 10 wrong
passwords in a row, no matter who typed them, and the address itself after about 5000 a day (CTP fact 24). So each try is
counted before it is sent, and shared out so that a stranger with an auth code uses up his own share only:

* Of an investor's tries, places he is not known from have `most - kept`, places he is known from have the rest.
* Where the counter has taken a password of his since the start, the last try is kept for that very password, from
  wherever it comes (`relay.counter.right_passwords`).
* Of the day's wrong passwords of all investors, one place has `PLACE_SHARE` and all places together `ALL_PLACES`, where
  the investor is not known. Beyond that a login from a new place goes to the counter with the right password only.

An investor's record is kept as long as the counter is taken to remember. The shares bound the table as well.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from relay.admission.login_attempts import Lock

PLACE_SHARE = 200
ALL_PLACES = 3000
_SWEEP_EVERY = 1000


class Turn(StrEnum):
    GO = "go"
    WAIT = "wait"
    """the attempts under way may use up what is left: until one of them has ended"""
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at the counter."""

    investor_id: str
    place: str
    known: bool = False
    """the investor has logged in from there before"""
    right: bool | None = None
    """it is the password the counter took last; None where none is known"""


@dataclass(slots=True)
class _Tries:
    wrong: deque[float] = field(default_factory=deque)
    under_way: int = 0


class CounterTries:
    """Attempts under way count as wrong until they are judged."""

    def __init__(self, most: int, *, kept: int, memory_seconds: float) -> None:
        """`most` stays below the counter's own lock."""
        self.take_limits(most, kept=kept, memory_seconds=memory_seconds)
        self._tries: dict[str, _Tries] = {}
        self._strangers: deque[tuple[float, str]] = deque()
        """wrong passwords from places that were not known, of all investors"""
        self._of_place: Counter[str] = Counter()
        self._begun = 0

    def take_limits(self, most: int, *, kept: int, memory_seconds: float) -> None:
        """What is counted already stays counted, and is judged by these from now on."""
        self._most = most
        self._kept = min(kept, most - 1)
        self._memory = memory_seconds

    def turn(self, attempt: Try, now: float) -> Turn:
        """Whether it may go to the counter now."""
        if not (attempt.known or attempt.right) and self._is_used_up(attempt.place, now):
            return Turn.LOCKED
        tries = self._tries.get(attempt.investor_id)
        if tries is None:
            return Turn.GO
        self._forget_old(tries, now)
        most = self._share(attempt)
        if len(tries.wrong) >= most:
            return Turn.LOCKED
        return Turn.WAIT if len(tries.wrong) + tries.under_way >= most else Turn.GO

    def seconds_left(self, attempt: Try, now: float) -> float:
        """How long until there is a try again, if the lock is not lifted and no login succeeds."""
        tries, most = self._tries.get(attempt.investor_id), self._share(attempt)
        if tries is not None and len(tries.wrong) >= most:
            return tries.wrong[len(tries.wrong) - max(1, most)] + self._memory - now
        return self._strangers[0][0] + self._memory - now if self._strangers else 0.0

    def begun(self, investor_id: str, now: float) -> None:
        """An attempt is about to be sent."""
        self._tries.setdefault(investor_id, _Tries()).under_way += 1
        self._begun += 1
        if self._begun % _SWEEP_EVERY == 0:
            self._sweep(now)

    def right(self, investor_id: str) -> None:
        """The counter took the password: it begins to count anew, and so do we."""
        self._end(investor_id).wrong.clear()
        self._drop_if_empty(investor_id)

    def wrong(self, attempt: Try, now: float) -> None:
        """The counter refused the password, or its answer was not waited for."""
        self._end(attempt.investor_id).wrong.append(now)
        if not attempt.known:
            self._strangers.append((now, attempt.place))
            self._of_place[attempt.place] += 1

    def unjudged(self, investor_id: str) -> None:
        """The password was not judged: no answer, or a refusal for another reason."""
        self._end(investor_id)
        self._drop_if_empty(investor_id)

    def locked(self, now: float, is_right_known: Callable[[str], bool] = lambda _: False) -> tuple[Lock, ...]:
        """Whose attempts do not reach the counter, with another password than one that is known to be right."""
        locks = []
        for investor_id in tuple(self._tries):
            right = False if is_right_known(investor_id) else None
            new, known = Try(investor_id, "", right=right), Try(investor_id, "", known=True, right=right)
            if self.turn(known, now) is Turn.LOCKED:
                locks.append(Lock("investor_at_counter", investor_id, self.seconds_left(known, now)))
            elif len(self._tries[investor_id].wrong) >= self._share(new):
                seconds = self.seconds_left(new, now)
                locks.append(Lock("investor_at_counter_from_new_addresses", investor_id, seconds))
        locks += [
            Lock("new_investors_from_address", place, self._strangers[0][0] + self._memory - now)
            for place, wrong in self._of_place.items()
            if wrong >= PLACE_SHARE
        ]
        if len(self._strangers) >= ALL_PLACES:
            locks.append(Lock("new_investors", "", self._strangers[0][0] + self._memory - now))
        return tuple(locks)

    def lift(self, name: str) -> tuple[Lock, ...]:
        """Forget the wrong passwords of this investor, or of this address: the counter's own count is known to be lower."""
        lifted = []
        tries = self._tries.get(name)
        if tries is not None and tries.wrong:
            tries.wrong.clear()
            self._drop_if_empty(name)
            lifted.append(Lock("investor_at_counter", name, 0.0))
        if self._of_place.pop(name, 0) >= PLACE_SHARE:
            lifted.append(Lock("new_investors_from_address", name, 0.0))
        self._strangers = deque(one for one in self._strangers if one[1] != name)
        return tuple(lifted)

    def _share(self, attempt: Try) -> int:
        """How many wrong passwords of the investor there may be before this attempt."""
        if attempt.right:
            return self._most
        kept_for_the_right = 1 if attempt.right is False and self._most > self._kept + 1 else 0
        return self._most - kept_for_the_right - (0 if attempt.known else self._kept)

    def _is_used_up(self, place: str, now: float) -> bool:
        while self._strangers and self._strangers[0][0] <= now - self._memory:
            _, old = self._strangers.popleft()
            self._of_place[old] -= 1
            if self._of_place[old] <= 0:
                del self._of_place[old]
        return self._of_place[place] >= PLACE_SHARE or len(self._strangers) >= ALL_PLACES

    def _end(self, investor_id: str) -> _Tries:
        tries = self._tries.setdefault(investor_id, _Tries())
        tries.under_way = max(0, tries.under_way - 1)
        return tries

    def _drop_if_empty(self, investor_id: str) -> None:
        tries = self._tries[investor_id]
        if not tries.wrong and not tries.under_way:
            del self._tries[investor_id]

    def _forget_old(self, tries: _Tries, now: float) -> None:
        while tries.wrong and tries.wrong[0] <= now - self._memory:
            tries.wrong.popleft()

    def _sweep(self, now: float) -> None:
        for investor_id, tries in tuple(self._tries.items()):
            self._forget_old(tries, now)
            self._drop_if_empty(investor_id)
