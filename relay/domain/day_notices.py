"""The trading day's notices by owner, for terminals that come after them.

In many-to-one the counter replays the day once, to the operator's session, and a terminal may log in hours later.
Kept as the counter sent them; what is shown is worked out when they are given. Bounded: an owner whose notices no
longer fit is marked incomplete, and its terminal is told to query instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from relay.domain.delivery import Notice
from relay.domain.ownership import Owner, Ownership, OwnershipTable
from relay.domain.scope import Identity


@dataclass(frozen=True, slots=True)
class DayLimits:
    """How much of the day is kept."""

    total_bytes: int = 256 * 1024 * 1024
    owner_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DayReplay:
    """The day of one investor so far, in the order it happened."""

    notices: tuple[Notice, ...]
    complete: bool
    """False: there were too many to keep, and the later ones are missing; query orders and trades"""


@dataclass(slots=True)
class _Owned:
    notices: dict[tuple[int, int, bytes], tuple[int, Notice]] = field(default_factory=dict)
    """by callback, error and body, so that the counter's own replays add nothing; with the place in the day"""
    size: int = 0
    complete: bool = True


class DayNotices:
    """Private and public notices of one counter session, for one trading day."""

    def __init__(self, ownership: OwnershipTable, limits: DayLimits | None = None) -> None:
        self._ownership = ownership
        self._limits = limits or DayLimits()
        self._owned: dict[Ownership, _Owned] = {}
        self._size = 0
        self._place = 0

    @property
    def size_bytes(self) -> int:
        return self._size

    def record(self, notice: Notice) -> None:
        """Keep a notice as the counter sent it; one that nobody may see is not kept."""
        owner = self._ownership.owner(notice.callback, notice.body)
        if owner.owner in {Owner.NOBODY, Owner.SESSION}:
            return
        owned = self._owned.setdefault(owner, _Owned())
        key = notice.callback.slot, notice.error_id, notice.body
        if not owned.complete or key in owned.notices:
            return
        size = len(notice.body)
        if owned.size + size > self._limits.owner_bytes or self._size + size > self._limits.total_bytes:
            owned.complete = False
            return
        self._place += 1
        owned.notices[key] = self._place, notice
        owned.size += size
        self._size += size

    def replay(self, identity: Identity) -> DayReplay:
        """What this terminal may see of the day. Give it to `Lanes.show` and its `Delivery`, then go on live."""
        mine = list(self._visible(identity))
        placed = sorted((item for owned in mine for item in owned), key=lambda item: item[0])
        complete = all(owned.complete for owner, owned in self._owned.items() if self._may_be(owner, identity))
        return DayReplay(tuple(notice for _, notice in placed), complete)

    def start_day(self) -> None:
        """A new trading day: yesterday's notices are nobody's business."""
        self._owned.clear()
        self._size = self._place = 0

    def _visible(self, identity: Identity) -> Iterator[list[tuple[int, Notice]]]:
        for owner, owned in self._owned.items():
            if self._may_be(owner, identity):
                yield [
                    (place, n)
                    for place, n in owned.notices.values()
                    if self._ownership.belongs(n.callback, n.body, identity)
                ]

    @staticmethod
    def _may_be(owner: Ownership, identity: Identity) -> bool:
        match owner.owner:
            case Owner.EVERYBODY:
                return True
            case Owner.INVESTOR:
                return owner.name == identity.investor
            case Owner.ACCOUNT:
                return owner.name in (identity.account_names or {identity.investor})
            case _:
                return False
