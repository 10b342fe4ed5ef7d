"""In which order and how fast new connections go on, where each costs a TLS handshake.

Each address has a bucket, and all addresses together have one for those that are known and one for those that are not.
Of those that wait, an address that never went goes first, the newest of these before the others: a flood of new
addresses comes at once, and somebody who comes a moment later need not wait for all of them. Then the address that went
longest ago. So a flood waits for itself, however many addresses it has used before.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from relay.http2.bucket import Bucket

_Key = TypeVar("_Key")

AT_ONCE = 64
"""connections that an address opens without waiting: a branch office in the morning"""
_SECONDS_AT_ONCE = 0.1
"""what all addresses together may open without waiting, as a share of a second's rate: many handshakes at once hold orders up"""
_KNOWN_TIMES = 4
"""known addresses have so many times the rate of the others, and a bucket of their own"""
_REMEMBERED = 4096
"""addresses"""
_ENOUGH = 1.0 - 1e-9
"""a whole one, but for the rounding of times"""


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """Connections a second."""

    total: float
    at_place: float


class _WaitingPlace:
    """What waits at one place."""

    def __init__(self, *, known: bool) -> None:
        self.known = known
        self.waiting: OrderedDict[object, None] = OrderedDict()


class Pace(Generic[_Key]):
    """Who waits, and whose turn it is."""

    def __init__(self, limits: PaceLimits) -> None:
        self.limits = limits
        self._of_all = {known: self._bucket_of_all(known=known) for known in (True, False)}
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        """of the places, the one that went longest ago first"""
        self._lines: dict[str, _WaitingPlace] = {}
        self._place_of: dict[_Key, str] = {}
        self._turns: dict[str, int] = {}
        self._turn = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._place_of)

    def take_limits(self, limits: PaceLimits) -> None:
        """Go on at another pace."""
        self.limits = limits
        for known, bucket in self._of_all.items():
            fresh = self._bucket_of_all(known=known)
            bucket.rate, bucket.burst = fresh.rate, fresh.burst
        for bucket in tuple(self._buckets.values()):
            bucket.rate = limits.at_place

    def ask(self, key: _Key, place: str, *, known: bool) -> None:
        """Wait for a turn."""
        line = self._lines.setdefault(place, _WaitingPlace(known=known))
        line.waiting[key] = None
        self._place_of[key] = place

    def leave(self, key: _Key) -> None:
        """Wait no longer; nothing where it does not wait."""
        place = self._place_of.pop(key, None)
        if place is None:
            return
        line = self._lines[place]
        del line.waiting[key]
        if not line.waiting:
            del self._lines[place]

    def is_ready(self, place: str, now: float) -> bool:
        """Whether one who waits at this place may go now."""
        line = self._lines.get(place)
        return line is not None and self._of_all[line.known].left(now) >= _ENOUGH and self._may(place, now)

    def next(self, now: float) -> _Key | None:
        """Who goes now, known places first; None where it is no one's turn yet."""
        for known in (True, False):
            place = self._next_place(known, now) if self._of_all[known].left(now) >= _ENOUGH else None
            if place is not None:
                self._goes(place, now, known=known)
                key: _Key = next(iter(self._lines[place].waiting))  # type: ignore[assignment]
                self.leave(key)
                return key
        return None

    def wait(self, now: float) -> float | None:
        """Seconds until it is somebody's turn; None where none waits."""
        waits: list[float] = []
        for known in (True, False):
            of_all, at_place = self._of_all[known].wait(1, now), math.inf
            for place, line in self._lines.items():
                if line.known is known:
                    own = self._bucket(place).wait(1, now)
                    at_place = min(own, at_place)
                    if own <= of_all:  # no other place makes it sooner
                        break
            if at_place < math.inf:
                waits.append(max(of_all, at_place))
        return min(waits, default=None)

    def _next_place(self, known: bool, now: float) -> str | None:
        """Of the places that may go the newest that never went, else the one that went longest ago."""
        best, its_turn = None, 0
        for place, line in reversed(self._lines.items()):
            turn = self._turns.get(place, 0)
            if line.known is known and (best is None or turn < its_turn) and self._may(place, now):
                best, its_turn = place, turn
                if not turn:
                    break
        return best

    def _may(self, place: str, now: float) -> bool:
        return self._bucket(place).left(now) >= _ENOUGH

    def _goes(self, place: str, now: float, *, known: bool) -> None:
        self._of_all[known].take(1, now)
        self._bucket(place).take(1, now)
        self._turn += 1
        self._turns[place] = self._turn
        self._buckets.move_to_end(place)
        for other in tuple(self._buckets)[: max(0, len(self._buckets) - _REMEMBERED)]:
            if other not in self._lines:
                del self._buckets[other]
                self._turns.pop(other, None)

    def _bucket(self, place: str) -> Bucket:
        if place not in self._buckets:
            self._buckets[place] = Bucket(self.limits.at_place, AT_ONCE)
        return self._buckets[place]

    def _bucket_of_all(self, *, known: bool) -> Bucket:
        rate = self.limits.total * (_KNOWN_TIMES if known else 1)
        return Bucket(rate, max(1.0, rate * _SECONDS_AT_ONCE))
