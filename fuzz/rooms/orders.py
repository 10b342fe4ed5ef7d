"""Calls of several terminals on one operator's session, and the counter's events to them, in any order.

An input is a sequence of steps, each `framed`: one byte that says which terminal and what happens, then its bytes. Two of
the three terminals are one investor's, the third is another's.
"""

from __future__ import annotations

import itertools
from random import Random

from google.protobuf.message import DecodeError

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctprelay.ctp.v1 import events_pb2, requests_pb2, structs_pb2
from fuzz.mutations import any_bytes, framed, message_of, parts, parts_of
from fuzz.targets import Play, promise
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.port import CounterEvent, TerminalCall
from tests.relay.counter.ctp.orders.fed_router import Fed

_CATALOG = load_catalog()
_CALLBACKS = sorted(
    (c for c in _CATALOG.callbacks.values() if c.proto_name and c.shape is not Shape.CONNECTION), key=lambda c: c.name
)
_INVESTORS = ("100001", "100002", "100001")
_NAMES = (
    "BrokerID",
    "InvestorID",
    "UserID",
    "FrontID",
    "SessionID",
    "OrderRef",
    "ExchangeID",
    "InstrumentID",
    "RequestID",
)
"""fields of a request that its events repeat"""
_EVENT, _BREAK, _MOVE = 4, 5, 6
_MOST_WAITING = 10_000


class _Floor:
    """A router with its terminals."""

    def __init__(self) -> None:
        self.fed = Fed()
        self.links: list[RouterLink] = [self.fed.link(investor_id) for investor_id in _INVESTORS]
        self.numbers = itertools.count(1)
        self.checked = 0

    def step(self, part: bytes) -> None:
        head, said = (part[0], part[1:]) if part else (0, b"")
        terminal = head % len(self.links)
        match head >> 5:
            case 4:
                self._event(said)
            case 5:
                self.fed.break_off()
                self.fed.log_in()
            case 6:
                self.fed.move((said[0] if said else 1) / 10)
            case 7:
                self.fed.router.close_link(self.links[terminal], self.fed.now)
                self.fed.pump()
                self.links[terminal] = self.fed.link(_INVESTORS[terminal])
            case _:
                self._call(self.links[terminal], said)
        self._check()

    def _call(self, link: RouterLink, said: bytes) -> None:
        try:
            asked = requests_pb2.Request.FromString(said)
        except DecodeError:
            return
        self.fed.router.submit(link, TerminalCall(asked, next(self.numbers), 3.0), self.fed.now)
        self.fed.pump()

    def _event(self, said: bytes) -> None:
        """An event of any kind; it repeats what the latest request said, changed by the input's own bytes."""
        head, change = said[:5].ljust(5, b"\0"), said[5:]
        callback = _CALLBACKS[int.from_bytes(head[:2], "big") % len(_CALLBACKS)]
        written = self._written()
        sent = written[-1 - head[2] % len(written)] if written else None
        body = self._repeated(callback.struct, sent) if callback.struct and not head[3] & 1 else b""
        for at in range(0, len(change) - 2, 3):
            place = int.from_bytes(change[at : at + 2], "big")
            if place < len(body):
                body = body[:place] + change[at + 2 : at + 3] + body[place + 1 :]
        info = (head[4]).to_bytes(4, "little") + bytes(81) if head[3] & 2 else None
        request_id = 0 if sent is None or head[3] & 4 else sent[0].request_id
        self.fed.router.event(RawEvent(callback, body or None, info, request_id, not head[3] & 8), self.fed.now)
        self.fed.pump()

    def _written(self) -> list[tuple[OpenCall, bytes]]:
        return list(zip(self.fed.sent, self.fed.written, strict=True))

    def _repeated(self, name: str, sent: tuple[OpenCall, bytes] | None) -> bytes:
        struct, values = _CATALOG.structs[name], {}
        if sent is not None:
            asked = layout.unpack(_CATALOG.structs[sent[0].method.struct], sent[1])
            values = {field: asked[field] for field in _NAMES if field in asked and struct.has(field)}
        try:
            return layout.pack(struct, values)
        except layout.LayoutError:  # a field of another size
            return bytes(struct.size)

    def _check(self) -> None:
        for call, body in self._written()[self.checked :]:
            struct = _CATALOG.structs[call.method.struct]
            if struct.has("InvestorID"):
                named = layout.get(struct, body, "InvestorID")
                owner = call.link.lane.identity.investor_id
                promise(named in {owner, ""}, f"{call.method.name}: nothing is sent in another investor's name")
        self.checked = len(self.fed.sent)
        for link, investor_id in zip(self.links, _INVESTORS, strict=True):
            for item in [*link.items.take(), *link.items.make(lambda: 0.0, 1.0)]:
                if isinstance(item, CounterEvent):
                    _is_of(item, investor_id)
            promise(len(link.unanswered) < _MOST_WAITING, "what waits has a bound")


def _is_of(item: CounterEvent, investor_id: str) -> None:
    event = events_pb2.Event.FromString(item.wire)
    body = event.WhichOneof("body")
    row = getattr(event, body) if body else None
    named = getattr(row, "investor_id", "") if body != "empty" else ""
    promise(named in {investor_id, ""}, f"{item.callback}: no terminal sees another investor's name")


def order_calls(data: bytes) -> None:
    """Whatever is asked and answered: no exception, nothing in another's name, nothing of another's is shown."""
    floor = _Floor()
    for part in parts_of(data, 40):
        floor.step(part)


def _does(what: int, terminal: int, more: bytes = b"") -> bytes:
    head = next(value for value in range(what << 5, (what + 1) << 5) if value % len(_INVESTORS) == terminal)
    return bytes([head]) + more


def _asked(name: str) -> bytes:
    request = requests_pb2.Request()
    getattr(request, name).SetInParent()
    return request.SerializeToString()


def _order(terminal: int, ref: int) -> bytes:
    order = structs_pb2.InputOrder(
        instrument_id="rb2701", exchange_id="SHFE", order_ref=str(ref), volume_total_original=1, limit_price=3500.0
    )
    return _does(0, terminal, requests_pb2.Request(order_insert=order).SerializeToString())


def _cancel(terminal: int, ref: int) -> bytes:
    action = structs_pb2.InputOrderAction(order_ref=str(ref), exchange_id="SHFE", order_sys_id=" 12")
    return _does(0, terminal, requests_pb2.Request(order_action=action).SerializeToString())


_AT = [callback.name for callback in _CALLBACKS]


def _heard(name: str, flags: int = 0, error_id: int = 0) -> bytes:
    return _does(_EVENT, 1, _AT.index(name).to_bytes(2, "big") + bytes([0, flags, error_id]))


_METHODS = [method.proto_name for method in _CATALOG.requests]


def _new_step(random: Random) -> bytes:
    terminal = random.randrange(len(_INVESTORS))
    match random.randrange(8):
        case 0 | 1:
            return _does(0, terminal, _asked(random.choice(_METHODS)))
        case 2:
            return _order(terminal, random.randrange(4))
        case 3:
            return _cancel(terminal, random.randrange(4))
        case 4 | 5:
            return _heard(random.choice(_AT), random.randrange(16), random.choice((0, 3, 26, 90)))
        case 6:
            return _does(random.choice((_MOVE, 7)), terminal, random.randbytes(1))
        case _:
            return _does(_BREAK, terminal)


def _other_step(data: bytes, most: int, random: Random) -> bytes:
    if not data or data[0] >> 5 >= _EVENT or random.random() < 0.1:
        return any_bytes(data, most, random)
    return data[:1] + message_of(requests_pb2.Request)(data[1:], most, random)


PLAYS = {
    "order_calls": Play(
        order_calls,
        [
            framed([_order(0, 1), _heard("OnRtnOrder"), _cancel(0, 1), _heard("OnRspOrderAction", 2, 26)]),
            framed([_order(0, 1), _order(1, 1), _heard("OnRtnOrder"), _heard("OnRtnTrade"), _does(_BREAK, 0)]),
            framed([_does(0, 1, _asked("qry_trade")), _heard("OnRspQryTrade", 8), _heard("OnRspQryTrade", 1)]),
            framed([_does(0, 2, _asked("qry_instrument")), _heard("OnRspQryInstrument"), _does(_MOVE, 0, b"\x20")]),
            framed([_order(0, 1), _heard("OnRspError", 2, 90), _does(7, 0), _order(0, 2)]),
        ],
        parts(_other_step, _new_step),
        longest=8192,
    ),
}
"""by target"""
