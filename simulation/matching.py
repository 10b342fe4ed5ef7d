"""What becomes of an order at the counter: everything CTP allows, decided by the order's own dice.

An order is refused by the counter, rejected by the exchange, stands, trades in parts or is filled; its states may come twice
and a trade before the state that counts it (CTP facts 57, 58, 72). All of it is said in one order to every session that
may hear of it, and is said again after every login (CTP facts 53 and 70).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from ctpabi.api.spi import RawEvent
from simulation.rules import Rules
from simulation.structs import EXCHANGE, answered, changed, packed, read, said

OVER = frozenset("05")
_TRIPLE = ("FrontID", "SessionID", "OrderRef")
_KEPT = (
    "BrokerID", "InvestorID", "UserID", "OrderRef", "Direction", "LimitPrice", "VolumeTotalOriginal", "RequestID",
    "InstrumentID", "CombOffsetFlag", "CombHedgeFlag",
)  # fmt: skip
"""what of an order its notices repeat"""
_REFUSALS = (15, 22, 26, 30, 31, 42, 50, 51, 90)
"""ErrorIDs that an order may be refused with"""


class Hears(Protocol):
    """A connection that asked, and hears the answer."""

    user_id: str
    front_id: int
    session_id: int

    def say(self, event: RawEvent) -> None:
        """It hears this."""


@dataclass(eq=False)
class MatchedOrder:
    """One order of the day."""

    tag: int
    investor: str
    volume: int
    body: bytes = field(repr=False)
    """its OnRtnOrder as it is now"""
    triple: tuple[int, int, int]
    traded: int = 0
    status: str = "a"
    system_id: str = ""
    trades: list[str] = field(default_factory=list)
    """TradeIDs"""


class Matching:
    """The orders of one trading day."""

    def __init__(
        self, seed: int, rules: Rules, later: Callable[..., object], publish: Callable[[str, RawEvent], None]
    ) -> None:
        """`publish` says an event to every session that may hear of the investor, now and after later logins."""
        self._seed, self._rules, self._later, self._publish = seed, rules, later, publish
        self.start_day("")

    def start_day(self, day: str) -> None:
        """Yesterday's orders are gone."""
        self._day = day
        self.orders: dict[int, MatchedOrder] = {}
        self._by_triple: dict[tuple[int, int, int], MatchedOrder] = {}
        self._numbers = 0

    def of(self, investor: str) -> list[MatchedOrder]:
        """The orders of one investor that the counter took."""
        return [order for order in self.orders.values() if order.investor == investor]

    def insert(self, asker: Hears, body: bytes, request_id: int) -> None:
        """A ReqOrderInsert has arrived."""
        tag = int(read("InputOrder", body, "LimitPrice"))
        dice = Random(f"{self._seed}/{self._day}/{tag}")
        if dice.random() < 0.06:
            error_id = dice.choice(_REFUSALS)
            asker.say(answered("OnRspOrderInsert", request_id, body, error_id))
            self._publish(read("InputOrder", body, "InvestorID"), answered("OnErrRtnOrderInsert", 0, body, error_id))
            return
        order = self._taken(asker, tag, body)
        self._state(order, dice, "a", "0")
        self._later(dice.uniform(0.0005, 0.3), self._at_exchange, self._day, order, dice)

    def _taken(self, asker: Hears, tag: int, body: bytes) -> MatchedOrder:
        values = dict(zip(_KEPT, read("InputOrder", body, *_KEPT), strict=True))
        values |= {"ExchangeID": EXCHANGE, "FrontID": asker.front_id, "SessionID": asker.session_id}
        values["TradingDay"] = self._day
        triple = asker.front_id, asker.session_id, int(values["OrderRef"])
        order = MatchedOrder(
            tag, values["InvestorID"], values["VolumeTotalOriginal"], packed("Order", **values), triple
        )
        self.orders[tag] = self._by_triple[triple] = order
        return order

    def _at_exchange(self, day: str, order: MatchedOrder, dice: Random) -> None:
        if day != self._day or order.status in OVER:
            return
        if dice.random() < 0.05:
            self._state(order, dice, "5", "4")
            return
        self._numbers += 1
        order.system_id = str(self._numbers).rjust(12)
        if dice.random() < 0.2:
            self._trade(day, order, dice, early=True)  # filled at once: the trade is the first to name its number
            return
        self._state(order, dice, "3", "3")
        if dice.random() < 0.6:
            self._later(dice.uniform(0.0, 2.0), self._trade, day, order, dice)

    def _trade(self, day: str, order: MatchedOrder, dice: Random, *, early: bool = False) -> None:
        if day != self._day or order.status in OVER:
            return
        volume = dice.randint(1, order.volume - order.traded)
        order.traded += volume
        order.trades.append(f"{order.tag}-{len(order.trades)}")
        names = ("BrokerID", "InvestorID", "UserID", "InstrumentID", "OrderRef", "Direction")
        values = dict(zip(names, read("Order", order.body, *names), strict=True))
        values |= {"ExchangeID": EXCHANGE, "OrderSysID": order.system_id, "TradeID": order.trades[-1]}
        trade = said("OnRtnTrade", packed("Trade", **values, Volume=volume, Price=float(order.tag), TradingDay=day))
        status = "0" if order.traded == order.volume else "1"
        early = early or dice.random() < 0.3
        if early:
            self._say(order, dice, trade)
        self._state(order, dice, status, "3")
        if not early:
            self._say(order, dice, trade)
        if status == "1" and dice.random() < 0.7:
            self._later(dice.uniform(0.0, 5.0), self._trade, day, order, dice)

    def cancel(self, asker: Hears, body: bytes, request_id: int) -> None:
        """A ReqOrderAction has arrived."""
        front, session, ref, system_id = read("InputOrderAction", body, *_TRIPLE, "OrderSysID")
        wanted = int(read("InputOrderAction", body, "LimitPrice"))
        order = self._by_triple.get((front, session, int(ref or 0)))
        if order is None and system_id.strip():
            order = next((one for one in self.orders.values() if one.system_id.strip() == system_id.strip()), None)
        if wanted in self.orders:
            found = order.tag if order is not None else None
            self._rules.hold("cancel", f"order {wanted} was named, {found} was reached", is_so=found == wanted)
        if order is None or order.status in OVER:
            asker.say(answered("OnRspOrderAction", request_id, body, 25 if order is None else 26))
            return
        dice = Random(f"{self._seed}/{self._day}/{order.tag}/cancel")
        self._later(dice.uniform(0.0, 0.2), self._cancelled, self._day, order, dice)

    def _cancelled(self, day: str, order: MatchedOrder, dice: Random) -> None:
        if day == self._day and order.status not in OVER:
            self._state(order, dice, "5", "3")

    def _state(self, order: MatchedOrder, dice: Random, status: str, submitted: str) -> None:
        order.status = status
        order.body = changed(
            "Order",
            order.body,
            OrderStatus=status,
            OrderSubmitStatus=submitted,
            OrderSysID=order.system_id,
            VolumeTraded=order.traded,
            VolumeTotal=order.volume - order.traded,
        )
        self._say(order, dice, said("OnRtnOrder", order.body))

    def _say(self, order: MatchedOrder, dice: Random, event: RawEvent) -> None:
        self._publish(order.investor, event)
        if dice.random() < 0.1:
            self._publish(order.investor, event)
