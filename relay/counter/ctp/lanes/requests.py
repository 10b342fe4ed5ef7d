"""How a lane's request is rewritten for the counter: inserts get the counter's next reference, cancels the order's."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ctpabi.codec.cells import IntCell, TextCell
from relay.counter.ctp.identity.spelling import number_key
from relay.counter.ctp.lanes.lane import Action, ActionMap, Lane, LaneBinding, is_virtual
from relay.counter.ctp.lanes.order_keys import FirstOrder, OrderKeys, digest
from relay.counter.ctp.lanes.ref_map import MapEntry, RefMap, Triple, system_id
from relay.counter.ctp.lanes.refs import INT_SPACES, RefPlaces, RefSpace, read_ref, write_ref
from relay.counter.ctp.lanes.shown_numbers import ShownNumbers
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request rewritten and ready to be sent."""

    entries: tuple[MapEntry, ...] = ()
    """to be stored before the request is sent"""
    order_ref: str = ""
    """the lane's reference, where the terminal left it to the relay"""
    first: FirstOrder | None = None
    """client_order_key was seen before and names this order: nothing is to be sent"""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """One reference of an insert: the lane's and the counter's."""

    space: RefSpace
    cell: TextCell | IntCell
    lane_ref: str
    assigned: bool


@dataclass(slots=True)
class DayLimits:
    """How many references of one counter session a trading day may use: a share for each investor, and a last bound.

    What is changed holds for the next order.
    """

    total: int = 500_000
    per_investor: int = 20_000


class RequestWriter:
    """Rewrites requests in place. Allocate and send in the same order: the counter wants increasing references."""

    def __init__(
        self, binding: LaneBinding, refs: RefMap, actions: ActionMap, keys: OrderKeys, limits: DayLimits
    ) -> None:
        self._binding = binding
        self._refs = refs
        self._actions = actions
        self._keys = keys
        self._limits = limits
        self.shown: ShownNumbers | None = None
        """in a session that investors share: what each of them may name"""

    def insert(self, lane: Lane, method: str, places: RefPlaces, body: bytearray, key: str) -> Outgoing | Refusal:
        """Rewrite an insert; a refused request used nothing up."""
        ordered = content(method, places, body) if key else b""
        first = self._keys.first(lane.identity.investor_id, key, ordered) if key else None
        if isinstance(first, Refusal):
            return first
        if first is not None:
            return Outgoing(first=first)
        before = lane.refs.mark()
        numbered = self._no_room(lane, 1 + len(places.derived)) or self._number(lane, places, body)
        if isinstance(numbered, Refusal):
            lane.refs.back_to(before)
            return numbered
        chosen, entries = numbered
        if key:
            entries = (replace(entries[0], order_key=key, content=ordered), *entries[1:])
            self._keys.remember(entries[0])
        self._write(places, body, chosen, entries)
        return Outgoing(entries, chosen[0].lane_ref if chosen[0].assigned else "")

    def action(self, lane: Lane, places: RefPlaces, body: bytearray) -> Outgoing | Refusal:
        """Rewrite a cancel; refused where it names no order of this investor."""
        target, refusal = self._target(lane, places, body), None
        if isinstance(target, Refusal):
            return target
        if places.action_space is not None and places.action_ref is not None:
            refusal = self._number_action(lane, places.action_space, places.action_ref, places, body)
        if refusal is not None:
            return refusal
        if target is not None:
            self._point_at(places, body, target)
        elif places.front is not None and places.session is not None:
            self._point_nowhere(places.front, places.session, places.ref, body)
        return Outgoing()

    def retract(self, lane: Lane, outgoing: Outgoing) -> None:
        """The request was never sent: the terminal may use its references again; the counter's are passed over."""
        for entry in reversed(outgoing.entries):
            self._refs.remove(entry)
            lane.refs.release(entry.space, entry.lane_number)
            if entry.order_key:
                self._keys.forget(entry.investor_id, entry.order_key)

    def _no_room(self, lane: Lane, more: int) -> Refusal | None:
        if self._refs.used_by(lane.identity.investor_id) + more > self._limits.per_investor:
            return call_reasons.investor_day_limit_reached(most=self._limits.per_investor)
        return (
            call_reasons.day_limit_reached(most=self._limits.total)
            if self._refs.full(more, self._limits.total)
            else None
        )

    def _number(
        self, lane: Lane, places: RefPlaces, body: bytearray
    ) -> tuple[tuple[_Chosen, ...], tuple[MapEntry, ...]] | Refusal:
        chosen = _choose(lane, places, body)
        if isinstance(chosen, Refusal):
            return chosen
        entries = list[MapEntry]()
        for part in chosen:
            counter_ref = self._binding.refs.next(part.space)
            if counter_ref is None:
                return call_reasons.references_used_up(field=part.space)
            entry = MapEntry(
                part.space,
                self._binding.front,
                self._binding.session,
                counter_ref,
                self._binding.mark(counter_ref),
                lane.front,
                lane.session,
                part.lane_ref,
                places.request_id.read(body) if places.request_id else 0,
                lane.identity.investor_id,
            )
            entries.append(entry)
        return chosen, tuple(entries)

    def _write(
        self, places: RefPlaces, body: bytearray, chosen: tuple[_Chosen, ...], entries: tuple[MapEntry, ...]
    ) -> None:
        for name, number in (
            (places.front, self._binding.front),
            (places.session, self._binding.session),
            (places.request_id, entries[0].request_mark),
        ):
            if name is not None:
                name.write(body, number)
        for part, entry in zip(chosen, entries, strict=True):
            write_ref(part.cell, body, entry.counter_ref)
            self._refs.add(entry)

    def _target(self, lane: Lane, places: RefPlaces, body: bytearray) -> MapEntry | Refusal | None:
        """The order a cancel names; None where it names one of another program, or all of this session.

        The exchange's number counts more than the triple: it names one order only. Another investor's order is not
        found, so that its existence is not revealed.
        """
        if places.front is None or places.session is None:
            return None
        front, session = places.front.read(body), places.session.read(body)
        if places.space is None or places.ref is None:
            is_own = not is_virtual(front) or (front, session) == (lane.front, lane.session)
            return None if is_own else call_reasons.order_not_found()
        number = read_ref(places.ref, body)
        if number is None:
            return call_reasons.reference_malformed(field=places.space)
        if front == 0 and session == 0 and number:
            front, session = lane.front, lane.session
        refusal = self._confine(lane, places, body, (front, session, number)) if self.shown is not None else None
        if refusal is not None:
            return refusal
        by_system_id = places.system_id is not None and bool(number_key(places.system_id.read(body)))
        named = self._refs.numbered(places.space, *system_id(places, body)) if by_system_id else []
        own = [entry for entry in named if entry.investor_id == lane.identity.investor_id]
        # Without an exchange the number may be that of several orders; then the triple decides.
        numbered = own[0] if len(own) == 1 else None
        if is_virtual(front):
            entry = numbered or self._refs.of_lane(places.space, front, session, number)
            is_missing = entry is None and not by_system_id
        else:
            entry, is_missing = self._refs.at_counter(places.space, front, session, number), False
        is_others = entry is not None and entry.investor_id != lane.identity.investor_id
        if is_missing or is_others or (named and not own):
            return call_reasons.order_not_found()
        return entry if is_virtual(front) else None

    def _confine(self, lane: Lane, places: RefPlaces, body: bytearray, triple: Triple) -> Refusal | None:
        """In a shared session, refuse what is not known to be this investor's; write numbers as the counter does.

        Where the number leaves a choice, or the order has none here yet, the lane's own name decides alone.
        """
        investor, (front, session, number) = lane.identity.investor, triple
        written = places.system_id.read(body) if places.system_id is not None else b""
        if self.shown is None or places.system_id is None or places.exchange is None or places.space is None:
            return None
        is_named = bool(number_key(written))
        if not is_virtual(front) and (front or session or not is_named):
            own = self._refs.at_counter(places.space, front, session, number)
            if own is None and not self.shown.has_triple(investor, places.space, front, session, number):
                return call_reasons.order_not_found()
        found = self.shown.numbered(investor, places.number_name, places.exchange.read(body), written)
        if len(found) == 1:
            places.exchange.write(body, found[0].exchange)
            places.system_id.write(body, found[0].number)
        elif is_named:
            entry = self._refs.of_lane(places.space, front, session, number)
            if entry is None or not (found or self._refs.system_of(entry) is None):
                return call_reasons.number_not_shown(field=places.number_name)
            places.system_id.write(body, b"")
        elif written:
            places.system_id.write(body, b"")
        return None

    def _point_at(self, places: RefPlaces, body: bytearray, entry: MapEntry) -> None:
        """Name the order as the counter knows it; by the exchange's number too where its session is gone."""
        front, session, ref = self._refs.counter_name(entry)
        write_ref(places.ref, body, ref)
        if places.keyed:
            write_ref(places.front, body, front)
            write_ref(places.session, body, session)
        system = self._refs.system_of(entry)
        current = (front, session) == (self._binding.front, self._binding.session)
        if system is None or current or places.exchange is None or places.system_id is None:
            return
        if not places.system_id.read(body):
            places.exchange.write(body, system[0])
            places.system_id.write(body, system[1])

    def _point_nowhere(self, front: IntCell, session: IntCell, ref: TextCell | IntCell | None, body: bytearray) -> None:
        """Leave nothing in a cancel that only a lane understands."""
        of_lane = is_virtual(front.read(body)) or (front.read(body) == 0 and session.read(body) == 0)
        if not of_lane:
            return
        # A batch names no order, only the session it cancels in.
        front.write(body, self._binding.front if ref is None else 0)
        session.write(body, self._binding.session if ref is None else 0)
        if isinstance(ref, TextCell):
            ref.write(body, b"")

    def _number_action(
        self, lane: Lane, space: RefSpace, cell: IntCell, places: RefPlaces, body: bytearray
    ) -> Refusal | None:
        # A lane's own action reference is not checked: many terminals leave it 0, and no cancel is to fail for it.
        counter_ref = self._binding.refs.next(space)
        if counter_ref is None:
            return call_reasons.references_used_up(field=space)
        mark = self._binding.mark(counter_ref)
        own_request = places.request_id.read(body) if places.request_id else 0
        self._actions.add(space, counter_ref, Action(lane, cell.read(body), own_request, mark))
        cell.write(body, counter_ref)
        write_ref(places.request_id, body, mark)
        return None


def _choose(lane: Lane, places: RefPlaces, body: bytearray) -> tuple[_Chosen, ...] | Refusal:
    """The lane's references of one insert, main one first."""
    if places.space is None or places.ref is None:
        return ()
    if not places.derived:
        one = _choose_one(lane, places.space, places.ref, read_ref(places.ref, body), body)
        return one if isinstance(one, Refusal) else (one,)
    wanted = [(places.space, places.ref), *((RefSpace.ORDER, cell) for cell in places.derived)]
    numbers = list[int]()
    for space, cell in wanted:
        given = read_ref(cell, body)
        if given is None:
            return call_reasons.reference_malformed(field=space)
        numbers.append(given)
    chosen = dict[int, _Chosen]()
    # A quote may number its two orders either way round; what the terminal left empty comes after what it gave.
    for index in sorted(range(len(wanted)), key=lambda index: (numbers[index] == 0, numbers[index])):
        one = _choose_one(lane, *wanted[index], numbers[index], body)
        if isinstance(one, Refusal):
            return one
        chosen[index] = one
    return tuple(chosen[index] for index in range(len(wanted)))


def _choose_one(
    lane: Lane, space: RefSpace, cell: TextCell | IntCell, number: int | None, body: bytearray
) -> _Chosen | Refusal:
    if number is None:
        return call_reasons.reference_malformed(field=space)
    if space in INT_SPACES:
        return _Chosen(space, cell, str(number), assigned=False)
    if number == 0:
        free = lane.refs.next(space)
        if free is None:
            return call_reasons.references_used_up(field=space)
        return _Chosen(space, cell, str(free), assigned=True)
    last = lane.refs.last(space)
    if number <= last:
        return call_reasons.reference_not_increasing(field=space, given=str(number), last=last)
    lane.refs.used(space, number)
    text = cell.read(body).decode("ascii") if isinstance(cell, TextCell) else str(number)
    return _Chosen(space, cell, text, assigned=False)


def content(method: str, places: RefPlaces, body: bytearray) -> bytes:
    """What is ordered; a repetition may have other references, and come from another address."""
    bare = bytearray(body)
    for cell in (places.ref, places.request_id, places.front, places.session, *places.derived, *places.origin):
        if isinstance(cell, IntCell):
            cell.write(bare, 0)
        elif cell is not None:
            cell.write(bare, b"")
    return digest(method, bare)
