"""Which numbers of the counter's and the exchange's belong to which investor, as the counter itself said today.

In a session that investors share, a cancel may name only what is its investor's. An order of these lanes is known by
their own names. Everything else has the numbers that the counter gave it: OrderSysID and its like with the exchange,
the numbers of parked orders, and the FrontID, SessionID and reference of another program. A number is an investor's once a notice
(OnRtn…), a row of a query or the answer to a parked order said so; whether a terminal was there to
see it does not matter. What a terminal wrote itself and the counter only repeats teaches nothing: refusals, and what an action says
of the order it names.

Bounded: each investor's numbers are kept in two halves, and when the younger is full the older is forgotten. When all
together are too many, the investor with the most loses the older half. What was forgotten is known again as soon as a query shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ctpabi.catalog import Callback, Catalog, Method, Shape, Struct
from ctpabi.codec.cells import TextCell, text_cell
from relay.counter.ctp.identity.scope_table import SCOPES, Scope
from relay.counter.ctp.identity.spelling import number_key
from relay.counter.ctp.lanes.event_keys import NO_KEYS, EventKeys
from relay.counter.ctp.lanes.refs import RefSpace, ref_places
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal

_KINDS: Final = {
    "OrderSysID": "OrderSysID",
    "AskOrderSysID": "OrderSysID",
    "BidOrderSysID": "OrderSysID",
    "QuoteSysID": "QuoteSysID",
    "ReplaceSysID": "QuoteSysID",
    "ExecOrderSysID": "ExecOrderSysID",
    "OptionSelfCloseSysID": "OptionSelfCloseSysID",
    "ParkedOrderID": "ParkedOrderID",
    "ParkedOrderActionID": "ParkedOrderActionID",
}
"""field -> what it numbers. ForQuoteSysID numbers what everybody hears of"""
_REPEATED: Final = "ReplaceSysID"
"""what a terminal wrote, in the counter's word on its quote too"""
_OF_NO_EXCHANGE: Final = frozenset({"ParkedOrderID", "ParkedOrderActionID"})
_TEACHING_ANSWERS: Final = frozenset({"OnRspParkedOrderInsert", "OnRspParkedOrderAction"})
_Key = tuple[str, bytes, bytes] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class ShownLimits:
    """How many numbers are kept."""

    total: int = 1_000_000
    half: int = 50_000
    """an investor's latest of so many are always kept, while all together have room"""


@dataclass(frozen=True, slots=True)
class ShownNumber:
    """A number as the counter writes it, and its exchange; a number of no exchange has none."""

    exchange: bytes
    number: bytes


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The numbers in one struct."""

    size: int
    investor: TextCell
    exchange: TextCell | None
    cells: tuple[tuple[str, TextCell | None], ...]
    """none for the one that the keys have"""
    space: str
    """the RefSpace's value of its triple; empty where it teaches none"""


@dataclass(slots=True)
class _Halves:
    young: dict[_Key, bytes] = field(default_factory=dict)
    old: dict[_Key, bytes] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.young) + len(self.old)


class ShownNumbers:
    """The numbers of one shared counter session, for one trading day."""

    def __init__(self, catalog: Catalog, limits: ShownLimits | None = None) -> None:
        self._limits = limits or ShownLimits()
        taught = {c.name: _taught(catalog.structs.get(c.struct), c) for c in catalog.callbacks.values()}
        self._taught = {name: numbers for name, numbers in taught.items() if numbers is not None}
        self._named = {m.name: _named(catalog.structs[m.struct], m) for m in catalog.requests}
        self.start_day()

    def start_day(self) -> None:
        """A new trading day: its numbers start anew."""
        self._of: dict[bytes, _Halves] = {}
        self._exchanges: set[bytes] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def learn(self, callback: Callback, body: bytes, keys: EventKeys, investor: bytes, *, ours: bool) -> None:
        """The counter says this of `investor`; `ours`: of an order of these lanes, whose triple is known anyway."""
        numbers = self._taught.get(callback.name)
        if numbers is None or len(body) != numbers.size or not investor:
            return
        is_read = keys is not NO_KEYS
        if (keys.investor if is_read else numbers.investor.read(body)) != investor:
            return
        halves = self._of.get(investor)
        if halves is None:
            halves = self._of[investor] = _Halves()
        exchange = keys.exchange if is_read else numbers.exchange.read(body) if numbers.exchange is not None else b""
        exchange = number_key(exchange) if exchange else b""
        for kind, cell in numbers.cells:
            written = keys.number if cell is None else cell.read(body)
            at = b"" if kind in _OF_NO_EXCHANGE else exchange
            if written and (at or kind in _OF_NO_EXCHANGE):
                plain = keys.plain_number if cell is None else number_key(written)
                self._add_number(halves, (kind, at, plain), written)
        if numbers.space and not ours:
            self._add(halves, (numbers.space, keys.front, keys.session, keys.ref or 0), b"")

    def numbered(self, investor: bytes, kind: str, exchange: bytes, written: bytes) -> list[ShownNumber]:
        """This investor's numbers that `written` may stand for; of any exchange, where none is named."""
        halves, key = self._of.get(investor), number_key(written)
        if halves is None or not key:
            return []
        named = number_key(exchange)
        exchanges = (b"",) if kind in _OF_NO_EXCHANGE else (named,) if named else self._exchanges
        found = ((one, _in(halves, (kind, one, written)) or _in(halves, (kind, one, key))) for one in exchanges)
        return [ShownNumber(one, number) for one, number in found if number is not None]

    def has_triple(self, investor: bytes, space: RefSpace, front: int, session: int, ref: int) -> bool:
        """Whether another program's order of this investor has this name."""
        halves = self._of.get(investor)
        return halves is not None and _in(halves, (space.value, front, session, ref)) is not None

    def confine(self, method: Method, investor: bytes, body: bytearray) -> Refusal | None:
        """Refuse a request that names a number beside the order it acts on, unless it is this investor's."""
        found = list[tuple[TextCell, bytes]]()
        for name, cell, at in self._named.get(method.name, ()):
            if not body[cell.start]:  # it names none
                continue
            written = cell.read(body)
            exchange = at.read(body) if at is not None else b""
            shown = self.numbered(investor, _KINDS[name], exchange, written) if number_key(written) else []
            if number_key(written) and not shown:
                return call_reasons.number_not_shown(field=name)
            found.append((cell, shown[0].number if shown else b""))
        for cell, number in found:
            cell.write(body, number)
        return None

    def _add_number(self, halves: _Halves, key: tuple[str, bytes, bytes], written: bytes) -> None:
        if halves.young.get(key) == written or not key[2]:
            return
        held = _in(halves, key)
        if held is not None and held != written:
            key = key[0], key[1], written  # two numbers that differ in spelling alone are two
        self._add(halves, key, written)
        if key[1]:
            self._exchanges.add(key[1])

    def _add(self, halves: _Halves, key: _Key, written: bytes) -> None:
        if key in halves.young:
            return
        if halves.old.pop(key, None) is None:
            self._count += 1
        halves.young[key] = written
        if len(halves.young) >= self._limits.half:
            self._forget_old(halves)
        if self._count > self._limits.total:
            self._forget_old(max(self._of.values(), key=len))

    def _forget_old(self, halves: _Halves) -> None:
        self._count -= len(halves.old)
        halves.old, halves.young = halves.young, {}


def _in(halves: _Halves, key: _Key) -> bytes | None:
    found = halves.young.get(key)
    return found if found is not None else halves.old.get(key)


def _cells(struct: Struct) -> Iterator[tuple[str, TextCell]]:
    for name in _KINDS:
        cell = text_cell(struct, name)
        if cell is not None:
            yield name, cell


def _taught(struct: Struct | None, callback: Callback) -> _Numbers | None:
    """The numbers that the counter gives in this callback; None where it gives none, or only repeats a terminal's."""
    investor = text_cell(struct, "InvestorID") if struct is not None else None
    is_word = callback.shape is Shape.NOTICE or callback.name.startswith("OnRspQry")
    if struct is None or investor is None or not (is_word or callback.name in _TEACHING_ANSWERS):
        return None
    places = ref_places(struct)
    is_action = places is not None and places.action_space is not None
    given = _OF_NO_EXCHANGE if is_action or not is_word else _KINDS.keys() - {_REPEATED}
    in_keys = places.system_id if places is not None else None
    cells = tuple((_KINDS[name], None if cell == in_keys else cell) for name, cell in _cells(struct) if name in given)
    space = ""
    if places is not None and not is_action and is_word and places.keyed and places.ref and places.space:
        space = places.space.value
    if not cells and not space:
        return None
    return _Numbers(struct.size, investor, text_cell(struct, "ExchangeID"), cells, space)


def _named(struct: Struct, method: Method) -> tuple[tuple[str, TextCell, TextCell | None], ...]:
    """The numbers a request names beside the order it acts on, which its own rules look after; and their exchange."""
    if SCOPES.get(method.name) is not Scope.TRADING:
        return ()
    places = ref_places(struct)
    own = places.system_id if places is not None else None
    exchange = text_cell(struct, "ExchangeID")
    return tuple((name, cell, exchange) for name, cell in _cells(struct) if cell != own)
