"""One accepted order: what matching needs as attributes, what CTP shows as the bytes of its Order struct."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simcounter.events import TopicNotice
from simcounter.trading.book import BookSide, Resting
from simcounter.trading.instruments import Instrument
from simcounter.trading.legs import Leg
from simcounter.trading.pen import Pen


class OrderStatus(StrEnum):
    """CTP's OrderStatus, the values the counter uses."""

    ALL_TRADED = "0"
    PART_TRADED = "1"
    QUEUEING = "3"
    CANCELED = "5"
    UNKNOWN = "a"


STATUS_TEXT = {
    OrderStatus.ALL_TRADED: "全部成交",
    OrderStatus.PART_TRADED: "部分成交",
    OrderStatus.QUEUEING: "未成交",
    OrderStatus.CANCELED: "已撤单",
    OrderStatus.UNKNOWN: "报单已提交",
}
ACCEPTED = "3"
INSERT_REJECTED = "4"
"""CTP's OrderSubmitStatus"""


@dataclass(slots=True)
class Order:
    key: int
    """number within the counter's day"""
    instrument: Instrument
    side: BookSide
    offset: str
    """CTP's OffsetFlag"""
    hedge_flag: str
    limit_ticks: int
    volume: int
    investor_id: str
    user_id: str
    """who sent it: the investor or an operator"""
    order_ref: str
    pen: Pen
    body: bytearray
    """the Order struct, kept current"""
    legs: list[Leg]
    system_id: int = 0
    """its number at the exchange, as OrderSysID; 0 until the exchange has it"""
    traded: int = 0
    status: OrderStatus = OrderStatus.UNKNOWN
    frozen_margin: float = 0.0
    frozen_commission: float = 0.0
    resting: Resting | None = None

    @property
    def remaining(self) -> int:
        return self.volume - self.traded

    @property
    def is_final(self) -> bool:
        return self.status in {OrderStatus.ALL_TRADED, OrderStatus.CANCELED}

    def become(self, status: OrderStatus, text: str = "", **fields: Any) -> None:
        """Moves to `status` and writes everything that follows from it into the struct."""
        self.status = status
        self.pen.write_fields(
            self.body,
            OrderStatus=status.value,
            VolumeTraded=self.traded,
            VolumeTotal=self.remaining,
            StatusMsg=text or STATUS_TEXT[status],
            **fields,
        )

    def notice(self) -> TopicNotice:
        """OnRtnOrder as of now."""
        return TopicNotice(self.investor_id, "OnRtnOrder", bytes(self.body), user_id=self.user_id)
