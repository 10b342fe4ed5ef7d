"""The trading day's notices by owner, for terminals that log in later.

In many-to-one the counter replays the day once, to the operator's session, and a terminal may log in hours later. So the
day is kept here, as the counter's own bytes; the references that a terminal is shown are written when it is given
the day.

What is kept, by owner (an investor, an account, or everybody): of each order, quote and the like the latest state, at
the place of its first one, so that a terminal gets an order before its trades; all trades and everything else. Each
owner has two parts: orders that may still change (`alive`) and the rest (`past`).

What holds between two events:

* Places only grow, and a state that replaces another takes its place. So the day, sorted by place, is in the order in
  which things began.
* A state that arrives late, after one that followed it, replaces nothing (`_came_late`): less has traded, or the held
  state is final, or the held state already has the exchange's number.
* `size` of an owner and `size_bytes` of all are exactly the cost of what is kept. Both are bounded. When an owner is over
  its bound it loses its oldest entries, finished ones first. When all together are over theirs, the largest owners are
  cut to one common size at which there is room; owners below that size lose nothing.
* An owner that lost something, or whom the directory did not know when a notice came, is not complete any more. Its
  terminals are asked to query, until the next trading day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ctpabi.catalog import Callback, Catalog
from ctpabi.codec.cells import int_cell, text_cell, text_cells
from ctpabi.codec.text import encode
from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.identity.ownership import Owner, Ownership, OwnershipTable
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.lanes.event_keys import EventKeys
from relay.counter.ctp.lanes.refs import ref_places

_FINISHED: Final = frozenset(b"0245c")
"""OrderStatus of an order that nothing more happens to: traded, not queueing, cancelled, touched"""
_OVER: Final = frozenset(b"05")
"""Traded or cancelled: no other status follows"""
_BY_INSTRUMENT: Final = frozenset({"OnRtnInstrumentStatus", "OnRtnForQuoteRsp"})
"""Public notices of which only an instrument's latest is of interest"""
_GIVES_WAY: Final = 16
"""An owner over its bound is cut by this part of it, so that not every notice has to make room."""
_MAKES_ROOM: Final = 64
"""The same part of what all have together."""


@dataclass(frozen=True, slots=True)
class DayNoticeLimits:
    """How much of the day is kept."""

    total_bytes: int = 256 * 1024 * 1024
    owner_bytes: int = 16 * 1024 * 1024
    overhead: int = 300
    """what a notice costs beside its struct"""


@dataclass(frozen=True, slots=True)
class DayReplay:
    """The day of one investor so far, in the order it happened."""

    notices: Iterator[Notice]
    complete: bool
    """False: not everything could be kept; query orders and trades"""


_EVERYBODY: Final = Ownership(Owner.EVERYBODY)
_OF_NO_INVESTOR: Final = frozenset({Owner.NOBODY, Owner.SESSION})


class KnownOwners:
    """Whose notices are kept: those of all owners until the directory was read.

    Who is known once stays known: no investor is ever deleted, and what is kept is bounded. There may be a hundred thousand, so
    they are bytes, which the garbage collector does not look at.
    """

    def __init__(self) -> None:
        self._investors: set[bytes] = set()
        self._accounts: set[bytes] = set()
        self._is_read = False

    def __contains__(self, owner: Ownership) -> bool:
        kind, name = owner
        if kind is Owner.INVESTOR:
            is_known = name in self._investors
        else:
            is_known = name in self._accounts if kind is Owner.ACCOUNT else kind is Owner.EVERYBODY
        return is_known or not self._is_read

    def knows(self, investor_id: str, accounts: Iterable[str]) -> bool:
        """Whether this is nothing new. May be called on any thread."""
        return encode(investor_id) in self._investors and self._accounts.issuperset(_encoded(investor_id, accounts))

    def learn(self, investor_id: str, accounts: Iterable[str]) -> None:
        """The directory has this investor, or a terminal of it was admitted."""
        self._investors.add(encode(investor_id))
        self._accounts.update(_encoded(investor_id, accounts))

    def know_all(self) -> None:
        """The directory was read to its end: notices of other owners are not kept."""
        self._is_read = True


_Key = tuple[object, ...]
_Kept = dict[_Key, tuple[int, Notice]]
"""by what they are a state of, the oldest state first; with the place in the day"""


@dataclass(slots=True)
class _Owned:
    alive: _Kept = field(default_factory=dict)
    """orders that may still change"""
    past: _Kept = field(default_factory=dict)
    size: int = 0
    complete: bool = True


class DayNotices:
    """Private and public notices of one counter session, for one trading day; each is recorded once."""

    def __init__(
        self,
        catalog: Catalog,
        ownership: OwnershipTable,
        known: KnownOwners | None = None,
        limits: DayNoticeLimits | None = None,
    ) -> None:
        self._ownership = ownership
        self._known = known if known is not None else KnownOwners()
        self._limits = limits or DayNoticeLimits()
        order = catalog.structs["Order"]
        self._status = text_cell(order, "OrderStatus")
        self._traded = int_cell(order, "VolumeTraded")
        self._number = text_cell(order, "OrderSysID")
        self._by_reference = {c.slot for c in catalog.callbacks.values() if _has_reference(catalog, c)}
        self._by_instrument = {
            c.slot: text_cells(catalog.structs[c.struct], "ExchangeID", "InstrumentID")
            for c in catalog.callbacks.values()
            if c.name in _BY_INSTRUMENT
        }
        self._owned: dict[Ownership, _Owned] = {}
        self.size_bytes = 0
        self._place = 0

    def record(self, notice: Notice, keys: EventKeys, owner: Ownership) -> None:
        """Keep a notice as the counter sent it; one that no terminal may see is not kept. `keys` are the notice's."""
        if owner.owner in _OF_NO_INVESTOR:
            return
        owned = self._owned.get(owner)
        if owned is None:
            owned = self._owned[owner] = _Owned()
        if owner not in self._known:
            owned.complete = False
            return
        self._place += 1
        key = self._key(notice, keys) or (self._place,)
        place, grown = self._place, self._cost(notice)
        before = owned.alive if key in owned.alive else owned.past
        if (held := before.get(key)) is not None:
            if self._came_late(notice, held[1]):
                return
            del before[key]
            place = held[0]
            grown -= self._cost(held[1])
        kept = owned.alive if self._is_alive(notice) else owned.past
        kept[key] = place, notice
        owned.size += grown
        self.size_bytes += grown
        if owned.size > self._limits.owner_bytes:
            self._cut(owned, owned.size - owned.size // _GIVES_WAY)
        if self.size_bytes > self._limits.total_bytes:
            self._make_room()

    def replay(self, identity: Identity) -> DayReplay:
        """What this terminal may see of the day so far. Give it to its `Delivery`, then go on live."""
        owners = (_EVERYBODY, *_owners(identity.investor_id, sorted(identity.accounts)))
        mine = [(owner, self._owned[owner]) for owner in owners if owner in self._owned]
        kept = [item for _, owned in mine for part in (owned.alive, owned.past) for item in part.values()]
        kept.sort(key=lambda item: item[0])
        belongs = self._ownership.belongs
        return DayReplay(
            (notice for _, notice in kept if belongs(notice.callback, notice.body, identity)),
            all(owned.complete for owner, owned in mine if owner.owner is not Owner.EVERYBODY),
        )

    def start_day(self) -> None:
        """A new trading day: yesterday's notices are dropped."""
        self._owned.clear()
        self.size_bytes = self._place = 0

    def _make_room(self) -> None:
        """Cut the largest owners to one size at which there is room; smaller owners lose nothing."""
        goal = self._limits.total_bytes - self._limits.total_bytes // _MAKES_ROOM
        most = _level([owned.size for owned in self._owned.values()], goal)
        for owned in self._owned.values():
            if owned.size > most:
                self._cut(owned, most)

    def _cut(self, owned: _Owned, most: int) -> None:
        owned.complete = False
        for part in (owned.past, owned.alive):
            dropped = []
            for key, (_, notice) in part.items():
                if owned.size <= most:
                    break
                dropped.append(key)
                owned.size -= self._cost(notice)
                self.size_bytes -= self._cost(notice)
            for key in dropped:
                del part[key]

    def _cost(self, notice: Notice) -> int:
        return len(notice.body) + self._limits.overhead

    def _is_alive(self, notice: Notice) -> bool:
        if notice.callback.name != "OnRtnOrder" or self._status is None:
            return False
        return notice.body[self._status.start] not in _FINISHED

    def _came_late(self, notice: Notice, held: Notice) -> bool:
        """An earlier state of the same order: less has traded, it is not over yet, or has no exchange number yet."""
        if notice.callback.name != "OnRtnOrder" or not (self._status and self._traded and self._number):
            return False
        now, then = notice.body, held.body
        traded, before = self._traded.read(now), self._traded.read(then)
        if traded != before:
            return traded < before
        if now[self._status.start] in _OVER:
            return False
        lost_number = not self._number.read(now).strip() and bool(self._number.read(then).strip())
        return then[self._status.start] in _OVER or lost_number

    def _key(self, notice: Notice, keys: EventKeys) -> _Key:
        """What the notice is a state of, an order say or an instrument; empty where it stands for itself."""
        slot = notice.callback.slot
        if slot in self._by_reference:
            ref = keys.ref_text or keys.ref
            return (slot, keys.front, keys.session, ref) if keys.front and keys.session and ref else ()
        cells = self._by_instrument.get(slot)
        if cells is None:
            return ()
        values = [cell.read(notice.body) for cell in cells]
        return (slot, *values) if all(values) else ()


def _has_reference(catalog: Catalog, callback: Callback) -> bool:
    """Whether a notice is a state of what its session and reference name."""
    places = ref_places(catalog.structs[callback.struct]) if callback.struct else None
    return callback.name.startswith("OnRtn") and places is not None and places.ref is not None and places.keyed


def _level(sizes: list[int], goal: int) -> int:
    """The size to which the largest must come down, so that all together have `goal` at most."""
    left = goal
    for taken, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - taken)
        if size > share:
            return share
        left -= size
    return goal


def _owners(investor_id: str, accounts: Iterable[str]) -> Iterator[Ownership]:
    yield Ownership(Owner.INVESTOR, encode(investor_id))
    yield from (Ownership(Owner.ACCOUNT, account) for account in _encoded(investor_id, accounts))


def _encoded(investor_id: str, accounts: Iterable[str]) -> list[bytes]:
    """An investor without an entry has the account of its own id."""
    return [encode(account) for account in accounts or (investor_id,)]
