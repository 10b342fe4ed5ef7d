"""What the audited stream of orders is given: who sent which order from which terminal, under which names, and what the API said.

On the way of an order nothing is read or written: the two structs are kept as they are, the terminal's and the one that
was sent, and what stands in them is read on the stream's own thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Catalog, Method, Struct
from ctpabi.codec import layout, text
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.port import OrderNote, OrderTrail

_ORDERED: Final = (
    "ExchangeID", "InstrumentID", "Direction", "CombOffsetFlag", "OffsetFlag", "LimitPrice", "VolumeTotalOriginal",
    "Volume", "VolumeChange", "OrderPriceType", "ActionFlag", "BidPrice", "AskPrice", "BidVolume", "AskVolume",
    "BidOffsetFlag", "AskOffsetFlag", "ActionType", "PosiDirection", "OptSelfCloseFlag", "CombDirection", "OffsetType",
    "IsOffset", "UnderlyingInstrID",
)  # fmt: skip
_NAMES: Final = (
    "FrontID", "SessionID", "OrderRef", "OrderActionRef", "ExecOrderRef", "ExecOrderActionRef", "QuoteRef",
    "QuoteActionRef", "ForQuoteRef", "OptionSelfCloseRef", "OptionSelfCloseActionRef", "CombActionRef", "OrderSysID",
    "ExecOrderSysID", "QuoteSysID", "OptionSelfCloseSysID", "OrderLocalID", "RequestID", "ParkedOrderID",
    "ParkedOrderActionID", "AskOrderRef", "BidOrderRef", "ForQuoteSysID", "ReplaceSysID",
)  # fmt: skip
_ORDER_WORDS: Final = "Insert", "Action", "RemoveParked", "OffsetSetting"
"""what stands in the name of every request that orders, changes or takes back; a question may have them too"""
_MOST_REFUSED: Final = 1000
"""refusals that are remembered, because the counter says each of them twice: as the answer, and to all of its sessions"""
_CHANGES: Final = "3"
"""ActionFlag of a change; any other action takes the order back"""


class OrderNotes:
    """Of one counter session."""

    def __init__(self, trail: OrderTrail | None, catalog: Catalog, lanes: Lanes) -> None:
        self._trail = trail
        self._catalog = catalog
        self._lanes = lanes
        self._orders = frozenset(filter(_is_order, catalog.methods))
        self._known: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._day = ""
        self._senders: dict[tuple[int, int], tuple[str, str]] = {}
        """session and app id of the terminals on these lanes, those that have left included"""
        self._investors: dict[tuple[int, int], str] = {}
        self._refusals = frozenset(filter(_is_refusal, catalog.callbacks))
        self._refused_lately: dict[tuple[object, ...], None] = {}

    def begin_day(self, trading_day: str) -> str:
        """What follows is of this day, which is given back."""
        self._day = trading_day
        return trading_day

    def opened(self, link: RouterLink) -> None:
        """A terminal joined."""
        if self._trail is not None:
            lane = link.lane.front, link.lane.session
            self._senders[lane] = link.name, link.lane.identity.app_id
            self._investors[lane] = link.lane.identity.investor_id

    def sent(self, call: OpenCall, written: bytearray, body: bytearray, code: int | None) -> None:
        """The API was called with `body`, made of what the terminal had `written`; code None: it is not known if it took it."""
        if self._trail is not None and call.method.name in self._orders:
            entries = call.outgoing.entries
            self._trail.put(partial(self._sent, call.link, call.method, written, body, entries, code, self._day))

    def heard(self, event: RawEvent) -> None:
        """Something came from the counter: kept where it refuses an order, a change or a cancel that was sent before."""
        if event.rsp_info is None or self._trail is None or event.body is None:
            return
        if event.callback.name in self._refusals and event.error[0]:
            self._refused(self._trail, event, event.body)

    def _refused(self, trail: OrderTrail, event: RawEvent, body: bytes) -> None:
        read = self._lanes.read(event.callback, body, learn=False)
        asker = self._lanes.asker(read)
        sender = self._senders.get(asker) if asker is not None else None
        if sender is None or asker is None:
            return  # another relay's, or another program's
        name = read.order.at_counter if read.order is not None else body
        key = asker, _refuses(event.callback.name), event.error[0], name
        if key in self._refused_lately:
            return
        self._refused_lately[key] = None
        if len(self._refused_lately) > _MOST_REFUSED:
            del self._refused_lately[next(iter(self._refused_lately))]
        investor = self._investors[asker]
        trail.put(partial(self._refusal, sender, investor, event, body, read.order, self._day))

    def look_for_numbers(self) -> None:
        """The exchange's numbers that the latest event brought."""
        fresh = self._lanes.take_numbered()
        if self._trail is None:
            return
        for entry, (exchange, number) in fresh:
            sender = self._senders.get((entry.lane_front, entry.lane_session))
            if sender is not None:
                self._trail.put(partial(_numbered, sender, entry, exchange, number, self._day))

    def _sent(
        self,
        link: RouterLink,
        method: Method,
        written: bytearray,
        body: bytearray,
        entries: tuple[MapEntry, ...],
        code: int | None,
        day: str,
    ) -> OrderNote:
        struct, sent = self._catalog.structs[method.struct], bytes(body)
        ordered, names = self._fields_of(struct)
        asked, at_counter = bytes(written), {name: layout.get(struct, sent, name) for name in names}
        of_terminal = {name: layout.get(struct, asked, name) for name in names}
        if entries:  # an insert: its struct has no front and session, and perhaps no reference of the terminal's
            of_terminal |= _lane_name(entries[0])
            at_counter |= _counter_name(entries[0])
        facts: dict[str, object] = {
            **_who(link.lane.identity.app_id, link.lane.identity.investor_id),
            "call": method.name,
            "return_code": code,
            "order": {name: layout.get(struct, sent, name) for name in ordered},
            "of_terminal": _said(of_terminal),
            "at_counter": _said(at_counter),
        }
        if entries and entries[0].order_key:
            facts["client_order"] = entries[0].order_key
        action = layout.get(struct, sent, "ActionFlag") if "ActionFlag" in ordered else ""
        return OrderNote(_kind(method.name, str(action)), link.name, day, facts)

    def _refusal(
        self,
        sender: tuple[str, str],
        investor: str,
        event: RawEvent,
        body: bytes,
        entry: MapEntry | None,
        day: str,
    ) -> OrderNote:
        session, app_id = sender
        struct = self._catalog.structs[event.callback.struct]
        ordered, names = self._fields_of(struct)
        at_counter: dict[str, object] = {name: layout.get(struct, body, name) for name in names}
        error_id, message = event.error
        facts: dict[str, object] = {
            **_who(app_id, investor),
            "refused": _refuses(event.callback.name),
            "callback": event.callback.name,
            "error_id": error_id,
            "error_msg": text.decode(message),
            "order": {name: layout.get(struct, body, name) for name in ordered},
            "at_counter": _said(at_counter | (_counter_name(entry) if entry is not None else {})),
        }
        if entry is not None:
            facts["of_terminal"] = _lane_name(entry)
        return OrderNote("order_refused", session, day, facts)

    def _fields_of(self, struct: Struct) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What was ordered, and what it is called by, of this struct."""
        known = self._known.get(struct.name)
        if known is None:
            has = {field.name for field in struct.fields}
            ordered, names = (tuple(name for name in wanted if name in has) for wanted in (_ORDERED, _NAMES))
            known = self._known[struct.name] = ordered, names
        return known


def _numbered(sender: tuple[str, str], entry: MapEntry, exchange: bytes, number: bytes, day: str) -> OrderNote:
    session, app_id = sender
    facts: dict[str, object] = {
        **_who(app_id, entry.investor_id),
        "ExchangeID": exchange.decode("gb18030", "replace"),
        "OrderSysID": number.decode("gb18030", "replace"),
        "kind_of_reference": entry.space,
        "of_terminal": _lane_name(entry),
        "at_counter": _counter_name(entry),
    }
    return OrderNote("order_numbered", session, day, facts)


def _lane_name(entry: MapEntry) -> dict[str, object]:
    return {"FrontID": entry.lane_front, "SessionID": entry.lane_session, "Ref": entry.lane_ref}


def _counter_name(entry: MapEntry) -> dict[str, object]:
    return {"FrontID": entry.counter_front, "SessionID": entry.counter_session, "Ref": entry.counter_ref}


def _who(app_id: str, investor_id: str) -> dict[str, object]:
    return {"terminal_app_id": app_id, "investor_id": investor_id}


def _said(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value not in {"", 0}}


def _is_order(method: str) -> bool:
    return not method.startswith("ReqQry") and any(word in method for word in _ORDER_WORDS)


def _is_refusal(callback: str) -> bool:
    """Whether with an error it refuses what was sent before: the answer to it, or the notice to all of the user's sessions."""
    return callback.startswith(("OnRsp", "OnErrRtn")) and _is_order(f"Req{_about(callback)}")


def _about(callback: str) -> str:
    return callback.removeprefix("OnRsp").removeprefix("OnErrRtn")


def _refuses(callback: str) -> str:
    """Which request is refused, by its name at the API; the two callbacks about it give one name."""
    return f"Req{_about(callback)}"


def _kind(method: str, action: str) -> str:
    if method.endswith("Insert") or method == "ReqOffsetSetting":
        return "order_insert"
    return "order_change" if action == _CHANGES else "order_cancel"
