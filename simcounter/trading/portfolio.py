"""One investor's positions and funds: lots opened today or before, what open orders have frozen, margin, profit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simcounter.trading.book import BookSide
from simcounter.trading.instruments import Instrument

OPEN = "0"
CLOSE_TODAY = "3"
CLOSE_FLAGS = frozenset({"1", "3", "4"})
"""CTP's OffsetFlag: close, close today, close yesterday"""

LastTicks = Callable[[str], int]
"""last price in ticks of an InstrumentID"""


@dataclass(slots=True)
class Lot:
    """One opening trade, as far as it is still open."""

    trade_id: str
    open_date: str
    ticks: int
    volume: int
    is_today: bool
    closed: int = 0
    close_amount: float = 0.0
    """yuan, at the closing prices"""
    profit_by_date: float = 0.0
    profit_by_trade: float = 0.0


@dataclass(frozen=True, slots=True)
class Closed:
    """What one closing trade took off one lot."""

    open_date: str
    open_ticks: int
    basis_ticks: int
    """what the profit by date counts from: the opening price, or yesterday's settlement price"""
    volume: int
    profit: float
    """by date, yuan"""


@dataclass(frozen=True, slots=True)
class PositionKey:
    instrument_id: str
    side: BookSide
    """BUY: a long position"""
    hedge_flag: str


@dataclass(slots=True)
class Position:
    """Lots of one instrument, side and hedge flag; the sums are kept, not counted, because orders ask for them."""

    instrument: Instrument
    today_lots: deque[Lot] = field(default_factory=deque)
    yesterday_lots: deque[Lot] = field(default_factory=deque)
    closed_lots: list[Lot] = field(default_factory=list)
    """closed completely today; CTP goes on showing them until the settlement"""
    today: int = 0
    yesterday: int = 0
    cost: float = 0.0
    """yuan; yesterday's lots count at the previous settlement price"""
    open_cost: float = 0.0
    """yuan, at the opening prices"""
    frozen_today: int = 0
    """lots reserved by closing orders that have not traded"""
    frozen_yesterday: int = 0
    opened: int = 0
    closed: int = 0
    open_amount: float = 0.0
    close_amount: float = 0.0
    commission: float = 0.0
    close_profit: float = 0.0
    close_profit_by_trade: float = 0.0
    yesterday_at_start: int = 0
    previous_margin: float = 0.0

    @property
    def total(self) -> int:
        return self.today + self.yesterday

    @property
    def lots(self) -> list[Lot]:
        return [*self.yesterday_lots, *self.today_lots]

    @property
    def margin(self) -> float:
        return self.cost * self.instrument.product.margin_ratio

    def profit(self, side: BookSide, last_ticks: int) -> float:
        gain = self.instrument.turnover(last_ticks, self.total) - self.cost
        return gain if side is BookSide.BUY else -gain

    def open_lot(self, lot: Lot) -> None:
        if lot.is_today:
            self.today_lots.append(lot)
            self.today += lot.volume
            self.opened += lot.volume
            self.open_amount += self.instrument.turnover(lot.ticks, lot.volume)
        else:
            self.yesterday_lots.append(lot)
            self.yesterday += lot.volume
            self.yesterday_at_start += lot.volume
        self.cost += self.instrument.turnover(self._basis(lot), lot.volume)
        self.open_cost += self.instrument.turnover(lot.ticks, lot.volume)

    def _basis(self, lot: Lot) -> int:
        return lot.ticks if lot.is_today else self.instrument.reference_ticks

    def closable(self, offset: str) -> int:
        """Lots an order with `offset` may still close."""
        free_today = self.today - self.frozen_today
        free_yesterday = self.yesterday - self.frozen_yesterday
        if not self.instrument.product.tells_today_from_yesterday:
            return free_today + free_yesterday
        return free_today if offset == CLOSE_TODAY else free_yesterday

    def freeze(self, offset: str, volume: int) -> int:
        """Reserves `volume` lots, yesterday's first where the exchange does not ask; returns how many are today's."""
        if self.instrument.product.tells_today_from_yesterday:
            today = volume if offset == CLOSE_TODAY else 0
        else:
            today = max(0, volume - (self.yesterday - self.frozen_yesterday))
        self.frozen_today += today
        self.frozen_yesterday += volume - today
        return today

    def thaw(self, today: int, yesterday: int) -> None:
        self.frozen_today -= today
        self.frozen_yesterday -= yesterday

    def close(self, side: BookSide, ticks: int, today: int, yesterday: int) -> list[Closed]:
        """Takes lots off, oldest first."""
        taken = self._take(side, self.yesterday_lots, ticks, yesterday) + self._take(
            side, self.today_lots, ticks, today
        )
        self.today -= today
        self.yesterday -= yesterday
        self.closed += today + yesterday
        self.close_amount += self.instrument.turnover(ticks, today + yesterday)
        self.close_profit += sum(closed.profit for closed in taken)
        return taken

    def _take(self, side: BookSide, lots: deque[Lot], ticks: int, volume: int) -> list[Closed]:
        found: list[Closed] = []
        while volume:
            lot = lots[0]
            taken = min(volume, lot.volume)
            found.append(self._take_from(lot, side, ticks, taken))
            volume -= taken
            if not lot.volume:
                self.closed_lots.append(lots.popleft())
        return found

    def _take_from(self, lot: Lot, side: BookSide, ticks: int, volume: int) -> Closed:
        sign = 1 if side is BookSide.BUY else -1
        proceeds = self.instrument.turnover(ticks, volume)
        cost, open_cost = (self.instrument.turnover(at, volume) for at in (self._basis(lot), lot.ticks))
        by_date, by_trade = sign * (proceeds - cost), sign * (proceeds - open_cost)
        self.cost -= cost
        self.open_cost -= open_cost
        self.close_profit_by_trade += by_trade
        lot.volume -= volume
        lot.closed += volume
        lot.close_amount += proceeds
        lot.profit_by_date += by_date
        lot.profit_by_trade += by_trade
        return Closed(lot.open_date, lot.ticks, self._basis(lot), volume, by_date)

    def carried(self, instrument: Instrument) -> Position:
        """The same lots on the next day, all of them yesterday's, counted at the settlement price."""
        position = Position(instrument)
        for lot in self.lots:
            position.open_lot(Lot(lot.trade_id, lot.open_date, lot.ticks, lot.volume, is_today=False))
        position.previous_margin = position.margin
        return position


@dataclass(slots=True)
class Portfolio:
    investor_id: str
    previous_balance: float
    previous_margin: float = 0.0
    deposit: float = 0.0
    withdraw: float = 0.0
    commission: float = 0.0
    close_profit: float = 0.0
    frozen_margin: float = 0.0
    frozen_commission: float = 0.0
    positions: dict[PositionKey, Position] = field(default_factory=dict)
    confirmed_on: str = ""
    """trading day of the settlement confirmation"""
    confirmed_at: str = ""

    def position(self, key: PositionKey, instrument: Instrument) -> Position:
        return self.positions.setdefault(key, Position(instrument))

    @property
    def margin(self) -> float:
        return sum(position.margin for position in self.positions.values())

    def position_profit(self, last_ticks: LastTicks) -> float:
        return sum(p.profit(key.side, last_ticks(key.instrument_id)) for key, p in self.positions.items())

    def balance(self, last_ticks: LastTicks) -> float:
        moved = self.deposit - self.withdraw + self.close_profit - self.commission
        return self.previous_balance + moved + self.position_profit(last_ticks)

    def available(self, last_ticks: LastTicks) -> float:
        """Money for new orders: floating losses count, floating profits do not."""
        floating = max(0.0, self.position_profit(last_ticks))
        return self.balance(last_ticks) - floating - self.margin - self.frozen_margin - self.frozen_commission

    def carried(self, instruments: Mapping[str, Instrument], settlement_ticks: LastTicks) -> Portfolio:
        """The next day's portfolio: today's profits are balance, positions are yesterday's, frozen is free.

        Positions of contracts that are no more are settled away; their profit is in the balance already.
        """
        carried = Portfolio(self.investor_id, self.balance(settlement_ticks))
        for key, position in self.positions.items():
            if position.total and key.instrument_id in instruments:
                carried.positions[key] = position.carried(instruments[key.instrument_id])
        carried.previous_margin = carried.margin
        return carried
