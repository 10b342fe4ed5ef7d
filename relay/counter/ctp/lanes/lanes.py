"""Whose reference is whose: many terminals share one counter session without noticing each other.

Each terminal session is a lane with a FrontID, SessionID and references of its own, which stay the same however
often the counter session behind it is replaced. On the way down they become the counter's, on the way up they
become the lane's again. Both modes work so, and a terminal cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ctpabi.catalog import Callback, Catalog, Method
from ctpabi.codec.cells import IntCell, TextCell
from relay.counter.ctp.identity.ownership import Owner, Ownership, OwnershipTable
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.lanes.event_keys import NO_KEYS, EventKeys
from relay.counter.ctp.lanes.lane import Action, ActionMap, Lane, LaneBinding, is_virtual, virtual_front
from relay.counter.ctp.lanes.lane_places import LanePlaces
from relay.counter.ctp.lanes.named_orders import Named, OrderName, named_by_action, names_of_insert
from relay.counter.ctp.lanes.order_keys import OrderKeys
from relay.counter.ctp.lanes.ref_map import MapEntry, RefMap, SystemId
from relay.counter.ctp.lanes.refs import RefCounter, RefPlaces, RefSpace, write_ref
from relay.counter.ctp.lanes.requests import DayLimits, Outgoing, RequestWriter, content
from relay.counter.ctp.lanes.shown_numbers import ShownNumbers
from relay.refusals import relay_reasons
from relay.refusals.refusal import Refusal

_ACTIONS_KEPT: Final = 100_000
_EVERYBODY: Final = Owner.EVERYBODY
_INVESTOR: Final = Owner.INVESTOR
_ACCOUNT: Final = Owner.ACCOUNT  # `Owner.X` costs 0.15 us each time


class ReadEvent:
    """A callback, and what the lanes know of it; one look at the map of references serves everything after. Never changed."""

    __slots__ = ("body", "callback", "is_private", "keys", "order", "places")

    def __init__(
        self,
        callback: Callback,
        body: bytes,
        places: RefPlaces | None = None,
        order: MapEntry | None = None,
        keys: EventKeys = NO_KEYS,
        *,
        is_private: bool = False,
    ) -> None:
        """`order` is the order, quote, transfer … of these lanes that it speaks of.

        `is_private`: whether an error notice is for the one lane whose request it refuses, and so of no use to any later one.
        """
        self.callback = callback
        self.body = body
        self.places = places
        self.order = order
        self.keys = keys
        self.is_private = is_private


class Lanes:
    """The lanes of one counter session, through all its logins of a trading day."""

    def __init__(
        self,
        places: LanePlaces,
        ownership: OwnershipTable,
        *,
        relay_number: int = 0,
        limits: DayLimits | None = None,
        keys: OrderKeys | None = None,
    ) -> None:
        """`places` are shared by all sessions. `relay_number` is this process's alone, and was no earlier one's, so that their lanes' FrontIDs differ.

        `keys` are shared with other counter sessions; their owner clears them when a day begins.
        """
        limits = limits or DayLimits()
        self._ownership = ownership
        self._front = virtual_front(relay_number)
        self._binding = LaneBinding()
        self._refs = RefMap()
        self._actions = ActionMap(_ACTIONS_KEPT)
        self._keys = OrderKeys() if keys is None else keys
        self._keys_are_shared = keys is not None
        self._writer = RequestWriter(self._binding, self._refs, self._actions, self._keys, limits)
        self._requests, self._events = places.requests, places.events
        self._open: dict[int, Lane] = {}
        self._of_investor: dict[bytes, list[Lane]] = {}
        self._last_session = 0
        self.shown: ShownNumbers | None = None
        """in a session that investors share: the numbers that each of them may name"""

    def share(self, catalog: Catalog) -> None:
        """Investors share this session: none of them may name what is not known to be his."""
        self.shown = self._writer.shown = ShownNumbers(catalog)

    # Lanes ------------------------------------------------------------------------------------------------------

    def open(self, identity: Identity, session: int = 0) -> Lane:
        """A lane for a terminal session, numbered `session` or as the next one.

        Raises ValueError where that lane is open already.
        """
        if session in self._open:
            raise ValueError(f"lane {session} is open already")
        number = session or self._last_session + 1
        self._last_session = max(self._last_session, number)
        lane = self._open[number] = Lane(self._front, number, identity)
        self._of_investor.setdefault(identity.investor, []).append(lane)
        return lane

    def close(self, lane: Lane) -> None:
        """The terminal session is over; its orders stay known for the day. Idempotent."""
        if self._open.pop(lane.session, None) is None:
            return
        mates = self._of_investor[lane.identity.investor]
        mates.remove(lane)
        if not mates:
            del self._of_investor[lane.identity.investor]

    # The counter session ----------------------------------------------------------------------------------------

    def rebind(self, front_id: int, session_id: int, max_order_ref: int) -> None:
        """The counter session logged in (again). Orders of its earlier logins stay known."""
        self._binding.rebind(front_id, session_id, max_order_ref)

    def unbind(self) -> None:
        """The counter session is lost: orders and cancels are refused until the next `rebind`."""
        self._binding.bound = False

    def start_day(self) -> None:
        """A new trading day: references start anew on both sides, yesterday's orders are forgotten."""
        for table in (self._refs, self._actions):
            table.clear()
        if self.shown is not None:
            self.shown.start_day()
        if not self._keys_are_shared:
            self._keys.clear()
        self._binding.refs = RefCounter()
        for lane in self._open.values():
            lane.refs = Lane(lane.front, lane.session, lane.identity).refs

    def restore(self, entries: Iterable[MapEntry]) -> None:
        """Know again, after a restart of the relay, what the stored entries of this trading day say."""
        for entry in entries:
            self._refs.add(entry)
            self._binding.refs.used(entry.space, entry.counter_ref)
            if entry.order_key:
                self._keys.remember(entry)

    def recall(self, entries: Iterable[MapEntry]) -> None:
        """Know what other relay processes sent: its notices, and cancels of it, by the names its lanes gave it."""
        for entry in entries:
            self._refs.recall(entry)

    @property
    def used(self) -> int:
        """How many references of the day are used."""
        return len(self._refs)

    # Down -------------------------------------------------------------------------------------------------------

    def outgoing(self, lane: Lane, method: Method, body: bytearray, order_key: str = "") -> Outgoing | Refusal:
        """Rewrite a request for the counter in place. Send in the order of these calls.

        A refusal leaves `body` and all references as they were.
        """
        places = self._requests.get(method.name)
        if self.shown is not None and (refusal := self.shown.confine(method, lane.identity.investor, body)) is not None:
            return refusal
        if places is None:
            return Outgoing()
        if not self._binding.bound:
            return relay_reasons.counter_unavailable(why="not logged in")
        if places.action_space is not None:
            return self._writer.action(lane, places, body)
        return self._writer.insert(lane, method.name, places, body, order_key)

    def waiting_names(self, lane: Lane, method: Method, body: bytes | bytearray) -> tuple[OrderName, ...]:
        """The names a cancel may use for an insert that is not sent yet; its own first."""
        places = self._requests.get(method.name)
        return names_of_insert(lane, places, body) if places is not None else ()

    def named_by(self, lane: Lane, method: Method, body: bytes | bytearray) -> Named | None:
        """Which order of a lane an action names; None where it names none, or one the exchange knows already."""
        places = self._requests.get(method.name)
        return named_by_action(lane, method, places, body) if places is not None else None

    def content(self, method: Method, body: bytearray) -> bytes:
        """What a client_order_key of this request would stand for; empty where it stands for nothing."""
        places = self._requests.get(method.name)
        return content(method.name, places, body) if places is not None and places.action_space is None else b""

    def knows_key(self, lane: Lane, key: str, content: bytes) -> bool:
        """Whether `outgoing` needs no other process to say what becomes of an insert with this key."""
        return self._keys.first(lane.identity.investor_id, key, content) is not None

    def named_elsewhere(self, lane: Lane, method: Method, body: bytes | bytearray) -> OrderName | None:
        """The order an action names as a lane of another relay process does, unless it is known here."""
        named = self.named_by(lane, method, body)
        if named is None or not is_virtual(named.name[1]) or named.name[1] == self._front:
            return None
        return named.name if self._refs.of_lane(*named.name) is None else None

    def retract(self, lane: Lane, outgoing: Outgoing) -> None:
        """The API did not take the request (return code other than 0): the terminal may use its reference again."""
        self._writer.retract(lane, outgoing)

    # Up ---------------------------------------------------------------------------------------------------------

    def read(self, callback: Callback, body: bytes, *, learn: bool = True) -> ReadEvent:
        """What order of these lanes an event speaks of; the numbers the counter gives it are learned.

        Without `learn` for an event that was read before: the counter may have other numbers by now.
        """
        known = self._events.get(callback.name)
        if known is None:
            return ReadEvent(callback, body)
        places = known.places
        keys = known.keys.read(body)
        order = self._refs.find(places, body, keys)
        # A cancel's own OrderSysID is what the terminal claimed; only the counter's word on the order is learned.
        if learn and order is not None and places.keyed and places.action_space is None:
            self._refs.learn(keys, order)
        return ReadEvent(callback, body, places, order, keys, is_private=known.is_private)

    def keys(self, callback: Callback, body: bytes) -> EventKeys:
        """What an event that was read before is found by."""
        known = self._events.get(callback.name)
        return NO_KEYS if known is None else known.keys.read(body)

    def take_numbered(self) -> Sequence[tuple[MapEntry, SystemId]]:
        """Orders that got their exchange's number since the last time, each once, with exchange and number."""
        fresh = self._refs.numbered_now
        if fresh:
            self._refs.numbered_now = []
        return fresh

    def receivers(self, event: ReadEvent, owned: Ownership) -> list[Lane]:
        """The lanes that may see a notice of this owner."""
        owner = owned.owner
        if owner is _INVESTOR:
            candidates = self._of_investor.get(owned.name) or []
        elif owner is _EVERYBODY or owner is _ACCOUNT:
            candidates = list(self._open.values())
        else:
            return []
        if event.is_private and event.places is not None:
            asker = self._asker(event.places, event.body, event.order)
            candidates = [lane for lane in candidates if (lane.front, lane.session) == asker]
        if owner is _ACCOUNT:
            belongs = self._ownership.belongs
            return [lane for lane in candidates if belongs(event.callback, event.body, lane.identity, owned)]
        is_read = event.places is not None
        broker = event.keys.broker if is_read else self._ownership.broker(event.callback, event.body)
        return [lane for lane in candidates if not broker or broker == lane.identity.broker]

    def asker(self, event: ReadEvent) -> tuple[int, int] | None:
        """FrontID and SessionID of the lane whose request this refuses, an answer or an error notice; None: no lane's of ours."""
        return self._asker(event.places, event.body, event.order) if event.places is not None else None

    def show(self, event: ReadEvent) -> bytes:
        """What any lane sees of an event: references, front and session as its lane numbered them."""
        places, body, entry = event.places, event.body, event.order
        if places is None:
            return body
        action = self._action(places, body) if places.action_space is not None else None
        if entry is None and action is None:
            return _without_order(places, body)
        out = bytearray(body)
        if entry is not None:
            self._show_order(places, event, out, entry)
        if action is not None:
            _show_action(places, out, action, of_session=entry is None and places.ref is None)
        return bytes(out)

    def _asker(self, places: RefPlaces, body: bytes, entry: MapEntry | None) -> tuple[int, int] | None:
        """FrontID and SessionID of the lane whose request an error notice refuses; None: it is no lane's of ours."""
        if places.action_space is not None:
            action = self._action(places, body)
            return (action.lane.front, action.lane.session) if action is not None else None
        return (entry.lane_front, entry.lane_session) if entry is not None else None

    def _action(self, places: RefPlaces, body: bytes) -> Action | None:
        if places.action_space is None or places.action_ref is None or places.request_id is None:
            return None
        return self._actions.find(places.action_space, places.action_ref.read(body), places.request_id.read(body))

    def _show_order(self, places: RefPlaces, event: ReadEvent, out: bytearray, entry: MapEntry) -> None:
        if isinstance(places.ref, IntCell):
            places.ref.write(out, entry.lane_number)
        elif places.ref is not None:
            places.ref.write(out, entry.lane_ref.encode("ascii"))
        write_ref(places.front, out, entry.lane_front)
        write_ref(places.session, out, entry.lane_session)
        if places.action_space is None:
            write_ref(places.request_id, out, entry.lane_request_id)
        if not places.derived:
            return
        front = event.keys.front if places.front is not None else entry.counter_front
        session = event.keys.session if places.session is not None else entry.counter_session
        for cell in places.derived:
            text = cell.read(event.body)
            number = int(text) if text.isdigit() else 0
            derived = self._refs.at_counter(RefSpace.ORDER, front, session, number)
            if derived is not None:
                cell.write(out, derived.lane_ref.encode("ascii"))


def _without_order(places: RefPlaces, body: bytes) -> bytes:
    """A trade of an unknown order. Where nothing else names the order, its reference would name another of the lane's."""
    if places.keyed or places.system_id is None or places.exchange is None or not isinstance(places.ref, TextCell):
        return body
    if places.system_id.read(body) and places.exchange.read(body):
        return body
    out = bytearray(body)
    places.ref.write(out, b"")
    return bytes(out)


def _show_action(places: RefPlaces, out: bytearray, action: Action, *, of_session: bool) -> None:
    write_ref(places.action_ref, out, action.ref)
    write_ref(places.request_id, out, action.request_id)
    if of_session and places.keyed:
        write_ref(places.front, out, action.lane.front)
        write_ref(places.session, out, action.lane.session)
