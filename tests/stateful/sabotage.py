"""The relay broken on purpose, for one process: each break must be found by the histories."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from relay.counter.ctp.delivery.delivery import Delivery, Notice
from relay.counter.ctp.delivery.repetitions import Repetitions
from relay.counter.ctp.identity.ownership import Owner, Ownership, OwnershipTable
from relay.counter.ctp.lanes.event_keys import EventKeys
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.order_keys import OrderKeys
from relay.counter.ctp.lanes.ref_map import MapEntry, RefMap
from relay.counter.ctp.lanes.refs import RefCounter, RefPlaces, RefSpace


def everybody_sees_everything() -> None:
    """The investor filter lets every notice through to every terminal."""
    OwnershipTable.owner = lambda *_: Ownership(Owner.EVERYBODY)  # type: ignore[method-assign]
    OwnershipTable.belongs = lambda *_: True  # type: ignore[method-assign]


def the_map_finds_the_order_before() -> None:
    """The reference map is off by one: an order shows the reference of the one sent before it."""
    find = RefMap.find

    def off_by_one(self: RefMap, places: RefPlaces, body: bytes, keys: EventKeys) -> MapEntry | None:
        entry = find(self, places, body, keys)
        if entry is None:
            return None
        before = self.at_counter(entry.space, entry.counter_front, entry.counter_session, entry.counter_ref - 1)
        return before or entry

    RefMap.find = off_by_one  # type: ignore[method-assign]


def references_start_anew_with_every_login() -> None:
    """The relay forgets at a restart which references the day has used."""
    used = RefCounter.used

    def forgetful(self: RefCounter, space: RefSpace, number: int) -> None:
        used(self, space, 0)

    RefCounter.used = forgetful  # type: ignore[method-assign]


def the_map_is_not_read_again() -> None:
    """After a restart no order is known."""

    def restore(self: Lanes, entries: Iterable[MapEntry]) -> None:
        del self, entries

    Lanes.restore = restore  # type: ignore[method-assign]


def repetitions_are_passed_on() -> None:
    """What the terminal had of orders and trades already, it gets again with every replay."""
    first_time = Repetitions.first_time

    def always(self: Repetitions, notice: Notice, *, ours: bool = False) -> bool:
        return notice.callback.name in {"OnRtnOrder", "OnRtnTrade"} or first_time(self, notice, ours=ours)

    Repetitions.first_time = always  # type: ignore[method-assign]


def a_match_is_one_trade() -> None:
    """Whichever leg of a combination comes second under a TradeID is taken for a repetition of the first."""
    identities = Repetitions._identities

    def without_leg(self: Repetitions, notice: Notice, *, ours: bool) -> tuple[int, ...]:
        if notice.callback.name != "OnRtnTrade":
            return identities(self, notice, ours=ours)
        exchange, trade_id, _, order, _ = (cell.read(notice.body) for cell in self._trade)
        return (hash((exchange, trade_id, order)),)

    Repetitions._identities = without_leg  # type: ignore[method-assign]


def trades_do_not_wait() -> None:
    """A trade that overtook its order is passed on at once."""

    Delivery._full = property(lambda _: True)  # type: ignore[assignment,method-assign]


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
    "repetitions": repetitions_are_passed_on,
    "legs": a_match_is_one_trade,
    "trades-wait": trades_do_not_wait,
    "order-keys": keys_are_forgotten,
}
