"""When something has come and gone too often for a line each time: counts, moments and a bound, no log and no thread.

The sixth time in five minutes it *flaps*. That beginning is still said, with `flaps`; from there on nothing is said until it
has been away for a minute: then its end is, with how many `times` it was there. So lines come in pairs whatever happens.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MOST_EDGES = 5
"""beginnings of one thing in `FLAP_SECONDS` that are said one by one"""
FLAP_SECONDS = 300.0
QUIET_SECONDS = 60.0
"""how long one that flaps must be away until it is over"""
SaidFacts = dict[str, object]


class BeginningTimes:
    """When one thing began, the latest few."""

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=MOST_EDGES + 1)

    def count(self, now: float) -> int:
        """One more beginning; returns 1, or how many there were lately where they are too many to be said."""
        self._lately.append(now)
        several = len(self._lately) > MOST_EDGES and now - self._lately[0] < FLAP_SECONDS
        return len(self._lately) if several else 1


class PairOfLines:
    """One line where a thing begins and one where it ends. What is to be said is returned; None where nothing is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beginnings = BeginningTimes()
        self._times = 0
        """how often it was there since its beginning was said; more than once where it flaps"""
        self._away_since: float | None = None

    @property
    def flaps(self) -> bool:
        """Whether its end is held back."""
        return self._times > 1

    def begins(self) -> SaidFacts | None:
        """It is there."""
        lately = self._beginnings.count(self._clock())
        if self.flaps:
            self._times, self._away_since = self._times + 1, None
            return None
        self._times = lately
        return {"flaps": True, "times": lately} if lately > 1 else {}

    def ends(self) -> SaidFacts | None:
        """It is gone."""
        if not self.flaps:
            return {}
        self._away_since = self._clock()
        return None

    def settled(self) -> SaidFacts | None:
        """To be asked now and then: what was held back and has been away for long enough is over."""
        if self._away_since is None or self._clock() - self._away_since < QUIET_SECONDS:
            return None
        times, self._times, self._away_since = self._times, 0, None
        return {"times": times}
