"""Places for connections that have proved nothing: each address its own few, and where all are taken the fullest address gives way.

So a flood takes room from itself: from one address it is the fullest at once, and from a hundred each of them holds more
than somebody who comes alone. Who comes from an address that would be the fullest is refused at once, which costs least. An address that investors have logged in from before may hold a branch office's worth
before any of it counts against it. Where such addresses alone hold all places, as after a restart, one gives way to an
address that holds less, and else the newcomer is refused: they would end each other's handshakes without end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

_Key = TypeVar("_Key")

KNOWN_FREE = 64
"""what a known address holds without being a fuller one than others: a branch office"""


@dataclass(frozen=True, slots=True)
class ShareLimits:
    total: int
    at_place: int


class Shares(Generic[_Key]):
    """What each place holds, oldest first."""

    def __init__(self, limits: ShareLimits) -> None:
        self.limits = limits
        self._place_of: dict[_Key, str] = {}
        self._held: dict[str, dict[_Key, None]] = {}
        self._known: set[str] = set()
        self._by_rank: dict[int, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._place_of)

    def __contains__(self, key: object) -> bool:
        return key in self._place_of

    def held_at(self, place: str) -> int:
        """How many this place has."""
        return len(self._held.get(place, ()))

    def refuses(self, place: str, *, known: bool = False) -> bool:
        """Whether one more of this place is refused for sure; changes nothing, and costs little."""
        held = self.held_at(place)
        if held >= self.limits.at_place:
            return True
        if not held or known or place in self._known or len(self) < self.limits.total:
            return False
        return held + 1 >= max(self._by_rank)

    def enter(self, key: _Key, place: str, *, known: bool = False) -> list[_Key] | None:
        """Take one for this place; returns the one that gives way and holds none any more, or None where it is refused."""
        if self.held_at(place) >= self.limits.at_place:
            return None
        self._leave_rank(place)
        if known:
            self._known.add(place)
        self._held.setdefault(place, {})[key] = None
        self._place_of[key] = place
        self._enter_rank(place)
        if len(self) <= self.limits.total:
            return []
        gives_way = self._gives_way_to(key, place)
        self.leave(gives_way)
        return None if gives_way == key else [gives_way]

    def fullest(self) -> _Key:
        """The oldest of the place that holds most; there must be one."""
        place = next(iter(self._by_rank[max(self._by_rank)]))
        return next(iter(self._held[place]))

    def _gives_way_to(self, newcomer: _Key, place: str) -> _Key:
        highest = max(self._by_rank)
        if highest > 0:
            no_use = self._rank(place) == highest and self.held_at(place) > 1
            return newcomer if no_use else self.fullest()
        most = max(self._held, key=self.held_at)
        return next(iter(self._held[most])) if self.held_at(most) > self.held_at(place) else newcomer

    def leave(self, key: _Key) -> None:
        """Give one back; nothing where it holds none."""
        place = self._place_of.pop(key, None)
        if place is None:
            return
        self._leave_rank(place)
        del self._held[place][key]
        if self._held[place]:
            self._enter_rank(place)
        else:
            del self._held[place]
            self._known.discard(place)

    def _rank(self, place: str) -> int:
        held = self.held_at(place)
        return max(0, held - KNOWN_FREE) if place in self._known else held

    def _enter_rank(self, place: str) -> None:
        self._by_rank.setdefault(self._rank(place), {})[place] = None

    def _leave_rank(self, place: str) -> None:
        if place not in self._held:
            return
        rank = self._rank(place)
        del self._by_rank[rank][place]
        if not self._by_rank[rank]:
            del self._by_rank[rank]
