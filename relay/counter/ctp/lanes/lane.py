"""One terminal session's own numbering, and the counter session it is written into."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.lanes.refs import RefCounter, RefSpace

VIRTUAL_FRONT: Final = 1_000_000_000
"""Lanes' FrontIDs start here. Counters number their fronts from 1 and have some dozens, so an order that another
program sent shows its real FrontID and can never be taken for a lane's. Positive, because terminals print it into
order ids and some read it unsigned."""
FRONTS: Final = 1_000_000


def virtual_front(relay_number: int) -> int:
    """The FrontID of all lanes of one relay process; 0 <= relay_number < 1,000,000."""
    if not 0 <= relay_number < FRONTS:
        raise ValueError(f"relay number {relay_number} is not in 0..{FRONTS - 1}")
    return VIRTUAL_FRONT + relay_number


def is_virtual(front: int) -> bool:
    """Whether a FrontID is one of ours."""
    return VIRTUAL_FRONT <= front < VIRTUAL_FRONT + FRONTS


@dataclass(eq=False, slots=True)
class Lane:
    """One terminal session, as the terminal knows itself."""

    front: int
    session: int
    identity: Identity
    refs: RefCounter = field(default_factory=RefCounter)

    @property
    def max_order_ref(self) -> int:
        """The greatest OrderRef in use; the first free one is greater."""
        return self.refs.last(RefSpace.ORDER)


@dataclass(slots=True)
class LaneBinding:
    """The counter session that requests are written into now."""

    front: int = 0
    session: int = 0
    bound: bool = False
    refs: RefCounter = field(default_factory=RefCounter)

    def rebind(self, front: int, session: int, max_order_ref: int) -> None:
        """A new login. References go on where they were: none is used twice in a day, whatever the session."""
        self.front, self.session, self.bound = front, session, True
        self.refs.used(RefSpace.ORDER, max_order_ref)
        for space in (RefSpace.OFFSET_SETTING, RefSpace.TRANSFER):
            self.refs.used(space, self._mark_base())

    def mark(self, ref: int) -> int:
        """A RequestID that other programs' requests hardly have: an error notice brings only it and the reference."""
        return self._mark_base() | (ref & 0xFFFF)

    def _mark_base(self) -> int:
        # Spread by Knuth's multiplier, then 14 bits of it above 16 bits of reference; never 0, never negative.
        spread = ((self.session ^ (self.front << 20)) * 2_654_435_761) & 0xFFFF_FFFF
        return ((spread >> 18) | 1) << 16


@dataclass(frozen=True, slots=True)
class Action:
    """One cancel: its reference and RequestID as the terminal wrote them."""

    lane: Lane
    ref: int
    request_id: int
    mark: int


class ActionMap:
    """The day's cancels. The oldest are forgotten: an answered cancel is of no interest, a live order never is here."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._actions: OrderedDict[tuple[RefSpace, int], Action] = OrderedDict()

    def add(self, space: RefSpace, counter_ref: int, action: Action) -> None:
        self._actions[space, counter_ref] = action
        if len(self._actions) > self._limit:
            self._actions.popitem(last=False)

    def find(self, space: RefSpace, counter_ref: int, mark: int) -> Action | None:
        action = self._actions.get((space, counter_ref))
        return action if action is not None and action.mark == mark else None

    def clear(self) -> None:
        self._actions.clear()
