"""One fill: what it does to the order, the position and the funds, and the two returns that tell of it."""

from __future__ import annotations

from collections.abc import Callable

from simcounter.events import Effect, Notice
from simcounter.records import Records, Transplant
from simcounter.session import Stamps
from simcounter.trading.order import Order, OrderStatus
from simcounter.trading.pen import Pen
from simcounter.trading.portfolio import OPEN, Lot, Portfolio, Position


class Fills:
    """The day's trades."""

    def __init__(self, records: Records, stamps: Stamps, trading_day: Callable[[], str]) -> None:
        self._stamps = stamps
        self._trading_day = trading_day
        self._pen = Pen(records.struct("Trade"))
        self._transplant = Transplant.between(records.struct("Order"), self._pen.struct)
        self._blank = records.pack("Trade", {"TradeType": "0", "PriceSource": "0"})
        self.trades: list[tuple[str, bytes]] = []

    def trade(self, order: Order, portfolio: Portfolio, ticks: int, volume: int) -> list[Effect]:
        """Books `volume` lots at `ticks` for `order`: OnRtnOrder, then OnRtnTrade."""
        number = len(self.trades) + 1
        trade_id = f"{number:>20}"
        self._book(order, portfolio, ticks, volume, trade_id)
        order.traded += volume
        status = OrderStatus.PART_TRADED if order.remaining else OrderStatus.ALL_TRADED
        order.become(status, UpdateTime=self._stamps.now()[1])
        if not order.remaining:
            order.resting = None
        body = self._trade_body(order, ticks, volume, trade_id, number)
        self.trades.append((order.investor_id, body))
        return [order.notice(), Notice(order.investor_id, "OnRtnTrade", body, user_id=order.user_id)]

    def _book(self, order: Order, portfolio: Portfolio, ticks: int, volume: int, trade_id: str) -> None:
        instrument = order.instrument
        position = portfolio.position(order.position_key, instrument)
        commission = instrument.commission(ticks, volume)
        portfolio.commission += commission
        position.commission += commission
        if order.offset == OPEN:
            self._unfreeze_money(order, portfolio, volume)
            position.open(Lot(trade_id, self._trading_day(), ticks, volume, is_today=True))
            return
        portfolio.close_profit += self._close(order, position, ticks, volume)

    @staticmethod
    def _unfreeze_money(order: Order, portfolio: Portfolio, volume: int) -> None:
        part = volume / order.remaining
        margin, commission = order.frozen_margin * part, order.frozen_commission * part
        order.frozen_margin -= margin
        order.frozen_commission -= commission
        portfolio.frozen_margin -= margin
        portfolio.frozen_commission -= commission

    @staticmethod
    def _close(order: Order, position: Position, ticks: int, volume: int) -> float:
        yesterday = min(volume, order.frozen_yesterday)
        today = volume - yesterday
        order.frozen_yesterday -= yesterday
        order.frozen_today -= today
        position.thaw(today, yesterday)
        return position.close(order.position_key.side, ticks, today, yesterday)

    def _trade_body(self, order: Order, ticks: int, volume: int, trade_id: str, number: int) -> bytes:
        """A Trade struct: what it shares with the Order is taken from there."""
        body = bytearray(self._blank)
        self._transplant.into(body, order.body)
        date, time = self._stamps.now()
        self._pen.put(
            body,
            TradeID=trade_id,
            OffsetFlag=order.offset,
            HedgeFlag=order.hedge_flag,
            Price=order.instrument.price(ticks),
            Volume=volume,
            TradeDate=date,
            TradeTime=time,
            SequenceNo=number,
        )
        return bytes(body)
