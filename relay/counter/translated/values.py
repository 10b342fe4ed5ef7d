"""What an adapter and this room say to each other: orders and trades as plain values, in CTP's codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from relay.counter.port import NativeError

Values = dict[str, Any]
"""a struct of CTP's: field name -> value"""


@dataclass(frozen=True, slots=True)
class SentName:
    """An order as its terminal knows it, and the number under which it is sent."""

    front: int
    session: int
    ref: str
    number: int
    """unique among the firm's relay processes for the day, below 10^9"""

    @property
    def key(self) -> str:
        """The same as one text, for a field of the counter's that takes one; `names.read_key` reads it."""
        return f"{self.front}.{self.session}.{self.ref}.{self.number}"


@dataclass(frozen=True, slots=True)
class NewOrder:
    """One order on its way to the counter."""

    name: SentName
    values: Values
    """the InputOrder, its identity written by the relay"""


@dataclass(frozen=True, slots=True)
class OrderState:
    """What the counter says of one order; `OrderSysID` is its number there."""

    native_id: str
    exchange_id: str
    instrument_id: str
    direction: str
    offset: str
    hedge: str
    price: float
    volume: int
    traded: int = 0
    canceled: int = 0
    is_rejected: bool = False
    """accepted by the counter, and refused afterwards"""
    is_confirmed: bool = True
    """False: the counter has it, and does not say yet what became of it"""
    text: str = ""
    insert_date: str = ""
    insert_time: str = ""
    price_type: str = "2"
    name: SentName | None = None
    """None: the counter did not say whose it is"""


@dataclass(frozen=True, slots=True)
class TradeState:
    """What the counter says of one trade."""

    trade_id: str
    exchange_id: str
    native_id: str
    """the order's"""
    instrument_id: str
    direction: str
    offset: str
    hedge: str
    price: float
    volume: int
    trade_date: str = ""
    trade_time: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is told once by: both sides of a match may be of one account."""
        return self.exchange_id, self.trade_id, self.direction


@dataclass(slots=True)
class KnownOrder:
    """One order of an account, as far as the relay knows it."""

    state: OrderState
    name: SentName | None
    """None: another program's"""
    sent: Values = field(default_factory=dict)
    """the InputOrder, where it went through this process"""
    sender: str = ""
    """the terminal session it came from; empty where that is over or another's"""
    from_trades: int = 0
    """lots of the trades that were told"""
    in_doubt: bool = False
    """it was sent, and whether the counter has it is not known"""
    request_id: int = 0
    """the terminal's own, of the request that sent it"""
    told: Values = field(default_factory=dict)
    """what terminals heard of it last"""

    def as_it_is(self) -> KnownOrder:
        """What terminals see of it now, whatever becomes of it; `copy` takes ten times as long."""
        return KnownOrder(self.state, self.name, self.sent, from_trades=self.from_trades)

    @property
    def traded(self) -> int:
        return max(self.state.traded, self.from_trades)

    @property
    def is_final(self) -> bool:
        return self.status in {"0", "5"}

    @property
    def status(self) -> str:
        """CTP's OrderStatus."""
        state = self.state
        if state.is_rejected:
            return "5"
        if state.volume and self.traded >= state.volume:
            return "0"
        if state.canceled:
            return "5"
        if self.traded:
            return "1"
        return "3" if state.is_confirmed and state.native_id else "a"


class NotSent(Exception):
    """The counter is not connected at this moment: nothing was sent."""


class AnswerLost(Exception):
    """It was sent, and no answer came: the connection broke, or the time was over."""


class NativeRefused(Exception):
    """The counter refused it, in its own words."""

    def __init__(self, error: NativeError) -> None:
        super().__init__(f"{error.code}: {error.text}")
        self.error = error
