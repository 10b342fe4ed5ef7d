"""Following one order through the notices until nothing more will happen to it (CTP facts 57, 58 and 72)."""

from __future__ import annotations

from dataclasses import dataclass

from ctpabi.facts.errors import NEVER_ANSWERED
from ctprelay.ctp.v1 import enums_pb2, events_pb2
from terminal_client.messages_text import short_name

DEAD = frozenset({
    enums_pb2.ORDER_STATUS_CANCELED,
    enums_pb2.ORDER_STATUS_PART_TRADED_NOT_QUEUEING,
    enums_pb2.ORDER_STATUS_NO_TRADE_NOT_QUEUEING,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderKey:
    """The names of one order of this session."""

    front_id: int
    session_id: int
    order_ref: str
    request_id: int


class OrderFate:
    """What is known about the order; feed it every notice."""

    def __init__(self, key: OrderKey) -> None:
        self.key = key
        self.rejected = False
        """by the counter or the exchange"""
        self.state = "sent"
        self.traded = 0
        """volume of the trades seen"""
        self._due = 0
        self._dead = False
        self._order_sys_id = ("", "")

    @property
    def decided(self) -> bool:
        """Nothing more will happen: rejected, canceled, or all of its trades are there."""
        return self.rejected or (self._dead and self.traded >= self._due)

    def take(self, event: events_pb2.Event) -> bool:
        """Take in one notice; whether it is about this order."""
        match event.WhichOneof("body"):
            case "rtn_order":
                return self._order(event)
            case "rtn_trade":
                return self._trade(event)
            case "rsp_order_insert" | "rsp_error":
                return self._error(event, mine=event.request_id == self.key.request_id)
            case "err_rtn_order_insert":
                return self._error(event, mine=same_ref(event.err_rtn_order_insert.order_ref, self.key.order_ref))
            case _:
                return False

    def _order(self, event: events_pb2.Event) -> bool:
        order, key = event.rtn_order, self.key
        if (order.front_id, order.session_id) != (key.front_id, key.session_id):
            return False
        if not same_ref(order.order_ref, key.order_ref):
            return False
        if order.order_sys_id.strip():
            self._order_sys_id = (order.exchange_id, order.order_sys_id)
        self.rejected = order.order_submit_status == enums_pb2.ORDER_SUBMIT_STATUS_INSERT_REJECTED
        self.state = "rejected" if self.rejected else short_name(enums_pb2.OrderStatus.DESCRIPTOR, order.order_status)
        self._due = order.volume_traded
        self._dead = order.order_status in DEAD or order.order_status == enums_pb2.ORDER_STATUS_ALL_TRADED
        return True

    def _trade(self, event: events_pb2.Event) -> bool:
        trade = event.rtn_trade
        if not self._order_sys_id[1] or (trade.exchange_id, trade.order_sys_id) != self._order_sys_id:
            return False
        self.traded += trade.volume
        return True

    def _error(self, event: events_pb2.Event, *, mine: bool) -> bool:
        if mine and event.rsp_info.error_id == NEVER_ANSWERED:
            self.state = "unknown"  # it was sent, and no answer will come: its notices may still
        elif mine:
            self.rejected, self.state = True, "rejected"
        return mine


def same_ref(one: str, other: str) -> bool:
    """Order references are numbers in text, with blanks around them at some counters."""
    return one.strip() == other.strip() != ""
