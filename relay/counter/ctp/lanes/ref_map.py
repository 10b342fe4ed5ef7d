"""Which reference at the counter is which reference of which lane, for one trading day.

Both directions, and the exchange's own numbers as they become known. FrontID, SessionID and reference name an entry;
where a struct brings the reference alone, the latest entry of that reference is compared with the rest of it. The
map is bounded by refusing new orders; nothing live is ever evicted.

The counter may clear its flow within the day. It then replays every order under a new FrontID, SessionID and
reference, with RequestID 0. ExchangeID with OrderSysID stays, and ExchangeID with TraderID and OrderLocalID. An order
known by one of these is that order, and its new triple is kept beside the old one. CTP facts 48, 49 and 50.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.counter.ctp.identity.spelling import number_key
from relay.counter.ctp.lanes.event_keys import EventKeys
from relay.counter.ctp.lanes.refs import RefPlaces, RefSpace

Triple = tuple[int, int, int]
"""FrontID, SessionID, reference"""
SystemId = tuple[bytes, bytes]
"""ExchangeID, OrderSysID: as the counter writes it, or its `number_key`"""
LocalId = tuple[bytes, bytes, bytes]
"""ExchangeID, TraderID, OrderLocalID"""


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One reference sent to the counter: to be stored before it is sent, and restored after a restart."""

    space: RefSpace
    counter_front: int
    counter_session: int
    counter_ref: int
    request_mark: int
    """the struct's RequestID at the counter: tells our order from another program's with the same reference"""
    lane_front: int
    lane_session: int
    lane_ref: str
    """as the terminal wrote it"""
    lane_request_id: int
    """the struct's RequestID as the terminal wrote it"""
    investor_id: str
    order_key: str = ""
    """client_order_key, where this is the order's main reference"""
    content: bytes = b""
    """digest of what was ordered under `order_key`"""

    @property
    def lane_number(self) -> int:
        return int(self.lane_ref)

    @property
    def at_counter(self) -> tuple[RefSpace, int, int, int]:
        """What names it at the counter."""
        return self.space, self.counter_front, self.counter_session, self.counter_ref


class _Tables:
    """The entries of one kind of reference.

    Keys are plain numbers and bytes: the garbage collector lets go of those, while a key that holds an enum is
    visited again and again, all day long.
    """

    def __init__(self) -> None:
        self.by_triple: dict[Triple, MapEntry] = {}
        self.latest: dict[int, MapEntry] = {}
        self.by_lane: dict[Triple, MapEntry] = {}
        self.by_system: dict[SystemId, MapEntry] = {}
        self.system_of: dict[Triple, SystemId] = {}
        self.by_local: dict[LocalId, MapEntry] = {}
        self.renamed: dict[Triple, MapEntry] = {}
        self.new_name: dict[Triple, Triple] = {}

    def at_counter(self, triple: Triple) -> MapEntry | None:
        return self.renamed.get(triple) or self.by_triple.get(triple)


class RefMap:
    """The entries of one trading day."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the day."""
        self._of = {space: _Tables() for space in RefSpace}
        self._exchanges: set[bytes] = set()
        self.numbered_now: list[tuple[MapEntry, SystemId]] = []
        """orders that got their exchange's number since this was last taken"""
        self._count = 0
        self._of_investor: dict[str, int] = {}

    def __len__(self) -> int:
        return self._count

    def full(self, more: int, most: int) -> bool:
        """Whether `more` would be beyond `most`."""
        return self._count + more > most

    def used_by(self, investor_id: str) -> int:
        """How many references this investor has used today, in all lanes."""
        return self._of_investor.get(investor_id, 0)

    def add(self, entry: MapEntry) -> None:
        tables, investor_id = self._of[entry.space], entry.investor_id
        triple = entry.counter_front, entry.counter_session, entry.counter_ref
        if triple not in tables.by_triple:
            self._count += 1
            self._of_investor[investor_id] = self._of_investor.get(investor_id, 0) + 1
        tables.by_triple[triple] = entry
        tables.latest[entry.counter_ref] = entry
        tables.by_lane[entry.lane_front, entry.lane_session, int(entry.lane_ref)] = entry

    def recall(self, entry: MapEntry) -> None:
        """Know an order of another relay process. It is none of ours: it takes no room, and hides nothing of ours."""
        tables, triple = self._of[entry.space], _triple(entry)
        if triple not in tables.by_triple:
            tables.by_triple[triple] = entry
            tables.latest.setdefault(entry.counter_ref, entry)
            tables.by_lane.setdefault(_lane_key(entry), entry)

    def remove(self, entry: MapEntry) -> None:
        """Forget a reference that was never sent."""
        tables = self._of[entry.space]
        if tables.by_triple.pop(_triple(entry), None) is not None:
            self._count -= 1
            tables.latest.pop(entry.counter_ref, None)
            tables.by_lane.pop(_lane_key(entry), None)
            self._of_investor[entry.investor_id] -= 1

    def at_counter(self, space: RefSpace, front: int, session: int, counter_ref: int) -> MapEntry | None:
        """The entry the counter itself knows by this triple."""
        return self._of[space].at_counter((front, session, counter_ref))

    def counter_name(self, entry: MapEntry) -> Triple:
        """FrontID, SessionID and reference the counter knows this order by now."""
        triple = _triple(entry)
        return self._of[entry.space].new_name.get(triple, triple)

    def numbered(self, space: RefSpace, exchange: bytes, number: bytes) -> list[MapEntry]:
        """The entries with this number of the exchange's; where no exchange is named, of any."""
        exchanges = (exchange,) if exchange else self._exchanges
        key = number_key(number)
        found = (self._of[space].by_system.get((one, key)) for one in exchanges)
        return [entry for entry in found if entry is not None]

    def of_lane(self, space: RefSpace, front: int, session: int, number: int) -> MapEntry | None:
        return self._of[space].by_lane.get((front, session, number))

    def system_of(self, entry: MapEntry) -> SystemId | None:
        """ExchangeID and OrderSysID, once the exchange has the order."""
        return self._of[entry.space].system_of.get(_triple(entry))

    def find(self, places: RefPlaces, body: bytes, keys: EventKeys) -> MapEntry | None:
        """The entry an event of the counter speaks of; None for orders not sent through this relay."""
        if places.space is None or places.ref is None:
            return None
        tables = self._of[places.space]
        if not places.keyed and places.system_id is not None:
            return _same_investor(places, keys, self._of_trade(places.space, keys, tables))
        number = keys.ref
        if number is None:
            return None
        if places.keyed:
            entry = tables.at_counter((keys.front, keys.session, number))
            if places.action_space is None:  # in a cancel, the exchange's number is what the terminal claimed
                by_system = tables.by_system.get((keys.exchange, keys.plain_number)) if keys.number else None
                entry = by_system or entry or _by_local_id(keys, tables)
            return _same_investor(places, keys, entry)
        entry = tables.latest.get(number)
        if entry is None or not _same_origin(places, body, entry):
            return None
        return _same_investor(places, keys, entry)

    def learn(self, keys: EventKeys, entry: MapEntry) -> None:
        """Keep the exchange's numbers of an order, once a notice brings them: trades and cancels are found by them.

        A conditional order has one before and another after it is triggered; cancels use the latest. `keys` are those
        of a struct that says which counter session its reference counts in.
        """
        tables, sent_as = self._of[entry.space], _triple(entry)
        key = keys.exchange, keys.plain_number
        if key[1] and key not in tables.by_system:
            tables.by_system[key] = entry
            tables.system_of[sent_as] = known = keys.exchange, keys.number
            self.numbered_now.append((entry, known))
            self._exchanges.add(keys.exchange)
        local = _local_id(keys)
        if local is not None:
            tables.by_local.setdefault(local, entry)
        triple = keys.front, keys.session, keys.ref or 0
        if triple != tables.new_name.get(sent_as, sent_as):
            tables.renamed[triple] = entry
            tables.new_name[sent_as] = triple

    def _of_trade(self, space: RefSpace, keys: EventKeys, tables: _Tables) -> MapEntry | None:
        """A trade names its order by the exchange's numbers; its reference is unique within one program only."""
        if keys.exchange:
            return tables.by_system.get((keys.exchange, keys.plain_number)) or _by_local_id(keys, tables)
        # Without the exchange the number may be another order's; with the same reference too it is not.
        named = self.numbered(space, b"", keys.number)
        found = [one for one in named if str(self.counter_name(one)[2]).encode() == keys.ref_text.strip()]
        return found[0] if len(found) == 1 else None


def _triple(entry: MapEntry) -> Triple:
    return entry.counter_front, entry.counter_session, entry.counter_ref


def _lane_key(entry: MapEntry) -> Triple:
    return entry.lane_front, entry.lane_session, entry.lane_number


def system_id(places: RefPlaces, body: bytes | bytearray) -> SystemId:
    """The exchange's number in `body`; empty where there is none yet."""
    if places.exchange is None or places.system_id is None:
        return b"", b""
    return places.exchange.read(body), places.system_id.read(body)


def _same_investor(places: RefPlaces, keys: EventKeys, entry: MapEntry | None) -> MapEntry | None:
    if entry is None or places.investor is None:
        return entry
    return entry if keys.investor == entry.investor_id.encode() else None


def _local_id(keys: EventKeys) -> LocalId | None:
    """The order's number on its way to the exchange; None where the struct has none, or not yet."""
    if not (keys.exchange and keys.trader and keys.local):
        return None
    local = number_key(keys.local)
    return (keys.exchange, keys.trader, local) if local else None


def _same_origin(places: RefPlaces, body: bytes, entry: MapEntry) -> bool:
    """Whether an event without FrontID is of the counter session the entry was sent in, by what else it has."""
    if places.session is not None:
        return places.session.read(body) == entry.counter_session
    return places.request_id is None or places.request_id.read(body) == entry.request_mark


def _by_local_id(keys: EventKeys, tables: _Tables) -> MapEntry | None:
    local = _local_id(keys)
    return tables.by_local.get(local) if local is not None else None
