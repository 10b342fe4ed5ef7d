"""The relay broken on purpose, for one process: each break must be found by the histories."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from relay.domain.delivery import Delivery, Notice
from relay.domain.lanes import Lanes
from relay.domain.order_keys import OrderKeys
from relay.domain.ownership import Owner, Ownership, OwnershipTable
from relay.domain.ref_map import MapEntry, RefMap
from relay.domain.refs import RefCounter, RefSpace


def everybody_sees_everything() -> None:
    """The investor filter lets every notice through to every terminal."""
    OwnershipTable.owner = lambda *_: Ownership(Owner.EVERYBODY)  # type: ignore[method-assign]
    OwnershipTable.belongs = lambda *_: True  # type: ignore[method-assign]


def the_map_finds_the_order_before() -> None:
    """The reference map is off by one: an order shows the reference of the one sent before it."""
    find = RefMap.find

    def off_by_one(self: RefMap, places: Any, body: bytes) -> MapEntry | None:
        entry = find(self, places, body)
        if entry is None:
            return None
        return self.at_counter(entry.space, entry.counter_ref - 1) or entry

    RefMap.find = off_by_one  # type: ignore[method-assign]


def references_start_anew_with_every_login() -> None:
    """The relay forgets at a restart which references the day has used."""
    used = RefCounter.used

    def forgetful(self: RefCounter, space: RefSpace, number: int) -> None:
        used(self, space, 0)

    RefCounter.used = forgetful  # type: ignore[method-assign]


def the_map_is_not_read_again() -> None:
    """After a restart nobody's order is known."""

    def restore(self: Lanes, entries: Iterable[MapEntry]) -> None:
        del self, entries

    Lanes.restore = restore  # type: ignore[method-assign]


def everything_is_passed_on_as_it_comes() -> None:
    """Replays, repetitions and trades before their orders reach the terminal."""

    def accept(self: Delivery, notice: Notice, now: float) -> list[Notice]:
        del self, now
        return [notice]

    Delivery.accept = accept  # type: ignore[method-assign]


def keys_are_forgotten() -> None:
    """A client_order_key is never recognized."""

    def first(self: OrderKeys, investor_id: str, key: str, content: bytes) -> None:
        del self, investor_id, key, content

    OrderKeys.first = first  # type: ignore[method-assign]


BREAKS: dict[str, Callable[[], None]] = {
    "investor-filter": everybody_sees_everything,
    "ref-map": the_map_finds_the_order_before,
    "ref-counter": references_start_anew_with_every_login,
    "restart": the_map_is_not_read_again,
    "delivery": everything_is_passed_on_as_it_comes,
    "order-keys": keys_are_forgotten,
}
