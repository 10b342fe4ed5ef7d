"""One fill: what it does to the order, the positions and the funds, and the returns that tell of it.

Each exchange numbers its matches. Both sides of a match share its TradeID, and so do the legs of a combination,
whose trades name the legs' contracts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from simcounter.events import Effect, TopicNotice
from simcounter.records import Records, Transplant
from simcounter.session import Stamps
from simcounter.trading.legs import Leg
from simcounter.trading.order import Order, OrderStatus
from simcounter.trading.pen import Pen
from simcounter.trading.portfolio import OPEN, Closed, Lot, Portfolio, Position

COMMON = "0"
COMBINATION_DERIVED = "4"
"""CTP's TradeType"""


@dataclass(slots=True)
class Trade:
    """One investor's side of a match, of one contract."""

    order: Order
    leg: Leg
    trade_id: str
    ticks: int
    volume: int
    commission: float
    closed: list[Closed]
    """what it took off the position; empty for an opening trade"""
    body: bytearray
    """the Trade struct"""

    @property
    def investor_id(self) -> str:
        return self.order.investor_id

    def notice(self) -> TopicNotice:
        """OnRtnTrade."""
        return TopicNotice(self.investor_id, "OnRtnTrade", bytes(self.body), user_id=self.order.user_id)


class Fills:
    """The day's trades."""

    def __init__(self, records: Records, stamps: Stamps, trading_day: Callable[[], str]) -> None:
        self._stamps = stamps
        self._trading_day = trading_day
        self._pen = Pen(records.struct("Trade"))
        self._transplant = Transplant.between(records.struct("Order"), self._pen.struct)
        self._blank = records.pack("Trade", {"TradeType": COMMON, "PriceSource": "0"})
        self._matches: Counter[str] = Counter()
        self.trades: list[Trade] = []

    def new_match(self, exchange_id: str) -> str:
        """The TradeID of the exchange's next match, right-aligned in its field."""
        self._matches[exchange_id] += 1
        return f"{self._matches[exchange_id]:>20}"

    def trade(
        self, order: Order, portfolio: Portfolio, leg_ticks: list[int], volume: int, trade_id: str
    ) -> list[Effect]:
        """Books `volume` lots of `order`, each leg at its price: OnRtnOrder, then an OnRtnTrade for each leg."""
        if order.offset == OPEN:
            self._unfreeze_money(order, portfolio, volume)
        order.traded += volume
        status = OrderStatus.PART_TRADED if order.remaining else OrderStatus.ALL_TRADED
        order.become(status, UpdateTime=self._stamps.now()[1])
        if not order.remaining:
            order.resting = None
        effects: list[Effect] = [order.notice()]
        for leg, at in zip(order.legs, leg_ticks, strict=True):
            trade = self._leg_trade(order, leg, portfolio, at, volume, trade_id)
            self.trades.append(trade)
            effects.append(trade.notice())
        return effects

    def _leg_trade(self, order: Order, leg: Leg, portfolio: Portfolio, ticks: int, volume: int, trade_id: str) -> Trade:
        position = portfolio.position(leg.position, leg.instrument)
        commission = leg.instrument.commission(ticks, volume)
        portfolio.commission += commission
        position.commission += commission
        closed: list[Closed] = []
        if order.offset == OPEN:
            position.open_lot(Lot(trade_id, self._trading_day(), ticks, volume, is_today=True))
        else:
            closed = self._close(leg, position, ticks, volume)
            portfolio.close_profit += sum(part.profit for part in closed)
        body = self._body(order, leg, ticks, volume, trade_id)
        return Trade(order, leg, trade_id, ticks, volume, commission, closed, body)

    @staticmethod
    def _unfreeze_money(order: Order, portfolio: Portfolio, volume: int) -> None:
        part = volume / order.remaining
        margin, commission = order.frozen_margin * part, order.frozen_commission * part
        order.frozen_margin -= margin
        order.frozen_commission -= commission
        portfolio.frozen_margin -= margin
        portfolio.frozen_commission -= commission

    @staticmethod
    def _close(leg: Leg, position: Position, ticks: int, volume: int) -> list[Closed]:
        yesterday = min(volume, leg.frozen_yesterday)
        today = volume - yesterday
        leg.frozen_yesterday -= yesterday
        leg.frozen_today -= today
        position.thaw(today, yesterday)
        return position.close(leg.position.side, ticks, today, yesterday)

    def _body(self, order: Order, leg: Leg, ticks: int, volume: int, trade_id: str) -> bytearray:
        """A Trade struct: what it shares with the Order is taken from there."""
        body = bytearray(self._blank)
        self._transplant.into(body, order.body)
        date, time = self._stamps.now()
        self._pen.write_fields(
            body,
            TradeID=trade_id,
            OffsetFlag=order.offset,
            HedgeFlag=order.hedge_flag,
            Price=leg.instrument.price(ticks),
            Volume=volume,
            TradeDate=date,
            TradeTime=time,
            SequenceNo=len(self.trades) + 1,
        )
        if leg.instrument is not order.instrument:
            name = leg.instrument.instrument_id
            self._pen.write_fields(
                body, InstrumentID=name, ExchangeInstID=name, Direction=leg.side.value, TradeType=COMBINATION_DERIVED
            )
        return body

    def rename(self) -> None:
        """The orders have new references: their trades follow."""
        for trade in self.trades:
            self._pen.write_fields(trade.body, OrderRef=trade.order.order_ref)
